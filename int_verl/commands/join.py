"""`int-verl problems join`: several problem sets as one."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Literal

import click

from int_verl.commands.parquet_option import PARQUET
from int_verl.errors import UserError


@click.command()
@click.argument("sets", metavar="NAME=FILE...", nargs=-1, required=True)
@click.option("--out", required=True, **PARQUET, metavar="ALL.parquet", help="All problems, with our columns.")
@click.option(
    "--references",
    metavar="FILE",
    help="A set with reference solutions, which are taken by the problem's text where a set has none.",
)
@click.option(
    "--for",
    "use",
    type=click.Choice(["train", "heldout"]),
    help="Training drops problems without a reference solution [default: train with --references].",
)
@click.option("--heldout", type=click.IntRange(1), metavar="N", help="Hold out N of them, told by a hash of each.")
@click.option("--heldout-out", **PARQUET, metavar="HELDOUT.parquet", help="Where those go.")
@click.option("--split", default="", metavar="NAME", help="Another name holds out others.")
def join(
    sets: tuple[str, ...],
    out: Path,
    references: str | None,
    use: Literal["train", "heldout"] | None,
    heldout: int | None,
    heldout_out: Path | None,
    split: str,
) -> None:
    """Join problem sets: .parquet, .jsonl, .csv or what `datasets` loads (name@revision:split).

    NAME becomes the source of the set's problems, by which an evaluation has its columns, and stands before their ids.
    Of a problem that several sets have the first stays. ALL.join.json names every row that was left out.
    """
    from int_verl.console import marked, standard_output
    from int_verl.files import write_text
    from int_verl.problems.join import join as write

    if (heldout is None) != (heldout_out is None):
        raise UserError("--heldout N and --heldout-out HELDOUT.parquet belong together; say both or neither")
    held = None if heldout is None or heldout_out is None else (heldout, heldout_out)
    need_reference = (use or ("train" if references else "heldout")) == "train"
    console = standard_output()
    found = write(
        _named_files(sets), out, references=references, need_reference=need_reference, heldout=held, split=split
    )
    for name, of_set in found.sets.items():
        counts = Counter(drop.kind for drop in of_set.dropped)
        left_out = "".join(f", {number:,} left out: {kind}" for kind, number in counts.items())
        console.print(f"  {name}: {of_set.taken:,} of {of_set.rows:,} rows{left_out}", soft_wrap=True, markup=False)
    manifest = out.with_suffix(".join.json")
    write_text(manifest, json.dumps(found.as_json(), indent=2, ensure_ascii=False) + "\n")
    if held is not None:
        console.print(marked("✓", f" {found.heldout:,} held out: {held[1]}"))
    console.print(marked("✓", f" {found.written:,} problems written: {out}; {manifest} names what was left out"))


def _named_files(sets: tuple[str, ...]) -> dict[str, str]:
    files: dict[str, str] = {}
    for text in sets:
        name, _, file = text.partition("=")
        if not name or not file:
            raise UserError(f"{text}: write NAME=FILE, for example AMO-Bench=meituan-longcat/AMO-Bench:test")
        if name in files:
            raise UserError(f"{text}: there is a set of that name; give it another")
        files[name] = file
    return files
