"""Paths that tests share."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).parents[1]
QUICKSTART = ROOT / "recipes" / "quickstart"

# A busy machine is no failure, and CI sees the same examples every time.
settings.register_profile("int_verl", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("int_verl")

for folder in (str(ROOT), str(QUICKSTART), str(Path(__file__).parent)):
    if folder not in sys.path:
        sys.path.insert(0, folder)


def write_problem_sets(folder: Path, train: int, heldout: int) -> None:
    """The quickstart's first problems as `train.jsonl` and `heldout.jsonl`."""
    from domain import problem_rows

    for split, count in (("train", train), ("heldout", heldout)):
        rows = "".join(json.dumps(row) + "\n" for row in problem_rows(split, count))
        (folder / f"{split}.jsonl").write_text(rows)


@pytest.fixture(scope="session")
def model_folder() -> Path:
    """The quickstart's tiny model."""
    return QUICKSTART / "model"


@pytest.fixture(scope="session")
def codec(model_folder: Path):  # type: ignore[no-untyped-def]
    from int_verl.generate.chat import ChatCodec

    return ChatCodec(model_folder)
