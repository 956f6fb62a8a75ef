"""The command line, and the working copy of the lessons that it keeps."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import blpteach
from blpteach import cli
from blpteach.examples import EXAMPLES
from blpteach.course import working_copy
from blpteach.course.working_copy import MANIFEST, copy_lessons, hash_sources


def notebook(*sources, outputs=(), count=None, tags=()):
    """Write a notebook of code cells as JSON, all with these tags."""
    cells = [{"cell_type": "code", "id": f"c{number}", "metadata": {"tags": list(tags)} if tags else {}, "execution_count": count,
              "outputs": list(outputs), "source": source} for number, source in enumerate(sources)]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def sources(path):
    """List the sources of a notebook's cells."""
    return ["".join(cell["source"]) for cell in json.loads(path.read_text())["cells"]]


@pytest.fixture
def shipped_lessons(tmp_path, monkeypatch):
    """Ship two small lessons and a syllabus in place of the real ones."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    (folder / "00_first.ipynb").write_text(notebook("x = 1"))
    (folder / "01_second.ipynb").write_text(notebook("y = 1", "y"))
    (folder / "README.md").write_text("syllabus")
    monkeypatch.setattr(working_copy, "shipped", lambda name: folder)
    return folder


FILES = ["00_first.ipynb", "01_second.ipynb", "README.md"]


def test_first_copy_is_complete(shipped_lessons, tmp_path):
    report = copy_lessons(tmp_path / "deep" / "copy")
    assert report.written == FILES and report.edition == "student"
    for name in FILES[:2]:
        assert sources(report.folder / name) == sources(shipped_lessons / name)
    assert (report.folder / "README.md").read_text() == "syllabus"


def test_what_was_only_run_is_updated(shipped_lessons, tmp_path):
    copy = copy_lessons(tmp_path / "copy").folder / "00_first.ipynb"
    copy.write_text(notebook(["x = ", "1"], outputs=[{"output_type": "stream", "name": "stdout", "text": "!"}], count=7))
    (shipped_lessons / "00_first.ipynb").write_text(notebook("x = 2"))
    (shipped_lessons / "README.md").write_text("new syllabus")
    report = copy_lessons(tmp_path / "copy")
    assert report.updated == ["00_first.ipynb", "README.md"]
    assert sources(copy) == ["x = 2"] and (report.folder / "README.md").read_text() == "new syllabus"


def test_outputs_stay_while_the_shipped_sources_do(shipped_lessons, tmp_path):
    copy = copy_lessons(tmp_path / "copy").folder / "00_first.ipynb"
    copy.write_text(notebook("x = 1", count=7))
    assert copy_lessons(tmp_path / "copy").current == FILES
    assert copy.read_text() == notebook("x = 1", count=7)


@pytest.mark.parametrize("changed", [notebook("x = 3"), notebook("x = 1", "my own cell"), "{half a notebook", ""])
def test_what_the_reader_changed_is_kept(shipped_lessons, tmp_path, changed):
    copy = copy_lessons(tmp_path / "copy").folder / "00_first.ipynb"
    copy.write_text(changed)
    (shipped_lessons / "00_first.ipynb").write_text(notebook("x = 2"))
    for edition in (None, "lecture", None):  # the second time must not take the kept file for the copied one
        report = copy_lessons(tmp_path / "copy", edition)
        assert report.kept == ["00_first.ipynb"] and copy.read_text() == changed
    assert "kept as you changed it: 00_first.ipynb" in str(report)
    assert "blpteach new OTHER-FOLDER" in str(report)


def test_a_file_that_was_there_before_is_kept(shipped_lessons, tmp_path):
    folder = tmp_path / "copy"
    folder.mkdir()
    (folder / "00_first.ipynb").write_text(notebook("something else"))
    (folder / "01_second.ipynb").write_text(notebook("y = 1", "y", count=3))
    (folder / "README.md").write_bytes(b"\xff\xfe my own")
    report = copy_lessons(folder)
    assert (report.kept, report.current) == (["00_first.ipynb", "README.md"], ["01_second.ipynb"])


@pytest.mark.parametrize("manifest", [None, "{broken", "[1]", '{"edition": 3, "copied": []}', '{"edition": "tourist"}'])
def test_without_a_manifest_what_differs_is_kept(shipped_lessons, tmp_path, manifest):
    folder = copy_lessons(tmp_path / "copy").folder
    (folder / MANIFEST).unlink() if manifest is None else (folder / MANIFEST).write_text(manifest)
    (shipped_lessons / "00_first.ipynb").write_text(notebook("x = 2"))
    assert copy_lessons(folder).kept == ["00_first.ipynb"]


def test_a_copy_from_before_there_were_editions_is_updated(shipped_lessons, tmp_path):
    folder = tmp_path / "copy"
    folder.mkdir()
    (shipped_lessons / "00_first.ipynb").write_text(notebook("x = 1", "solved", tags=["solution"]))
    (folder / "00_first.ipynb").write_text((shipped_lessons / "00_first.ipynb").read_text())
    (folder / MANIFEST).write_text(json.dumps({"00_first.ipynb": hash_sources(notebook("x = 1", "solved"))}))
    assert copy_lessons(folder).updated == ["00_first.ipynb"]


def test_a_deleted_lesson_comes_back_and_other_files_stay(shipped_lessons, tmp_path):
    folder = copy_lessons(tmp_path / "copy").folder
    (folder / "01_second.ipynb").unlink()
    (folder / "notes.txt").write_text("mine")
    report = copy_lessons(folder)
    assert report.written == ["01_second.ipynb"] and "written: 01_second.ipynb" in str(report)
    assert (folder / "notes.txt").read_text() == "mine"


def test_the_edition_is_chosen_once_and_can_be_changed(shipped_lessons, tmp_path, capsys):
    (shipped_lessons / "01_second.ipynb").write_text(notebook("solved", tags=["solution"]))
    copy, folder = tmp_path / "copy" / "01_second.ipynb", str(tmp_path / "copy")
    assert cli.main(["new", folder]) == 0 and sources(copy) == []
    assert cli.main(["new", folder, "--edition", "solutions"]) == 0 and sources(copy) == ["solved"]
    assert cli.main(["new", folder]) == 0 and sources(copy) == ["solved"]
    assert "solutions edition" in capsys.readouterr().out
    assert cli.main(["new", folder, "--edition", "student"]) == 0 and sources(copy) == []
    with pytest.raises(SystemExit):
        cli.main(["new", folder, "--edition", "tourist"])
    assert "student" in capsys.readouterr().err


def test_a_folder_that_cannot_be_one_is_refused(shipped_lessons, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", shipped_lessons):
        with pytest.raises(SystemExit) as exit:
            cli.main(["new", str(folder)])
        assert exit.value.code == 2 and "blpteach: " in capsys.readouterr().err


def test_hash_depends_on_types_and_sources_alone():
    plain = hash_sources(notebook("x", "y"))
    assert plain == hash_sources(notebook(["x"], "y", count=2, tags=["build"]))
    others = [notebook("xy"), notebook("x", "y").replace("code", "raw"), "text", "other text"]
    assert len({plain, *map(hash_sources, others)}) == 5


@pytest.fixture
def launched(monkeypatch, tmp_path, shipped_lessons):
    """Record JupyterLab's arguments instead of starting it, in a directory of its own."""
    from jupyterlab.labapp import LabApp

    calls = []
    monkeypatch.setattr(LabApp, "launch_instance", lambda argv: calls.append(argv))
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "mine")
    monkeypatch.chdir(tmp_path)
    return calls


@pytest.mark.parametrize("argv", [[], ["lab"], ["--no-browser", "--port", "8890"], ["lab", "--port=8890", "--no-browser"],
                                  ["--ServerApp.quit_button=False", "-y"]])
def test_lab_opens_the_first_lesson_and_passes_options_on(launched, tmp_path, argv):
    assert cli.main(argv) == 0
    folder = tmp_path / "blpteach-lessons"
    assert (folder / "00_first.ipynb").exists()
    ours = [f"--ServerApp.root_dir={folder}", "--LabApp.default_url=/lab/tree/00_first.ipynb"]
    assert launched == [ours + [argument for argument in argv if argument != "lab"]]
    assert os.environ["JUPYTER_CONFIG_PATH"] == os.pathsep.join([str(cli.SETTINGS), "mine"])
    assert (cli.SETTINGS / "labconfig" / "page_config.json").is_file()


def test_lab_takes_another_folder_and_the_readers_settings(launched, tmp_path):
    assert cli.main(["--dir", "mine", "--LabApp.default_url=/lab", "--debug"]) == 0
    ours = [f"--ServerApp.root_dir={tmp_path / 'mine'}"]
    assert launched == [[*ours, "--LabApp.default_url=/lab", "--debug"]]


@pytest.mark.parametrize("argv", [["open"], ["new"], ["new", "a", "b"], ["estimate", "cereal", "--xml"], ["estimate", "tea"]])
def test_wrong_commands_are_refused(argv, capsys):
    with pytest.raises(SystemExit) as exit:
        cli.main(argv)
    assert exit.value.code == 2 and "usage: blpteach" in capsys.readouterr().err


def test_estimate_prints_the_table_and_progress_apart(capsys):
    assert cli.main(["estimate", "cereal"]) == 0
    out, err = capsys.readouterr()
    assert "objective 4.561514" in out and "-62.73" in out
    assert "evaluation" in err and "evaluation   1" not in out


def test_estimate_as_json(capsys):
    assert cli.main(["estimate", "cereal", "--json"]) == 0
    result = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert result["objective"] == pytest.approx(4.5615142, abs=1e-6)
    assert result["beta"] == pytest.approx([-62.7299], abs=1e-3)
    assert result["beta_se"] == pytest.approx([14.8032], abs=1e-3)
    assert result["converged"] is True
    assert result["pi_se"][0][1] is None and result["pi"][0][1] == 0
    assert np.shape(result["pi"]) == (4, 4) == tuple(len(result["names"][axis]) for axis in ("random", "demographics"))


@pytest.mark.parametrize("example", [pytest.param(name, marks=pytest.mark.slow) if name == "supply" else name
                                     for name in EXAMPLES if name != "cereal"])
def test_every_example_can_be_estimated(example, capsys):
    assert cli.main(["estimate", example, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["converged"] is True


def test_infinite_numbers_become_null():
    assert cli._plain(np.array([[1.0, np.nan], [np.inf, 0.5]])) == [[1.0, None], [None, 0.5]]
    assert cli._plain(np.bool_(True)) is True and cli._plain(np.int64(3)) == 3 and cli._plain(None) is None


def test_importing_blpteach_imports_no_notebook_software():
    program = ("import blpteach, sys; "
               "print([name for name in ('matplotlib', 'ipywidgets', 'jupyterlab', 'IPython') if name in sys.modules])")
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_module_is_the_command():
    shown = subprocess.run([sys.executable, "-m", "blpteach", "--version"], capture_output=True, text=True, check=True).stdout
    assert shown.strip().endswith(blpteach.__version__)
