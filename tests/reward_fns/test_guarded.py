"""A reward function that misbehaves behind the guard: one answer to each."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from int_verl.reward_fns import guarded
from tests.grading import misbehaving_reward

FILE = str(Path(misbehaving_reward.__file__))
KEYS = {"score", "acc", "pred", "verdict", "fault"}
SETTINGS = {"guarded_path": FILE, "guarded_memory_gb": 4.0, "guarded_workers": 2}

FAULTS = {
    "raise": "raised: it raised KeyError: 'no such answer'",
    "leave": "raised: it raised SystemExit: 3",
    "hang": "timeout: no result after 2 s",
    "exit": "died: its process died",
    "abort": "died: its process died",
    "allocate": "raised: it raised",  # numpy has a MemoryError of its own
    "megabytes": "died: its process died",
    "nan": "no_score: it returned score=nan, which is no number",
    "infinite": "no_score: it returned acc=inf, which is no number",
    "string": "no_score: it returned score=1.0, which is no number",
    "none": "no_score: it returned score=None, which is no number",
    "no score": "no_score: it returned a dict without score: {'reward': 1.0}",
    "object": "raised: it returned object, which is no score",
    "several": "raised: it raised",
}


@pytest.fixture(autouse=True, scope="module")
def _end_processes() -> Iterator[None]:
    yield
    guarded._shared.cache_clear()


def score(gold: str, **more: Any) -> dict[str, Any]:
    row = {"index": np.int64(3), "id": "p", "num_turns": None, "prefix": np.array([1, 2])}
    call = {"data_source": "d", "solution_str": "so", "ground_truth": gold, "extra_info": row}
    limit = 2.0 if gold == "hang" else 30.0  # another imports torch in its call
    return dict(guarded.compute_score(**call, **{"guarded_timeout": limit, **SETTINGS, **more}))


@pytest.mark.parametrize("gold", FAULTS)
def test_what_a_function_may_do(gold: str) -> None:
    result = score(gold)
    assert set(result) == KEYS
    assert (result["score"], result["acc"], result["pred"]) == (0.0, 0.0, "")
    assert result["verdict"] == ("timeout" if gold == "hang" else "error")
    assert result["fault"].startswith(FAULTS[gold])


@pytest.mark.parametrize("gold", ["fine", "tensor", "number", "print", "other keys", "fork", "fork and raise"])
def test_what_is_a_score_all_the_same(gold: str) -> None:
    for _ in range(2):  # a forked child that answered would answer the second call
        result = score(gold)
        assert set(result) == KEYS
        assert (result["score"], result["acc"], result["verdict"], result["fault"]) == (1.0, 1.0, "correct", "")
        assert result["pred"] in ("fine", "")


def test_named_keys_are_passed_on_as_numbers() -> None:
    keys = ["format", "style", "absent"]
    partial = score("partial", guarded_keys=keys, bonus=0.5)
    assert partial == {
        "score": 0.75,
        "acc": 0.25,
        "pred": "7",
        "verdict": "incorrect",
        "fault": "",
        "format": 0.5,
        "style": 0.0,
        "absent": 0.0,
    }
    assert set(score("raise", guarded_keys=keys)) == set(partial)


def test_calls_at_once_are_each_their_own() -> None:
    golds = [*FAULTS, "fine", "partial", "fork"] * 2
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(score, golds))
    for gold, result in zip(golds, results, strict=True):
        assert result["fault"].startswith(FAULTS.get(gold, "")), gold
        assert bool(result["fault"]) == (gold in FAULTS)


def test_an_asynchronous_function() -> None:
    assert score("so", guarded_name="awaited")["acc"] == 1.0
    assert score("else", guarded_name="awaited")["verdict"] == "incorrect"


def test_a_function_that_is_not_there() -> None:
    assert score("fine", guarded_path="nowhere.py")["fault"] == "not_loaded: no such file: nowhere.py"
    assert score("fine", guarded_name="absent")["fault"].startswith("not_loaded:")


def test_the_log_names_the_row_and_not_every_call(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    logger = logging.getLogger("int_verl.grading.guarded_function")
    monkeypatch.setattr(logger, "disabled", False)
    monkeypatch.setattr(logger, "handlers", [caplog.handler])
    monkeypatch.setattr(logger, "propagate", False)
    caplog.set_level(logging.WARNING, logger.name)
    for _ in range(12):
        score("raise", guarded_timeout=29.0)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert said[0].startswith("reward call number 1 that failed so (raised): it raised KeyError")
    assert said[0].endswith("row index=3, id=p")
