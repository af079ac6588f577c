"""`int-verl eval` on problem sets of its own, with a scripted model, and `int-verl compare` of what it leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from domain import problem_rows

from int_verl.cli import main
from int_verl.evaluate import pass_at_k
from tests.quickstart_files import QUICKSTART, ROOT, SCRIPT, write_problem_sets

SCRIPTED = ("engine.name=scripted", f"engine.script={SCRIPT}:script")


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sets")
    write_problem_sets(folder, 6, 5)
    return folder


def arguments(sets: Path, out: Path, *more: str) -> list[str]:
    named = ["--problems", f"test={sets / 'heldout.jsonl'}", "--train", str(sets / "train.jsonl")]
    settings = ["eval.samples=6", *SCRIPTED, *more]
    return ["eval", "--config", str(QUICKSTART / "quickstart.yaml"), *named, "--out", str(out), *settings]


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as done:
        main(list(words))
    said = capsys.readouterr()
    return int(done.value.code or 0), said.out, said.err


@pytest.fixture(scope="module")
def evaluated(sets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("evaluations") / "base"
    with pytest.raises(SystemExit) as done:
        main(arguments(sets, out, "eval.k_by_source={D_train: 4}"))
    assert not done.value.code
    return out


def test_its_figures_are_those_of_its_samples(evaluated: Path) -> None:
    found = json.loads((evaluated / "eval.json").read_text())
    samples = pq.read_table(evaluated / "samples.parquet").to_pylist()
    assert len(samples) == (6 + 5) * 6
    assert {row["max_tokens"] for row in samples} == {found["max_tokens"]} == {96}
    by_problem: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in samples:
        by_problem.setdefault((row["problem_set"], row["problem_id"]), []).append(row)
    for one in found["sets"]:
        problems = [rows for (name, _), rows in by_problem.items() if name == one["set"]]
        for k, estimate in one["pass_at"].items():
            expected = [pass_at_k(6, sum(row["correct"] for row in rows), int(k)) for rows in problems]
            assert estimate["value"] == pytest.approx(sum(expected) / len(expected))
        tokens = [row["completion_tokens"] for rows in problems for row in rows]
        assert one["tokens"]["value"] == pytest.approx(sum(tokens) / len(tokens))
    train = next(column for column in found["columns"] if column["source"] == "D_train")
    assert (train["k"], train["problems"]) == (4, 6)
    for name in ("eval.md", "figures.csv", "figures.parquet", "problems.parquet", "pass_at_k.png"):
        assert (evaluated / name).stat().st_size
    assert (evaluated / "pass_at_k.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_command_draws_nothing_and_more_samples_only_what_is_missing(
    capsys: pytest.CaptureFixture[str], sets: Path, evaluated: Path
) -> None:
    before = json.loads((evaluated / "eval.json").read_text())
    assert call(capsys, *arguments(sets, evaluated, "eval.k_by_source={D_train: 4}"))[0] == 0
    assert json.loads((evaluated / "eval.json").read_text()) == before
    assert json.loads((evaluated / "status.json").read_text())["requests"]["drawn"] == 0
    assert call(capsys, *arguments(sets, evaluated), "eval.samples=8", "eval.k_by_source={D_train: 4}")[0] == 0
    assert json.loads((evaluated / "status.json").read_text())["requests"]["drawn"] == (6 + 5) * 2
    assert call(capsys, *arguments(sets, evaluated, "eval.k_by_source={D_train: 4}"))[0] == 0


def test_a_longer_evaluation_than_training(capsys: pytest.CaptureFixture[str], sets: Path, tmp_path: Path) -> None:
    shares = {}
    for length in (30, 96):
        out = tmp_path / str(length)
        assert call(capsys, *arguments(sets, out, f"eval.max_tokens={length}"))[0] == 0
        one = json.loads((out / "eval.json").read_text())["sets"][0]
        shares[length] = one["truncated"]["value"]
        assert one["tokens"]["value"] <= length
    assert shares[30] > 0.5 > shares[96]


@pytest.mark.slow
def test_killed_and_started_again_it_has_the_same_figures(sets: Path, evaluated: Path, tmp_path: Path) -> None:
    out = tmp_path / "killed"
    settings = arguments(sets, out, "eval.k_by_source={D_train: 4}", "engine.in_flight=2")
    command = [sys.executable, "-m", "int_verl.cli", *settings]
    env = {**os.environ, "INT_VERL_TEST_SLEEP": "0.1", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL)
    while process.poll() is None and not kept(out / "journal.sqlite-wal"):
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (out / "eval.json").exists()
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, env={**env, "INT_VERL_TEST_SLEEP": "0"})
    requests = json.loads((out / "status.json").read_text())["requests"]
    assert requests["from the journal"] > 0
    assert requests["from the journal"] + requests["drawn"] == (6 + 5) * 6
    for name in ("eval.json", "eval.md", "figures.csv"):
        assert (out / name).read_text() == (evaluated / name).read_text()
    assert pq.read_table(out / "samples.parquet").equals(pq.read_table(evaluated / "samples.parquet"))


def kept(journal: Path) -> bool:
    return journal.is_file() and journal.stat().st_size > 40_000


def test_a_plan_draws_nothing(capsys: pytest.CaptureFixture[str], sets: Path, tmp_path: Path) -> None:
    code, out, _ = call(capsys, *arguments(sets, tmp_path / "none"), "--dry-run")
    assert code == 0
    assert "test: 5 problems x 6 samples" in out
    assert "D_train: 6 problems x 6 samples" in out
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["eval", "--problems", "x.parquet"], "--problems: say where the evaluation goes with --out"),
        (["eval", "--out", "o"], "say what to evaluate on, with --problems"),
        (["eval", "--out", "o", "--problems", "a.jsonl", "--step", "3"], "--step: is the step of --dumps"),
        (["eval", "--out", "o", "--problems", "a.jsonl", "--force"], "remove o to draw it again"),
        (["eval", "--out", "o", "--problems", "a.jsonl"], "model.path is not set"),
        (["eval", "--out", "o", "--problems", "nowhere.jsonl", "--model", "m"], "nowhere.jsonl: no such file"),
        (["eval", "--out", "o", "--dumps", "nowhere"], "--dumps nowhere: no files such as 100.jsonl"),
        (["compare", "one"], "one: neither a run nor an evaluation"),
        (["compare", "one", "two"], "one: neither a run nor an evaluation"),
        (["compare", "one", "two", "--k", "AMO"], "--k AMO: write SOURCE=K"),
    ],
)
def test_mistakes_are_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = call(capsys, *words)
    assert code == 2
    assert message in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["eval.k_by_source={AMO-Bench: 8}"], "eval.k_by_source: no problem is of AMO-Bench; there are D_train"),
        (["eval.k_by_source={D_train: 8}"], "eval.k_by_source.D_train=8: needs eval.samples=8 or more"),
        (["eval.k_by_source={D_train: 0}"], "eval.k_by_source"),
        (["--problems", "test=again.jsonl"], "there is a set of that name"),
        (["--problems", "TRAIN"], "is also in"),
    ],
)
def test_what_would_fail_after_the_sampling_is_refused_before(
    capsys: pytest.CaptureFixture[str], sets: Path, tmp_path: Path, more: list[str], message: str
) -> None:
    more = [word.replace("TRAIN", str(sets / "train.jsonl")) for word in more]
    code, _, err = call(capsys, *arguments(sets, tmp_path / "o"), *more)
    assert (code, message in err) == (2, True), err
    assert not (tmp_path / "o").exists()


def test_a_gold_answer_that_cannot_be_graded_is_named(
    capsys: pytest.CaptureFixture[str], sets: Path, tmp_path: Path
) -> None:
    rows = [
        row | {"answer": "\\frac{" if i == 1 else row["answer"]} for i, row in enumerate(problem_rows("heldout", 3))
    ]
    (tmp_path / "bad.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    code, _, err = call(capsys, *arguments(sets, tmp_path / "o"), "--problems", str(tmp_path / "bad.jsonl"))
    assert code == 2
    assert "bad.jsonl: 1 gold answers cannot be used: row 2" in err


def test_a_folder_keeps_to_one_model(capsys: pytest.CaptureFixture[str], sets: Path, evaluated: Path) -> None:
    code, _, err = call(capsys, *arguments(sets, evaluated), "--model", "other/model")
    assert code == 2
    assert "this folder holds a run with model.path" in err


def test_two_evaluations_are_compared(
    capsys: pytest.CaptureFixture[str], sets: Path, evaluated: Path, tmp_path: Path
) -> None:
    assert call(capsys, *arguments(sets, tmp_path / "seed1", "run.seed=1"))[0] == 0
    out = tmp_path / "comparison"
    code, said, _ = call(capsys, "compare", str(evaluated), str(tmp_path / "seed1"), "--out", str(out))
    assert code == 0
    assert "seed1 minus base" in said
    found = json.loads((out / "compare.json").read_text())
    assert found["entries"] == ["base", "seed1"]
    assert next(column["k"] for column in found["columns"] if column["source"] == "D_train") == 4
    test = next(one for one in found["sets"] if one["set"] == "test")
    values = {name: figures["pass_at"]["1"]["value"] for name, figures in test["figures"].items()}
    assert test["differences"][0]["pass_at"]["1"]["value"] == pytest.approx(values["seed1"] - values["base"])
    assert test["problems"] == 5
    assert "<svg" in (out / "compare.html").read_text()
    assert (out / "compare.md").read_text().startswith("# base against seed1")


def test_one_evaluation_has_nothing_to_be_compared_with(capsys: pytest.CaptureFixture[str], evaluated: Path) -> None:
    code, _, err = call(capsys, "compare", str(evaluated))
    assert code == 2
    assert "one evaluation has nothing to be compared with" in err


def test_other_problems_under_the_same_ids_are_not_compared(
    capsys: pytest.CaptureFixture[str], sets: Path, evaluated: Path, tmp_path: Path
) -> None:
    rows = [row | {"problem": row["problem"] + " Mind the modulus."} for row in problem_rows("heldout", 5)]
    (tmp_path / "other.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = arguments(sets, tmp_path / "other")
    words[words.index(f"test={sets / 'heldout.jsonl'}")] = f"test={tmp_path / 'other.jsonl'}"
    assert call(capsys, *words)[0] == 0
    code, _, err = call(capsys, "compare", str(evaluated), str(tmp_path / "other"), "--out", str(tmp_path / "c"))
    assert code == 2
    assert "is not the same one in" in err
