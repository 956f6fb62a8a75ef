"""Lessons in a real browser, in the student edition: they run, their sliders move the picture, and no callback fails.

This is the one run of that edition, as if PyBLP were not installed. Without chromium these tests are skipped, and `test_editions.py`
runs it; where CI is set, they fail instead.
"""

import os

import pytest

from blpteach.tables.datasets import shipped

import browser

LESSONS = sorted(path.name for path in shipped("lessons").glob("[0-9][0-9]_*.ipynb"))


@pytest.fixture(scope="module")
def page():
    path = browser.find_chromium()
    if path is None:
        missing = ("NO BROWSER, SO NO LESSON WAS TRIED IN ONE: install chromium (Debian: apt-get install chromium), "
                   "or name one in BLPTEACH_CHROMIUM")
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    with browser.chromium_page(path) as page:
        yield page


@pytest.fixture(scope="module")
def server(tmp_path_factory, without_pyblp):
    with browser.lab_server(tmp_path_factory.mktemp("lab"), variables=without_pyblp) as server:
        yield server


@pytest.mark.slow
@pytest.mark.parametrize("lesson", LESSONS)
def test_sliders_move_the_picture(page, server, lesson, tmp_path):
    browser.open_lesson(page, server, lesson)
    assert page.locator(".Toastify__toast").count() == 0, "a box covers a corner of the page"
    notebook = browser.run_all(page, server, lesson)
    assert browser.cell_errors(notebook) == []
    assert not [cell for cell in notebook["cells"] if "solution" in cell["metadata"].get("tags", [])]
    browser.scroll_to_widget(page)
    for slider in range(page.locator(browser.SLIDERS).count()):
        assert browser.move_slider(page, slider), f"slider {slider} of {lesson} leaves the picture as it was"
    browser.press_reset_while_the_slider_moves(page)
    page.locator(browser.PICTURE).first.scroll_into_view_if_needed()
    browser.screenshot(page, tmp_path / f"{lesson.removesuffix('.ipynb')}.png")
    browser.wait_until(lambda: server.idle(lesson), 30, "the widget to rest")
    assert browser.logged(page) == 0, "a callback failed: see the log of JupyterLab"
    browser.close_lesson(page, server, lesson)
