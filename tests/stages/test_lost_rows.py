"""A run whose engine gives requests up: its tables, its manifest, and the runs after it."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from rich.console import Console

from int_verl.run.run import Run
from int_verl.run_files import TABLES
from int_verl.settings.compose import compose
from int_verl.stages.assemble import schedule_of
from tests.quickstart_files import QUICKSTART, SCRIPT, write_problem_sets

# Refuses a ninth of all requests, whatever they are for, as long as the file `refusing` lies beside it.
PICKY = """
from pathlib import Path

from int_verl.errors import RefusedRequestError
from tests.mod23_script import script as well


def script(request):
    if request.seed % 9 == 0 and Path(__file__).with_name("refusing").exists():
        raise RefusedRequestError(f"400 a token of seed {request.seed} is out of vocabulary")
    return well(request)
"""


def guide(folder: Path) -> tuple[str, dict[str, list[dict[str, object]]]]:
    """Run up to `guide` in a folder; what is said, and the rows that have an outcome or a status."""
    said = io.StringIO()
    settings = [
        f"run.dir={folder / 'run'}",
        f"problems.train={folder / 'train.jsonl'}",
        f"problems.heldout={folder / 'heldout.jsonl'}",
        "engine.name=scripted",
        f"engine.script={folder / 'picky.py'}:script",
        "engine.lost_share=0.2",
    ]
    run = Run(compose(QUICKSTART / "quickstart.yaml", settings), Console(file=said, width=200))
    schedule_of(run, "guide").execute()
    files = [
        TABLES[stage][table][0]
        for stage, table in (("sample", "attempts"), ("propose", "proposals"), ("guide", "guided"))
    ]
    return said.getvalue(), {file: pq.read_table(folder / "run" / file).to_pylist() for file in files}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    assert SCRIPT.is_file()
    write_problem_sets(tmp_path, 8, 2)
    (tmp_path / "picky.py").write_text(PICKY)
    (tmp_path / "refusing").touch()
    return tmp_path


def lost(rows: dict[str, list[dict[str, object]]]) -> dict[str, list[dict[str, object]]]:
    return {file: [row for row in of if "lost" in (row.get("outcome"), row.get("status"))] for file, of in rows.items()}


def test_lost_requests_are_rows_with_their_reason_and_are_tried_once_more(folder: Path) -> None:
    said, rows = guide(folder)
    for of_file in lost(rows).values():
        assert of_file, "attempts, verifications and rollouts are lost alike"
        for row in of_file:
            assert row["fault"] == f"400 a token of seed {row['seed']} is out of vocabulary"
            assert row["text"] is row["token_ids"] is None
    assert all(row["fault"] is None for file in rows for row in rows[file] if row not in lost(rows)[file])
    assert "lost in guide" in said
    assert "is out of vocabulary" in said

    said, again = guide(folder)
    assert "lost requests are tried once more" in said
    assert again == rows, "refused as before"
    said, _ = guide(folder)
    assert "guide: done in" in said, "once is enough"


def test_what_was_lost_and_now_succeeds_is_as_if_it_never_was(folder: Path) -> None:
    guide(folder)
    (folder / "refusing").unlink()
    _, mended = guide(folder)
    assert not any(lost(mended).values())
    (folder / "run").rename(folder / "before")
    _, undisturbed = guide(folder)
    assert mended == undisturbed
