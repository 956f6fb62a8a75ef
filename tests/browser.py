"""Drive a lesson in JupyterLab as a reader would: open it, run it, move its sliders, look.

JupyterLab keeps in the page only the cells that are in view, so that what is true of a whole notebook
is read from the server and from the saved file, and what a reader sees is scrolled to first.
"""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync")
VIEWPORT = {"width": 1280, "height": 800}
LESSON = ".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook"
SLIDERS = f"{LESSON} .noUi-handle"
PICTURE = f"{LESSON} img.widget-image"
LOG_COUNTER = ".jp-LogConsoleStatusItem:not(.lm-mod-hidden)"


def find_chromium():
    """Say where chromium is: BLPTEACH_CHROMIUM, or on the path, or Debian's; None if nowhere."""
    candidates = (os.environ.get("BLPTEACH_CHROMIUM"), shutil.which("chromium"), "/usr/bin/chromium")
    return next((path for path in candidates if path and Path(path).is_file()), None)


@contextmanager
def chromium_page(path):
    """Give a page of a headless chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        try:
            yield browser.new_page(viewport=VIEWPORT)
        finally:
            browser.close()


@dataclass
class Server:
    """A running ``blpteach lab``."""

    url: str
    token: str
    folder: Path

    def get(self, path):
        """Ask the server's API."""
        with urllib.request.urlopen(f"{self.url}api/{path}?token={self.token}", timeout=30) as answer:
            return json.load(answer)

    def idle(self, lesson):
        """Whether the lesson has a kernel, and that kernel does nothing."""
        states = [session["kernel"]["execution_state"] for session in self.get("sessions")
                  if session["path"] == lesson]
        return states == ["idle"]


@contextmanager
def lab_server(directory, command=(sys.executable, "-m", "blpteach"), timeout=90, variables=None):
    """Start ``blpteach lab --no-browser`` in `directory` with settings of its own, and stop it at the end."""
    environment = {**os.environ, **(variables or {}), **{f"JUPYTER_{kind}_DIR": str(directory / f"jupyter-{kind.lower()}")
                                                         for kind in ("CONFIG", "RUNTIME", "DATA")}}
    arguments = [*command, "lab", "--no-browser", "--port", str(free_port())]
    arguments += ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    log = directory / "lab.log"
    with log.open("w") as output:
        process = subprocess.Popen(arguments, cwd=directory, env=environment, stdout=output, stderr=output)
    try:
        wait_until(lambda: process.poll() is not None or _server_files(directory), timeout, "a running server")
        if process.poll() is not None:
            raise RuntimeError(f"blpteach lab ended with {process.returncode}:\n{log.read_text()}")
        found = json.loads(_server_files(directory)[0].read_text())
        server = Server(found["url"], found["token"], directory / "blpteach-lessons")
        wait_until(lambda: answers(server), timeout, "an answer of the server")
        yield server
    finally:
        process.terminate()
        process.wait(timeout=30)


def answers(server):
    """Whether the server answers its API."""
    try:
        return "version" in server.get("")
    except OSError:
        return False


def free_port():
    """Find a port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return free.getsockname()[1]


def wait_until(condition, timeout, what):
    """Wait until `condition()` is true; what it is that did not happen is named in the error."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout} s for {what}")
        time.sleep(0.2)


def open_lesson(page, server, lesson):
    """Open a lesson, from the list of files where JupyterLab has loaded already, and wait until the server reports its kernel idle."""
    if page.url.startswith(server.url):
        page.dblclick(f".jp-DirListing-item:has-text('{lesson}')")
    else:
        page.goto(f"{server.url}lab/tree/{lesson}?reset&token={server.token}")
    page.wait_for_selector(f"{LESSON} .jp-Cell", timeout=60_000)
    wait_until(lambda: server.idle(lesson), 60, f"the kernel of {lesson}")


def close_lesson(page, server, lesson):
    """Close the lesson and shut its kernel down, as the File menu does."""
    page.click(".lm-MenuBar-item:has-text('File')")
    page.click("li[data-command='filemenu:close-and-cleanup']")
    page.click(".jp-Dialog .jp-mod-accept")
    wait_until(lambda: not server.get("sessions"), 30, f"the kernel of {lesson} to go")


def run_all(page, server, lesson, timeout=300):
    """Run all cells by the menu and wait for the last; return the notebook as the reader would save it."""
    page.click(".lm-MenuBar-item:has-text('Run')")
    page.click("li[data-command='runmenu:run-all']")
    page.wait_for_timeout(1000)
    wait_until(lambda: server.idle(lesson) and all(counts(saved(page, server, lesson))), timeout,
               f"the cells of {lesson}")
    return saved(page, server, lesson)


def saved(page, server, lesson):
    """Save the notebook and read the file, again where the server was still writing it."""
    page.keyboard.press("Control+s")
    for _ in range(60):
        page.wait_for_timeout(500)
        try:
            return json.loads((server.folder / lesson).read_text(encoding="utf-8"))
        except json.JSONDecodeError:
            continue
    raise TimeoutError(f"waited 30 s for {lesson} to be written")


def counts(notebook):
    """List the execution counts of code cells that hold code: None where one has not been run."""
    return [cell["execution_count"] for cell in notebook["cells"]
            if cell["cell_type"] == "code" and "".join(cell["source"]).strip()]


def cell_errors(notebook):
    """List the errors that a notebook's outputs keep."""
    return [f"{output['ename']}: {output['evalue']}" for cell in notebook["cells"]
            for output in cell.get("outputs", []) if output["output_type"] == "error"]


def scroll_to_widget(page):
    """Scroll from the top until a slider is in the page, then bring it into view."""
    page.locator(f"{LESSON} .jp-WindowedPanel-outer, {LESSON}.jp-WindowedPanel-outer").first.hover()
    page.mouse.wheel(0, -1_000_000)
    for _ in range(400):
        if page.locator(SLIDERS).count():
            page.locator(SLIDERS).first.scroll_into_view_if_needed()
            page.wait_for_timeout(500)
            return
        page.mouse.wheel(0, 300)
        page.wait_for_timeout(50)
    raise AssertionError("no slider in the notebook")


def move_slider(page, number=0, key="ArrowRight", times=1):
    """Move a slider as a reader does without a mouse; return whether the picture became another one."""
    before = picture(page)
    page.locator(SLIDERS).nth(number).focus()
    for _ in range(times):
        page.keyboard.press(key)
    for _ in range(100):
        page.wait_for_timeout(100)
        if picture(page) != before:
            return True
    return False


def press_reset_while_the_slider_moves(page, number=0):
    """Press keys on a slider, then the button `reset` at once: the slider must end where it started."""
    reset = page.locator(f"{LESSON} button:has-text('reset')").first
    slider = page.locator(SLIDERS).nth(number)
    reset.click()
    page.wait_for_timeout(1000)
    start = slider.get_attribute("aria-valuenow")
    slider.focus()
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
    reset.click()
    page.wait_for_timeout(1500)
    assert slider.get_attribute("aria-valuenow") == start, "a position of before the click came back"


def picture(page):
    """Hash the picture that the widget shows."""
    encoded = page.locator(PICTURE).first.evaluate(
        """async image => {
            const bytes = new Uint8Array(await (await fetch(image.src)).arrayBuffer());
            return Array.from(bytes, byte => byte.toString(16).padStart(2, "0")).join("");
        }""")
    return hashlib.sha256(encoded.encode()).hexdigest()


def logged(page):
    """Count the entries of JupyterLab's log, where the exceptions of widget callbacks go."""
    counter = page.locator(LOG_COUNTER)
    return int(counter.inner_text().strip() or 0) if counter.count() else 0


def screenshot(page, path):
    """Keep a picture of the page at `path`, and in BLPTEACH_SCREENSHOTS if that names a folder."""
    page.screenshot(path=path)
    if os.environ.get("BLPTEACH_SCREENSHOTS"):
        folder = Path(os.environ["BLPTEACH_SCREENSHOTS"])
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder)


def _server_files(directory):
    """List the files in which running servers say where they are."""
    return list((directory / "jupyter-runtime").glob("jpserver-*.json"))
