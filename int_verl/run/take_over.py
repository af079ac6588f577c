"""A run over what another run has generated, so that arms of a comparison share attempts and draw nothing twice."""

from __future__ import annotations

from pathlib import Path

from int_verl.files import link_folder
from int_verl.generate.journal import Journal
from int_verl.run.folder import RunFolder

GENERATED = ("problems", "sample", "propose", "guide")


def take_over(source: Path, folder: Path) -> None:
    """Give a new run folder the generator's tables and manifests as hard links, and what its journal holds.

    Linking is safe, because a stage puts a new file in the place of an old one and never writes into it. What the
    folder has already is left alone.
    """
    for part in GENERATED:
        if not (folder / part).is_dir():
            link_folder(source / part, folder / part)
    journal = RunFolder(folder).journal
    if not journal.is_file():
        partial = journal.with_name(f"{journal.name}.partial")
        with Journal(partial) as taken:
            taken.absorb(RunFolder(source).journal)
        partial.rename(journal)
