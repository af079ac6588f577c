"""A run over what another run has generated, so that arms of a comparison share attempts and draw nothing twice."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

GENERATED = ("problems", "sample", "propose", "guide")


def take_over(source: Path, folder: Path) -> None:
    """Give a new run folder the generator's tables and manifests as hard links, and a copy of the journal.

    Linking is safe, because a stage puts a new file in the place of an old one and never writes into it. What the
    folder has already is left alone.
    """
    for part in GENERATED:
        if not (folder / part).is_dir():
            partial = folder / f"{part}.partial"
            shutil.rmtree(partial, ignore_errors=True)
            shutil.copytree(source / part, partial, copy_function=os.link)
            partial.rename(folder / part)
    if not (folder / "journal.sqlite").is_file():
        shutil.copy(source / "journal.sqlite", folder / "journal.sqlite.partial")
        (folder / "journal.sqlite.partial").rename(folder / "journal.sqlite")
