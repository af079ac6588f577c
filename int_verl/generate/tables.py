"""The generator's tables, written in the order of the problems."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from int_verl.generate.funnel import Funnel
from int_verl.generate.problem_rows import ProblemRows
from int_verl.progress import StageProgress
from int_verl.records import RowWriter
from int_verl.run_files import TABLES, Tables
from int_verl.settings.generation import UNTIL, Until


def write_tables(
    folder: Path, results: Iterable[ProblemRows], until: Until, progress: StageProgress, tables: Tables = TABLES
) -> dict[str, dict[str, Any]]:
    """Stream results into parquet, in the order of the problems, and return the counts of each stage."""
    funnel = Funnel()
    with contextlib.ExitStack() as files:
        writers = {
            table: files.enter_context(RowWriter(folder / file, schema))
            for stage in stages_up_to(until)
            for table, (file, schema) in tables[stage].items()
        }
        for rows in results:
            funnel.add(rows)
            progress.count("written")
            for table, writer in writers.items():
                for row in getattr(rows, table):
                    writer.write(row)
    return funnel.counts


def stages_up_to(until: Until) -> tuple[Until, ...]:
    """The generator's stages from the first on."""
    return UNTIL[: UNTIL.index(until) + 1]
