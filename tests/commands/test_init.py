"""`int-verl init`: a file in the shape that it has, to a recipe that a run takes."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from int_verl.cli import main
from int_verl.problems.sets import load_problems
from int_verl.settings.compose import compose
from tests.problems.problem_files import write
from tests.quickstart_files import QUICKSTART, SCRIPT, write_problem_sets


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as done:
        main(list(map(str, arguments)))
    captured = capsys.readouterr()
    return int(done.value.code or 0), captured.out, captured.err


@pytest.fixture
def rows(tmp_path: Path) -> list[dict[str, str]]:
    write_problem_sets(tmp_path, train=40, heldout=8)
    return [json.loads(line) for line in (tmp_path / "train.jsonl").read_text().splitlines()]


def shaped(shape: str, rows: list[dict[str, str]], folder: Path) -> Path:
    """The quickstart's problems as others would have them."""
    if shape == "gsm8k":
        of = [
            {"question": row["problem"], "answer": f"{row['reference_solution']}\n#### {row['answer']}"} for row in rows
        ]
        return Path(write(folder / "gsm8k.jsonl", of))
    if shape == "hub":
        of = [
            {"Problem": row["problem"], "solution": row["reference_solution"], "final_answer": row["answer"]}
            for row in rows
        ]
        pq.write_table(pa.Table.from_pylist(of), folder / "hub.parquet")
        return folder / "hub.parquet"
    verl = [
        {
            "data_source": "chains",
            "prompt": [{"role": "user", "content": row["problem"]}],
            "reward_model": {"style": "rule", "ground_truth": row["answer"]},
            "extra_info": {"index": number, "answer": row["reference_solution"]},
        }
        for number, row in enumerate(rows)
    ]
    pq.write_table(pa.Table.from_pylist(verl), folder / "verl.parquet")
    return folder / "verl.parquet"


@pytest.mark.parametrize("shape", ["gsm8k", "hub", "verl"])
def test_a_run_takes_what_it_makes(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, rows: list[dict[str, str]], shape: str
) -> None:
    folder = tmp_path / "mine"
    data = shaped(shape, rows, tmp_path)
    code, out, err = call(capsys, "init", folder, "--data", data, "--model", QUICKSTART / "model")
    assert code == 0, err
    sets = [load_problems(str(folder / f"{name}.parquet")) for name in ("train", "heldout")]
    assert sorted(problem.problem for each in sets for problem in each) == sorted(row["problem"] for row in rows)
    answers = {row["problem"]: (row["answer"], row["reference_solution"]) for row in rows}
    assert all((one.answer, one.reference_solution) == answers[one.problem] for each in sets for one in each)
    assert f"{len(sets[0])} problems to train on, {len(sets[1])} held out" in out
    recipe = compose(folder / "run.yaml", [])
    assert recipe.rl.max_prompt_length + recipe.rl.max_response_length <= 1024
    scripted = ["engine.name=scripted", f"engine.script={SCRIPT}:script", f"run.dir={tmp_path / 'run'}", "platform=cpu"]
    prompts = [f"prompts.{name}={QUICKSTART}/prompts/{name}.jinja" for name in ("solve", "verify")]
    assert call(capsys, "run", "--dry-run", "--config", folder / "run.yaml", *scripted)[0] == 0
    sampled = ["sample", "--config", folder / "run.yaml", *scripted, *prompts, "problems.train_limit=4"]
    assert call(capsys, *sampled)[0] == 0


def test_servers_and_a_heldout_set_of_ones_own(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, rows: list[dict[str, str]]
) -> None:
    (tmp_path / "heldout.jsonl").write_text(
        (tmp_path / "heldout.jsonl").read_text() + json.dumps({"problem": rows[0]["problem"], "answer": "1"}) + "\n"
    )
    write(tmp_path / "train.jsonl", [*rows, {"problem": "x", "answer": "", "reference_solution": "y"}])
    urls = ["--url", "http://node1:8000/v1", "--url", "http://node2:8000/v1"]
    more = ["--heldout", tmp_path / "heldout.jsonl", "--engine", "openai", *urls]
    code, out, err = call(capsys, "init", tmp_path / "mine", "--data", tmp_path / "train.jsonl", *more)
    assert code == 0, err
    assert "left out, missing: 1, the first is row 41: answer: empty" in out
    assert "left out, in_evaluation: 1, the first is row 1: problem: the same text as row 9" in out
    recipe = compose(tmp_path / "mine/run.yaml", [])
    assert recipe.engine.base_urls == ["http://node1:8000/v1", "http://node2:8000/v1"]
    assert len(load_problems(str(tmp_path / "mine/heldout.parquet"), need_reference=False)) == 9
    assert len(load_problems(str(tmp_path / "mine/train.parquet"))) == 39


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--data", "{}/none.jsonl"], "none.jsonl: no such file"),
        (["--data", "{}/bare.jsonl"], "no column of reference solutions, which InT needs"),
        (["--data", "{}/train.jsonl", "--engine", "openai"], "--engine openai and --url URL go together"),
        (["--data", "{}/train.jsonl", "--url", "http://a/v1"], "--engine openai and --url URL go together"),
        (["--data", "{}/train.jsonl", "--column", "answer=gold"], "has no column 'gold'"),
        (["--data", "{}/train.jsonl", "--heldout-share", "1e-9"], "raise --heldout-share, or give --heldout"),
    ],
)
def test_what_cannot_be_used_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, rows: list[dict[str, str]], arguments: list[str], said: str
) -> None:
    write(tmp_path / "bare.jsonl", [{"problem": row["problem"], "answer": row["answer"]} for row in rows])
    given = [argument.replace("{}", str(tmp_path)) for argument in arguments]
    code, _, err = call(capsys, "init", tmp_path / "mine", *given)
    assert (code, said in err, len(err.strip().splitlines())) == (2, True, 1), err
    assert not (tmp_path / "mine/run.yaml").exists()
