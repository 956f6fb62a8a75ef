"""The reader's own copy of the lessons, which is brought up to date but never overwritten.

Whether a reader has changed a notebook is told by the sources of its cells: running one rewrites its
outputs, metadata and bytes, not its sources. A hidden manifest in the folder remembers a hash of the
sources as they were when each lesson was copied.
"""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

from .datasets import shipped

MANIFEST = ".blpteach.json"


@dataclass
class CopyReport:
    """What was done to a working copy; printing it tells the reader.

    Parameters
    ----------
    folder : pathlib.Path
        The working copy.
    written, updated, current, kept : list of str
        File names: not there before; brought to the shipped version; already that; left as the
        reader changed them.
    """

    folder: Path
    written: list = field(default_factory=list)
    updated: list = field(default_factory=list)
    current: list = field(default_factory=list)
    kept: list = field(default_factory=list)

    def __str__(self):
        lines = [f"Lessons in {self.folder}"]
        lines += [f"  written: {name}" for name in self.written]
        lines += [f"  updated: {name}" for name in self.updated]
        lines += [f"  kept as you changed it: {name}" for name in self.kept]
        if self.current:
            lines.append(f"  up to date: {len(self.current)}")
        if self.kept:
            lines.append("  The shipped version of what was kept: blpteach new OTHER-FOLDER")
        return "\n".join(lines)


def copy_lessons(folder):
    """Make the working copy in `folder`, or bring it up to date.

    A lesson that is missing is written; one whose sources are those that were copied is updated when
    the shipped one differs; one that the reader changed, or that was not copied from here, is kept.

    Parameters
    ----------
    folder : str or pathlib.Path
        Made if it does not exist.

    Returns
    -------
    CopyReport

    Raises
    ------
    FileExistsError
        `folder` is a file, or is the folder of the shipped lessons itself.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     first, second = copy_lessons(folder), copy_lessons(folder)
    >>> first.written == second.current, second.written
    (True, [])
    """
    folder, lessons = _target(folder), shipped("lessons")
    manifest = _read_manifest(folder)
    report = CopyReport(folder)
    for lesson in sorted(lessons.glob("*.ipynb")):
        outcome = decide(folder / lesson.name, lesson, manifest.get(lesson.name))
        if outcome in ("written", "updated"):
            (folder / lesson.name).write_bytes(lesson.read_bytes())
        if outcome != "kept":
            manifest[lesson.name] = hash_sources(lesson)
        getattr(report, outcome).append(lesson.name)
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return report


def decide(copy, lesson, copied_hash):
    """Say what is to be done with one file of a working copy.

    Parameters
    ----------
    copy, lesson : pathlib.Path
        The reader's file, which need not exist, and the shipped one.
    copied_hash : str or None
        Hash of the sources when the file was copied, from the manifest.

    Returns
    -------
    str
        ``"written"``, ``"updated"``, ``"current"`` or ``"kept"``.
    """
    if not copy.exists():
        return "written"
    found = hash_sources(copy)
    if found is not None and found == hash_sources(lesson):
        return "current"
    if found is not None and found == copied_hash:
        return "updated"
    return "kept"


def hash_sources(notebook):
    """Hash the types and sources of a notebook's cells, and nothing else.

    Parameters
    ----------
    notebook : pathlib.Path

    Returns
    -------
    str or None
        None if the file cannot be read as a notebook.
    """
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        sources = [[cell["cell_type"], "".join(cell["source"])] for cell in cells]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return hashlib.sha256(json.dumps(sources).encode()).hexdigest()


def _target(folder):
    """Make the folder, refusing what is not one and what is the original."""
    folder = Path(folder).expanduser().resolve()
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"{folder} is a file: name a folder for the lessons")
    if folder == shipped("lessons").resolve():
        raise FileExistsError(f"{folder} holds the shipped lessons themselves: name another folder for your copy")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _read_manifest(folder):
    """Read the manifest; without a readable one, every file that differs counts as the reader's."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return manifest if isinstance(manifest, dict) else {}
