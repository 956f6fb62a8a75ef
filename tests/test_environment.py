"""The places that state versions or commands state the same ones."""

import ast
import re
import tomllib

import pytest


@pytest.fixture(scope="module")
def project(root):
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


def parse(requirements):
    """Split ``name>=1,<2`` into name and bounds."""
    matches = [re.fullmatch(r"([A-Za-z0-9_.-]+?)\s*((?:[<>=~!]=?.*)?)", line) for line in requirements]
    return {match[1].lower(): match[2].replace(" ", "") for match in matches}


def conda_requirements(root):
    """Read the requirements of environment.yml, those of its pip section included."""
    lines = (root / "environment.yml").read_text(encoding="utf-8").splitlines()
    items = [line.strip()[2:] for line in lines[lines.index("dependencies:") + 1:] if line.strip().startswith("- ")]
    return parse(item for item in items if not item.startswith("--") and not item.endswith(":"))


def readme_commands(root):
    """List the lines of the README's fenced shell blocks, without comments."""
    text = (root / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(?:bash|sh|console|shell)?\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    return [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]


def test_conda_environment_has_the_versions_of_pyproject(root, project):
    conda = conda_requirements(root)
    python = conda.pop("python")
    conda.pop("pip")
    assert conda == parse(project["project"]["dependencies"])
    assert python.split(",")[0] == project["project"]["requires-python"]


def test_development_group_mirrors_the_test_extra(project):
    assert project["dependency-groups"]["dev"] == project["project"]["optional-dependencies"]["test"]


def test_every_requirement_is_bounded_on_both_sides(project):
    requirements = parse(project["project"]["dependencies"] + project["project"]["optional-dependencies"]["test"])
    unbounded = [name for name, bounds in requirements.items()
                 if not bounds.startswith("==") and not (">=" in bounds and "<" in bounds)]
    assert unbounded == []


def test_no_lock_file_and_no_registry_host_is_committed(root):
    assert "uv.lock" in (root / ".gitignore").read_text(encoding="utf-8").splitlines()
    for name in ("pyproject.toml", "environment.yml", ".ci/run"):
        assert "://" not in (root / name).read_text(encoding="utf-8"), name


def test_ci_runs_the_readme_test_command(root):
    command = "pip install uv && uv run pytest"
    assert command in readme_commands(root)
    assert command in (root / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_readme_opens_the_lessons_with_one_command(root):
    assert "pip install uv && uv run blpteach" in readme_commands(root)


def test_readme_python_parses(root):
    text = (root / "README.md").read_text(encoding="utf-8")
    for block in re.findall(r"^```python\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL):
        ast.parse(block)
