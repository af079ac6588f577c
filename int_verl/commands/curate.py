"""`int-verl problems curate`: a training set and a held-out set out of a file, and every row that was dropped."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from int_verl.commands.parquet_option import PARQUET
from int_verl.errors import UserError

if TYPE_CHECKING:
    from int_verl.problems.columns import CalculatorMarks


@click.command()
@click.argument("file", metavar="FILE")
@click.option("--out", required=True, **PARQUET, metavar="TRAIN.parquet", help="What is left.")
@click.option("--drop-proofs", is_flag=True, help="Drop problems that ask for a proof and for no answer.")
@click.option(
    "--drop-near",
    type=click.FloatRange(0, 1, min_open=True),
    metavar="SHARE",
    help="Drop rows that share this part of the shorter one's 13-grams with an earlier row, names of variables aside.",
)
@click.option(
    "--benchmark",
    "benchmarks",
    multiple=True,
    metavar="FILE",
    help="Drop rows that share five rare 8-grams with a problem of this set; may be given several times.",
)
@click.option(
    "--heldout", type=click.FloatRange(0, 1, max_open=True), default=0.0, metavar="SHARE", help="Hold out so many."
)
@click.option("--heldout-out", **PARQUET, metavar="HELDOUT.parquet", help="Where those go.")
@click.option("--split", default="", metavar="NAME", help="Another name holds out other problems.")
@click.option("--column", "columns", multiple=True, metavar="OURS=THEIRS", help="As for check.")
@click.option("--answer-after", metavar="MARK", help="As for check.")
@click.option(
    "--calculator-marks", type=click.Choice(["keep", "remove"]), default="keep", show_default=True, help="As for check."
)
@click.option(
    "--manifest",
    type=click.Path(path_type=Path),
    metavar="OUT.json",
    help="Every row that was dropped, with its reason [default: TRAIN.drops.json].",
)
def curate(
    file: str,
    out: Path,
    heldout_out: Path | None,
    columns: tuple[str, ...],
    answer_after: str | None,
    calculator_marks: CalculatorMarks,
    manifest: Path | None,
    **rules: Any,
) -> None:
    """Make a training set, and a held-out set, out of FILE: .parquet, .jsonl, .csv or what `datasets` loads.

    What a run refuses is always dropped, as by check --write.
    """
    from int_verl.console import marked, standard_output
    from int_verl.files import write_text
    from int_verl.problems.columns import said_columns
    from int_verl.problems.curate import Rules
    from int_verl.problems.curate import curate as write
    from int_verl.progress import StageProgress

    if bool(rules["heldout"]) != (heldout_out is not None):
        raise UserError("--heldout SHARE and --heldout-out FILE go together; give both, or none")
    console = standard_output()
    said = said_columns(columns)
    with StageProgress(console, "curate", lead="rows") as progress:
        how: dict[str, Any] = {"columns": said, "answer_after": answer_after, "calculator_marks": calculator_marks}
        found = write(file, Rules(**rules), out, heldout_out, count=progress.count, **how)
    manifest = manifest or out.with_suffix(".drops.json")
    write_text(manifest, json.dumps(found.as_json(), indent=2, ensure_ascii=False) + "\n")
    for kind, number in Counter(drop.kind for drop in found.dropped).items():
        console.print(f"  dropped, {kind}: {number:,}")
    if found.dropped:
        console.print(f"  {manifest} names them")
    console.print(marked("✓", f" {found.train:,} of {found.rows:,} rows written: problems.train={out}"))
    if heldout_out is not None:
        console.print(marked("✓", f" {found.heldout:,} held out: problems.heldout={heldout_out}"))
