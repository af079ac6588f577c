"""What verl has validated, as verl 0.9 writes it (trainer/ppo/v1/trainer_base.py:1226), evaluated."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from domain import problem_rows

from int_verl.cli import main
from int_verl.errors import UserError
from int_verl.problems.sets import ProblemSet
from int_verl.stages.dumped_evaluation import VALIDATION, dump_of, dumped_rows
from tests.quickstart_files import QUICKSTART


def sample(prompt: str, output: str, score: float, **more: Any) -> dict[str, Any]:
    return {"input": f"user\n{prompt}\nassistant\n", "output": output, "gts": "7", "score": score, "step": 20, **more}


def write(folder: Path, step: int, rows: list[dict[str, Any]]) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / f"{step}.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def test_of_any_reward_function(tmp_path: Path) -> None:
    """The score alone says what is right; answers are read from the responses."""
    rows = [sample("a", "\\boxed{7}", 1.0), sample("b", "\\boxed{3}", 0.0, data_source="amo")]
    rows += [sample("a", "\\boxed{8}", 0.0), sample("a", "none", 0.0), sample("b", "$\\boxed{3}.$", 0.0)]
    a, b = dumped_rows(write(tmp_path / "d", 20, rows), "m", {}, None, 64)
    assert (a["problem_set"], a["source"], b["source"]) == (VALIDATION, VALIDATION, "amo")
    assert (a["samples"], a["correct"], a["wrong_votes"]) == (3, 1, [1])
    assert (b["samples"], b["correct"], b["wrong_votes"]) == (2, 0, [2])
    assert a["truncated"] is a["no_answer"] is a["tokens"] is None
    assert a["problem_id"] != b["problem_id"]


def test_with_a_tokenizer_lengths_are_known(tmp_path: Path, codec: Any) -> None:
    rows = [sample("a", "7 " * 40, 0.0), sample("a", "Answer: 7", 0.0, acc=0.0, pred="", verdict="no_answer")]
    rows += [sample("a", "\\boxed{7}", 0.2, acc=1.0, pred="7", verdict="correct")]
    (row,) = dumped_rows(write(tmp_path / "d", 20, rows), "m", {}, codec, 32)
    assert (row["samples"], row["correct"], row["truncated"], row["no_answer"]) == (3, 1, 1, 1)
    assert row["tokens"] == sum(codec.length(one["output"]) for one in rows)


@pytest.fixture
def problems(tmp_path: Path) -> Path:
    file = tmp_path / "test.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in problem_rows("heldout", 3)))
    return file


def test_a_prompt_belongs_to_the_problem_that_it_holds(tmp_path: Path, problems: Path) -> None:
    of_set = ProblemSet(str(problems), need_reference=False)
    texts = {problem.id: problem.problem for problem in of_set}
    rows = [sample(f"Solve.\n{text}\nBriefly.", "\\boxed{7}", 1.0) for text in texts.values()]
    found = list(dumped_rows(write(tmp_path / "d", 1, [*rows, sample("another", "", 0)]), "m", {"t": of_set}, None, 9))
    assert [row["problem_id"] for row in found] == list(texts)
    assert {row["problem_set"] for row in found} == {"t"}
    with pytest.raises(UserError, match="no prompt in it holds a problem of t"):
        list(dumped_rows(write(tmp_path / "d", 2, [sample("another", "", 0)]), "m", {"t": of_set}, None, 9))


def test_the_last_step_is_taken_unless_another_is_named(tmp_path: Path) -> None:
    for step in (5, 10, 100):
        write(tmp_path / "d", step, [])
    assert dump_of(tmp_path / "d", None).name == "100.jsonl"
    assert dump_of(tmp_path / "d", 5).name == "5.jsonl"
    with pytest.raises(UserError, match=r"--step 7: .* has 5, 10, 100"):
        dump_of(tmp_path / "d", 7)


@pytest.mark.parametrize("line", ["{", "[]", '{"input": "a"}', '{"input": "a", "output": "b", "score": null}'])
def test_what_is_no_sample_is_named_by_its_row(tmp_path: Path, line: str) -> None:
    file = write(tmp_path / "d", 1, [sample("a", "b", 1)])
    file.write_text(file.read_text() + line + "\n")
    with pytest.raises(UserError, match="row 2 is no sample of verl's"):
        list(dumped_rows(file, "m", {}, None, 9))


def test_from_the_command_line(tmp_path: Path, problems: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = [row["problem"] for row in problem_rows("heldout", 3)]
    rows = [sample(text, "\\boxed{7}", score) for text in texts for score in (0.0, 1.0)]
    write(tmp_path / "d", 20, rows)
    for number, more in enumerate(([], ["--problems", str(problems), "--model", str(QUICKSTART / "model")])):
        out = tmp_path / f"out{number}"
        with pytest.raises(SystemExit) as done:
            main(["eval", "--dumps", str(tmp_path / "d"), "--out", str(out), *more])
        assert not done.value.code, capsys.readouterr().err
        found = json.loads((out / "eval.json").read_text())
        assert found["sets"][0]["pass_at"]["1"]["value"] == 0.5
        assert (found["sets"][0]["tokens"] is None) == (not more)
        assert found["dump"].endswith("20.jsonl")
