"""The parts of `make gpu-check`: their limits, their table, and the checks of a model of random weights."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import random_model
import rl_steps
import run_gpu_check
from sft_steps import write_rows
from table import all_is_well, markdown

from int_verl.files import read_json
from int_verl.sft.rows import RowSettings, SFTRows

QUICK = """
from int_verl.doctor import Check
def measure(job):
    job.check(Check("it began", True, "a | b"))
    job.figure(tokens_a_second="1,000")
"""
SLOW = (
    QUICK
    + """
    import subprocess, time
    subprocess.Popen(["sleep", "987"])
    time.sleep(600)
"""
)
BROKEN = (
    QUICK
    + """
    raise OSError("no room on the disk")
"""
)


@pytest.fixture
def part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, float], dict[str, Any]]:
    """`part(body, limit)`: how a part with this body ends."""
    (tmp_path / "out").mkdir()
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{run_gpu_check.__file__.rpartition('/recipes/')[0]}")

    def run(body: str, limit: float) -> dict[str, Any]:
        (tmp_path / "the_part.py").write_text(body)
        return run_gpu_check.run_part("the_part", limit, [str(tmp_path / "out"), "cpu"])

    return run


@pytest.mark.slow
def test_a_part_that_overruns_is_ended_with_what_it_had_found(part: Callable[[str, float], dict[str, Any]]) -> None:
    began = time.monotonic()
    result = part(SLOW, 8)
    assert time.monotonic() - began < 60
    assert result["ended"] == "ended at its limit of 8 s"
    assert result["figures"] == {"tokens a second": "1,000"}
    assert subprocess.run(["pgrep", "-f", "sleep 987"], capture_output=True).returncode == 1, "its child lives"
    assert not all_is_well(["the_part"], {"the_part": result})


@pytest.mark.slow
def test_a_part_that_fails_says_why_and_one_that_is_done_is_not_to_do(
    part: Callable[[str, float], dict[str, Any]],
) -> None:
    broken, done = part(BROKEN, 60), part(QUICK, 60)
    assert broken["ended"] == "failed with exit code 1: OSError: no room on the disk"
    assert broken["checks"] == done["checks"]
    results = {"rates": broken, "schedule": done}
    assert run_gpu_check.to_do(results) == ["rl_steps", "sft_steps", "rates"]
    text = markdown(run_gpu_check.LIMITS, results)
    assert "| sft_steps | not begun |  |" in text
    assert "| schedule | done |" in text
    assert r"| rates | it began | ok | a \| b |" in text
    assert all_is_well(["schedule"], results)


def test_what_does_not_fit_into_the_time_is_not_begun(tmp_path: Path) -> None:
    script = [sys.executable, run_gpu_check.__file__, "--out", str(tmp_path), "--platform", "cpu", "--minutes", "1"]
    done = subprocess.run(script, capture_output=True, text=True)
    assert done.returncode == 1
    assert "schedule: not begun, 27 min are not left" in done.stdout
    assert "| rates | not begun |  |" in (tmp_path / "gpu_check.md").read_text()


def test_all_parts_together_take_less_than_half_an_hour_and_each_fits_into_a_call_of_ten_minutes() -> None:
    assert sum(run_gpu_check.LIMITS.values()) <= 26
    assert max(run_gpu_check.LIMITS.values()) <= 9


@pytest.mark.parametrize("size", [300, 2048, 151_936])
def test_the_tokenizer_has_exactly_so_many_tokens_and_keeps_text(size: int) -> None:
    tokenizer = random_model.byte_tuples(size)
    assert len(tokenizer) == size
    for text in ("Let $x^2 = 4$.\n\nThen  x = ±2", "été 数学", ""):
        assert tokenizer.decode(tokenizer(text).input_ids) == text
    assert all(tokenizer.convert_ids_to_tokens([0, size // 2, size - 1]))


@pytest.mark.verl
def test_random_rows_fill_a_micro_batch_to_the_last_token(tmp_path: Path, model_folder: Path) -> None:
    from transformers import AutoTokenizer

    write_rows(tmp_path / "rows.parquet", 200, 100)
    how = RowSettings(200, "prefix_and_intervention", False, "error")
    rows = SFTRows([tmp_path / "rows.parquet"], AutoTokenizer.from_pretrained(str(model_folder)), how)
    assert len(rows) == 4
    assert {len(rows[number].tokens) for number in range(4)} == {200}


def test_a_rollout_engine_with_other_weights_is_seen() -> None:
    key = "training/rollout_actor_probs_pearson_corr"
    assert rl_steps.followed([{key: 0.9999}, {key: 0.995}], 0.99).ok
    assert not rl_steps.followed([{key: 0.9999}, {key: 0.6}], 0.99).ok
    assert not rl_steps.followed([{key: 0.9999}], 0.99).ok, "the second step is missing"
    assert not rl_steps.followed([{key: 0.9999}, {key: float("nan")}], 0.99).ok


@pytest.mark.verl
def test_an_export_with_two_embeddings_is_seen(make_model: Callable[[bool], Path], tmp_path: Path) -> None:
    one, two = make_model(True), Path(copytree(make_model(False), tmp_path / "two"))
    assert rl_steps.tied(one).ok
    assert not rl_steps.tied(two).ok
    config = two / "config.json"
    config.write_text(json.dumps(read_json(config) | {"tie_word_embeddings": True}))
    assert not rl_steps.tied(two).ok, "what was one is two in the file"


@pytest.mark.verl
def test_steps_too_small_for_stale_weights_to_show_are_seen(make_model: Callable[[bool], Path]) -> None:
    one, other = make_model(True), make_model(False)
    assert not rl_steps.moved(one, one, "cpu").ok
    assert rl_steps.moved(one, other, "cpu").ok
