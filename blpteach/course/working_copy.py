"""The reader's own copy of the lessons, which is brought up to date but never overwritten.

Whether a reader has changed a notebook is told by the sources of its cells:
running one rewrites its outputs, metadata and bytes, not its sources. A hidden manifest
in the folder remembers a hash of the sources as they were when each lesson was copied.
"""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

from ..tables.datasets import shipped
from .editions import EDITIONS, make_edition

MANIFEST = ".blpteach.json"


@dataclass
class CopyReport:
    """What was done to a working copy; printing it tells the reader.

    Parameters
    ----------
    folder : pathlib.Path
        The working copy.
    edition : str
    written, updated, current, kept : list of str
        File names: not there before; brought to the shipped version; already that; left as the
        reader changed them.
    """

    folder: Path
    edition: str
    written: list = field(default_factory=list)
    updated: list = field(default_factory=list)
    current: list = field(default_factory=list)
    kept: list = field(default_factory=list)

    def __str__(self):
        lines = [f"Lessons in {self.folder}, {self.edition} edition"]
        lines += [f"  written: {name}" for name in self.written]
        lines += [f"  updated: {name}" for name in self.updated]
        lines += [f"  kept as you changed it: {name}" for name in self.kept]
        if self.current:
            lines.append(f"  up to date: {len(self.current)}")
        if self.kept:
            lines.append("  The shipped version of what was kept: blpteach new OTHER-FOLDER")
        return "\n".join(lines)


def copy_lessons(folder, edition=None):
    """Make the working copy in `folder`, or bring it up to date.

    A file that is missing is written; one whose sources are those that were copied is updated when
    the shipped one differs; one that the reader changed, or that was not copied from here, is kept.

    Parameters
    ----------
    folder : str or pathlib.Path
        Made if it does not exist.
    edition : {"student", "lecture", "solutions"}, optional
        By default that of the folder, and the student's for a new one.

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
    folder = _target(folder)
    edition_before, hashes = _read_manifest(folder)
    edition = edition or edition_before or EDITIONS[0]
    report = CopyReport(folder, edition)
    for name, content in shipped_files(edition).items():
        outcome = decide(folder / name, content, hashes.get(name))
        if outcome in ("written", "updated"):
            (folder / name).write_text(content, encoding="utf-8", newline="\n")
        if outcome != "kept":
            hashes[name] = hash_sources(content)
        getattr(report, outcome).append(name)
    manifest = {"edition": edition, "copied": hashes}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return report


def shipped_files(edition):
    """What a working copy holds: the notebooks in one edition, and the syllabus.

    Parameters
    ----------
    edition : {"student", "lecture", "solutions"}

    Returns
    -------
    dict
        From file name to text.
    """
    lessons, files = shipped("lessons"), {}
    for path in [*sorted(lessons.glob("*.ipynb")), *lessons.glob("README.md")]:
        files[path.name] = path.read_text(encoding="utf-8")
        if path.name[:2].isdigit():
            notebook = make_edition(json.loads(files[path.name]), edition, path.name[:2])
            files[path.name] = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    return files


def decide(copy, content, copied_hash):
    """Say what is to be done with one file of a working copy.

    Parameters
    ----------
    copy : pathlib.Path
        The reader's file, which need not exist.
    content : str
        The text that this edition ships.
    copied_hash : str or None
        Hash of the sources when the file was copied, from the manifest.

    Returns
    -------
    str
        ``"written"``, ``"updated"``, ``"current"`` or ``"kept"``.
    """
    if not copy.exists():
        return "written"
    try:
        found = hash_sources(copy.read_text(encoding="utf-8"))
    except (OSError, ValueError):                               # unreadable, so not what was copied
        return "kept"
    if found == hash_sources(content):
        return "current"
    return "updated" if found == copied_hash else "kept"


def hash_sources(text):
    """Hash the types and sources of a notebook's cells alone; of another file, its text.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
    """
    try:
        cells = json.loads(text)["cells"]
        sources = [[cell["cell_type"], "".join(cell["source"])] for cell in cells]
    except (ValueError, KeyError, TypeError):
        sources = text
    return hashlib.sha256(json.dumps(sources).encode()).hexdigest()


def _target(folder):
    """Make the folder, refusing what is not one and what is the original."""
    folder = Path(folder).expanduser().resolve()
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"{folder} is a file: name a folder for the lessons")
    if folder == shipped("lessons").resolve():
        raise FileExistsError(f"{folder} holds the shipped lessons themselves: "
                              "name another folder for your copy")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _read_manifest(folder):
    """The edition and the hashes; without a readable manifest every other file is the reader's."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None, {}
    if not isinstance(manifest, dict):
        return None, {}
    hashes = manifest.get("copied", manifest)   # copies older than the editions have hashes alone
    edition = manifest.get("edition")
    return edition if edition in EDITIONS else None, hashes if isinstance(hashes, dict) else {}
