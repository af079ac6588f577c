"""Files and folders that are put in place whole or not at all, who may read them, and what they hold by hash."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from int_verl.errors import UserError


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with open_new(partial) as file:
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def open_new(path: Path) -> BinaryIO:
    """A new file to write, in the place of what has the name: never what a link of that name leads to."""
    path.unlink(missing_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666), "wb")


@contextmanager
def private() -> Iterator[None]:
    """In the block, what is made is for its owner alone; and for the group of a user whose umask lets it write."""
    said = os.umask(0o077)
    os.umask(said | (0o077 if said & 0o020 else 0o007))
    try:
        yield
    finally:
        os.umask(said)


def check_own_files(folder: Path) -> None:
    """That everything below a folder is a file or a folder in it, as a run leaves them.

    Raises:
        UserError: a link leads out of it, or something is a device, a pipe or a socket.
    """
    root = folder.resolve()
    for entry in _entries(folder):
        mode = entry.stat(follow_symlinks=False).st_mode
        if stat.S_ISLNK(mode) and not Path(entry.path).resolve().is_relative_to(root):
            raise UserError(
                f"{entry.path}: a link that leads out of the run's folder; remove it, or put there what it leads to"
            )
        if not (stat.S_ISLNK(mode) or stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise UserError(f"{entry.path}: neither a file nor a folder; remove it, a run makes no such thing")


def _entries(folder: Path | str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            yield entry
            if entry.is_dir(follow_symlinks=False):
                yield from _entries(entry.path)


def read_text(path: Path) -> str:
    """A text file.

    Raises:
        UserError: it is not UTF-8.
        OSError: it cannot be read.
    """
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 ({error.reason} at byte {error.start}); mend or remove it") from error


def read_json(path: Path) -> dict[str, Any]:
    """An object from a JSON file.

    Raises:
        UserError: it holds something else.
        OSError: it cannot be read.
    """
    try:
        found = json.loads(read_text(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise UserError(f"{path}: not JSON ({error}); mend or remove it") from error
    if not isinstance(found, dict):
        raise UserError(f"{path}: not a JSON object; mend or remove it")
    return found


def link(source: str, target: str) -> str:
    """Put a file at `target`, too: a hard link where the disk allows, else a copy. Returns `target`."""
    try:
        os.link(source, target)
    except OSError:  # another disk, or one without links
        shutil.copy2(source, target)
    return target


def link_folder(
    source: Path, to: Path, texts: Mapping[str, str] | None = None, copy: Callable[[str, str], object] = link
) -> None:
    """Put a folder of the same files at `to`, whole or not at all: hard links where the disk allows, else copies.

    Args:
        texts: name -> content of small files that are to lie there, too, or in the place of the source's.
        copy: puts one file at a new place.
    """
    partial = to.with_name(to.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(source, partial, copy_function=copy)
    for name, text in (texts or {}).items():
        write_text(partial / name, text)
    shutil.rmtree(to, ignore_errors=True)
    partial.rename(to)


def file_hash(path: Path) -> str:
    """SHA-256 of a file's content, or `missing`."""
    if not path.is_file():
        return "missing"
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def text_hash(text: str) -> str:
    """SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()
