"""What is shipped: the wheel holds what it should and no more, and installs where nothing else of ours is."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import urllib.request
import venv
import zipfile
from pathlib import Path

import pytest

import browser

ROOT = Path(__file__).resolve().parent.parent
UV = shutil.which("uv")
DATA = {f"{name}_{table}.csv" for name in ("cereal", "autos", "simulated") for table in ("products", "agents")}
DATA |= {"README.md", "simulated_truth.json"}
DIST_INFO = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"}
BINARIES = "Scripts" if os.name == "nt" else "bin"

pytestmark = pytest.mark.slow


def run(*command, cwd, check=True):
    """Run a command outside the checkout, without hints where to find the package."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run([str(word) for word in command], cwd=cwd, env=environment, capture_output=True, text=True)
    assert not check or done.returncode == 0, f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="session")
def distributions(tmp_path_factory):
    """Build the sdist, and from the sdist the wheel; return both paths."""
    folder = tmp_path_factory.mktemp("dist")
    builder = [UV, "build", "--python", sys.executable] if UV else [sys.executable, "-m", "build"]
    run(*builder, "--out-dir" if UV else "--outdir", folder, ROOT, cwd=folder)
    return next(folder.glob("*.tar.gz")), next(folder.glob("*.whl"))


def make_environment(folder, *requirement):
    """Make an empty environment, install one requirement there, and return the folder of its commands."""
    if UV:
        run(UV, "venv", "--python", sys.executable, folder, cwd=folder.parent)
        run(UV, "pip", "install", "--python", folder, *requirement, cwd=folder.parent)
    else:
        venv.create(folder, with_pip=True)
        run(folder / BINARIES / "python", "-m", "pip", "install", "--quiet", *requirement, cwd=folder.parent)
    return folder / BINARIES


@pytest.fixture(scope="session", params=["wheel", "editable"])
def commands(request, tmp_path_factory, distributions):
    """Give the folder of commands of an environment that blpteach was installed in one way."""
    folder = tmp_path_factory.mktemp(request.param) / "environment"
    return make_environment(folder, *((distributions[1],) if request.param == "wheel" else ("-e", ROOT)))


def test_wheel_holds_package_lessons_and_data_and_nothing_else(distributions):
    version = distributions[1].name.split("-")[1]
    expected = {str(path.relative_to(ROOT).as_posix()) for path in (ROOT / "blpteach").rglob("*") if path.suffix in (".py", ".json")}
    expected |= {f"blpteach/_lessons/{path.name}" for path in [*(ROOT / "lessons").glob("*.ipynb"), ROOT / "lessons" / "README.md"]}
    expected |= {f"blpteach/_data/{name}" for name in DATA}
    expected |= {f"blpteach-{version}.dist-info/{name}" for name in DIST_INFO}
    with zipfile.ZipFile(distributions[1]) as wheel:
        assert set(wheel.namelist()) == expected


def test_sdist_holds_the_sources_and_nothing_stray(distributions):
    with tarfile.open(distributions[0]) as sdist:
        names = {name.split("/", 1)[1] for name in sdist.getnames()}
    top = {name.split("/")[0] for name in names}
    assert top == {"blpteach", "data", "lessons", "tests", "environment.yml", "pyproject.toml", "README.md", "LICENSE",
                   "PKG-INFO", ".gitignore"}
    assert [name for name in names if "__pycache__" in name or ".ipynb_checkpoints" in name] == []


def test_help_names_the_commands(commands, tmp_path):
    shown = run(commands / "blpteach", "--help", cwd=tmp_path).stdout
    assert all(command in shown for command in ("lab", "new", "estimate"))


def test_new_copies_all_lessons_in_each_edition(commands, tmp_path):
    lessons = {path.name for path in (ROOT / "lessons").glob("*.ipynb")} | {"README.md"}
    for edition in ("student", "lecture", "solutions"):
        run(commands / "blpteach", "new", edition, "--edition", edition, cwd=tmp_path)
        assert {path.name for path in (tmp_path / edition).iterdir() if path.name[0] != "."} == lessons


def test_estimate_prints_json_alone_on_stdout(commands, tmp_path):
    done = run(commands / "blpteach", "estimate", "cereal", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["objective"] == pytest.approx(4.5615142, abs=1e-6)
    assert done.stderr != ""


def test_lab_answers_and_its_kernel_is_of_the_environment(commands, tmp_path):
    with browser.lab_server(tmp_path, command=(str(commands / "blpteach"),)) as server:
        lessons = {entry["name"] for entry in server.get("contents")["content"]}
        assert {path.name for path in (ROOT / "lessons").glob("*.ipynb")} <= lessons
        assert Path(kernel_prefix(server, tmp_path)).resolve() == commands.parent.resolve()


def kernel_prefix(server, directory):
    """Start a kernel on the server and ask it which environment it runs in."""
    from jupyter_client import BlockingKernelClient

    request = urllib.request.Request(f"{server.url}api/kernels", data=b'{"name": "python3"}', method="POST",
                                     headers={"Authorization": f"token {server.token}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        kernel = json.load(answer)["id"]
    client = BlockingKernelClient(connection_file=str(directory / "jupyter-runtime" / f"kernel-{kernel}.json"))
    client.load_connection_file()
    client.start_channels()
    try:
        browser.wait_until(lambda: answers(client), 60, "an answer of the kernel")
        reply = client.execute("import sys", user_expressions={"prefix": "sys.prefix"}, reply=True, timeout=60)
    finally:
        client.stop_channels()
    return reply["content"]["user_expressions"]["prefix"]["data"]["text/plain"].strip("'")


def answers(client):
    """Whether a kernel answers. One that is still starting has no heartbeat, which jupyter_client takes for death."""
    try:
        client.wait_for_ready(timeout=60)
    except RuntimeError:
        return False
    return True
