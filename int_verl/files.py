"""Files and folders that are put in place whole or not at all, and what they hold by hash."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with partial.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def link_folder(source: Path, to: Path, texts: Mapping[str, str] | None = None) -> None:
    """Put a folder of the same files at `to`, whole or not at all: hard links where the disk allows, else copies.

    Args:
        texts: name -> content of small files that are to lie there, too.
    """
    partial = to.with_name(to.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(source, partial, copy_function=_link)
    for name, text in (texts or {}).items():
        write_text(partial / name, text)
    shutil.rmtree(to, ignore_errors=True)
    partial.rename(to)


def _link(source: str, target: str) -> str:
    try:
        os.link(source, target)
    except OSError:  # another disk, or one without links
        shutil.copy2(source, target)
    return target


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
