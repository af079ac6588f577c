"""`int-verl analyse` on a real run with a scripted model, whose verifier finds every first error."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from int_verl.cli import main
from int_verl.report import write_report
from tests.quickstart_files import QUICKSTART, scripted_run, write_problem_sets

TRUTH = f"{QUICKSTART / 'domain.py'}:first_error"


@pytest.fixture(scope="module")
def run(generated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shutil.copytree(generated, tmp_path_factory.mktemp("analysed") / "run")


def call(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    with pytest.raises(SystemExit) as done:
        main([*map(str, words)])
    said = capsys.readouterr()
    return int(done.value.code or 0), said.out + said.err


def rows(run: Path, table: str) -> list[dict[str, Any]]:
    return pq.read_table(run / table).to_pylist()


def test_interventions(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = call(capsys, "analyse", "interventions", run, "--first-errors", TRUTH)
    assert not code, said
    found = json.loads((run / "analysis/interventions.json").read_text())
    largest = max(found["yield"]["points"], key=lambda point: (point["proposals"], point["rollouts"]))
    kept = [row for row in rows(run, "guide/interventions.parquet") if row["kept"]]
    assert largest["kept"] == pytest.approx(len(kept))
    unsolved = {row["problem_id"] for row in rows(run, "sample/attempts.parquet")}
    unsolved -= {row["problem_id"] for row in rows(run, "sample/attempts.parquet") if row["correct"]}
    assert largest["newly_solved"] == pytest.approx(len({row["problem_id"] for row in kept} & unsolved))
    with_truth = found["localisation"]["agreement"][-1]
    assert with_truth["between"] == "they and the true first error"
    assert with_truth["same"]["value"] == 1
    text = (run / "analysis/interventions.md").read_text()
    for title in ("Continuing an incorrect attempt", "Lengths and first errors", "Yield over proposals an attempt"):
        assert title in said
        assert f"## {title}" in text


def test_another_run_is_another_proposer(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = shutil.copytree(run, tmp_path / "other")
    code, said = call(capsys, "analyse", "interventions", run, "--proposer", f"30B={other}")
    assert not code, said
    found = json.loads((run / "analysis/interventions.json").read_text())
    last, own = found["table1"]["conditions"][::-1][:2]
    assert last["condition"] == "intervention by 30B"
    assert last["accuracy"] == own["accuracy"]
    assert "they and 30B" in said
    page = write_report(run).read_text()
    assert "intervention by 30B" in page
    assert "Newly solved over K" in page
    assert (run / "report/figures/yield.csv").read_text().startswith("proposals,rollouts,solved,")
    (run / "guide/manifest.json").write_text("{}")  # made anew since
    assert "intervention by 30B" not in write_report(run).read_text()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ('{"problem_id": "train-0000", "attempt": 0}', "row 1 has no first_error"),
        ('{"problem_id": "train-0000", "attempt": 0, "first_error": "two"}', "are whole numbers"),
        ('{"problem_id": "train-0000", "attempt": 0, "first_error": 99}', "99 is no step of attempt 0"),
        ('{"problem_id": "nobody", "attempt": 0, "first_error": 1}', "names no first error in an attempt"),
    ],
)
def test_first_errors_that_cannot_be(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, complaint: str
) -> None:
    (tmp_path / "truth.jsonl").write_text(content + "\n")
    code, said = call(capsys, "analyse", "interventions", run, "--first-errors", tmp_path / "truth.jsonl")
    assert code == 2
    assert complaint in said


def test_first_errors_from_a_file(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        {"problem_id": row["problem_id"], "attempt": row["attempt"], "first_error": None if row["correct"] else 1}
        for row in rows(run, "sample/attempts.parquet")
    ]
    (tmp_path / "truth.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert call(capsys, "analyse", "interventions", run, "--first-errors", tmp_path / "truth.jsonl")[0] == 0
    found = json.loads((run / "analysis/interventions.json").read_text())["localisation"]
    proposals = [row for row in rows(run, "propose/proposals.parquet") if row["location"] is not None]
    first = sum(row["location"] == 1 for row in proposals) / len(proposals)
    assert found["agreement"][-1]["same"]["value"] == pytest.approx(first)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("nowhere",), "nowhere: no such run folder"),
        (("RUN", "--proposer", "30B"), "--proposer 30B: write NAME=VALUE"),
        (("RUN", "--first-errors", "no.py:f"), "--first-errors=no.py:f: no such file"),
        (("RUN", "--first-errors", f"{QUICKSTART / 'domain.py'}:nothing"), "has no function 'nothing'"),
    ],
)
def test_mistakes(run: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], complaint: str) -> None:
    code, said = call(capsys, "analyse", "interventions", *(run if word == "RUN" else word for word in words))
    assert code == 2
    assert complaint in said


def test_proposers(tmp_path: Path, model_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another folder of the same model, by which a scripted engine proposes the same."""
    write_problem_sets(tmp_path, 6, 2)
    shutil.copytree(model_folder, tmp_path / "other")
    controls = "guide.controls=[problem,hint,prefix,hint_and_intervention]"
    settings = [*scripted_run(tmp_path), "propose.proposals=2", "guide.control_share=1", controls]
    words = ["analyse", "proposers", "--proposer", f"other={tmp_path / 'other'}", "--first-errors", TRUTH]
    command = [*words, "--config", QUICKSTART / "quickstart.yaml", *settings]
    code, said = call(capsys, *command)
    assert not code, said
    found = json.loads((tmp_path / "run/analysis/interventions.json").read_text())
    conditions = [entry["condition"] for entry in found["table1"]["conditions"]]
    own = ["problem", "hint", "prefix", "intervention", "hint_and_intervention"]
    assert conditions == [*own, "intervention by other"]
    between = {one["between"] for one in found["localisation"]["agreement"]}
    assert {"they and other", "other and the true first error"} <= between
    asked = json.loads((tmp_path / "run/analysis/proposers/other/propose/manifest.json").read_text())["settings"]
    assert asked["proposer.path"] == str(tmp_path / "other")
    code, again = call(capsys, *command)
    assert not code
    assert "Generation" not in again, "nothing is generated again"


@pytest.fixture(scope="module")
def trained(run: Path, model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run with a model after SFT that is the base itself."""
    folder = shutil.copytree(run, tmp_path_factory.mktemp("trained") / "run")
    shutil.copytree(model_folder, folder / "sft/checkpoints/global_step_1/huggingface")
    (folder / "sft/model.txt").write_text("sft/checkpoints/global_step_1/huggingface\n")
    return folder


def traces(folder: Path, rows_of: list[dict[str, Any]]) -> Path:
    file = folder / "traces.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows_of))
    return file


@pytest.mark.verl
def test_likelihood(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    problems = rows(trained, "problems/train.parquet")
    given = [{"problem_id": one["id"], "text": one["reference_solution"]} for one in problems]
    given += [{"problem": problems[0]["problem"], "text": problems[0]["reference_solution"]}]
    held = {row["problem_id"] for row in rows(trained, "guide/sft.parquet")}
    r1 = traces(tmp_path, [row for row in given if row.get("problem_id") in held])
    code, said = call(capsys, "analyse", "likelihood", trained, "--data", f"R1={r1}", "--rows", 0)
    assert not code, said
    found = json.loads((trained / "analysis/likelihood.json").read_text())["likelihood"]
    entries = {(one["data"], one["model"]): one for one in found["data"]}
    assert {data for data, _ in entries} == {"interventions", "reference", "R1"}
    kept = rows(trained, "guide/sft.parquet")
    own = entries["interventions", "base"]
    assert own["rows"] == len(kept)
    for part in ("prefix", "intervention"):
        assert own["parts"][part]["tokens"] == sum(len(row[f"{part}_ids"]) for row in kept)
    assert entries["reference", "base"]["parts"] == entries["R1", "base"]["parts"], "the same texts, given as traces"
    assert own["parts"]["all"]["nll"]["value"] < entries["reference", "base"]["parts"]["all"]["nll"]["value"]
    assert found["shift"]["train"]["change"]["value"] == 0, "the model after SFT is the base"
    attempts = rows(trained, "sample/attempts.parquet")
    assert found["rollouts"][0]["parts"]["all"]["tokens"] == sum(row["completion_tokens"] for row in attempts)
    assert "Negative log-likelihood" in write_report(trained).read_text()


@pytest.mark.verl
def test_likelihood_of_what_cannot_be(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(*words: object) -> str:
        code, said = call(capsys, "analyse", "likelihood", trained, *words)
        assert code == 2, said
        return said

    kept = trained / "guide/sft.parquet"
    assert "has problems that this run's SFT trains on" in refused("--test", kept)
    assert "neither a row for SFT nor a trace" in refused("--data", f"x={traces(tmp_path, [{'text': 'a'}])}")
    unknown = traces(tmp_path, [{"problem_id": "nobody", "text": "a"}])
    assert "nobody is no problem of the run" in refused("--data", f"x={unknown}")
    assert "no such file" in refused("--data", f"x={tmp_path / 'nothing.parquet'}")
    assert "say with --model it=FOLDER" in refused("--rollouts", f"it={traces(tmp_path, [])}")


@pytest.mark.verl
def test_a_model_of_an_evaluation(
    trained: Path, problem_sets: Path, tmp_path: Path, capsys, model_folder: Path
) -> None:
    """Its rollouts are asked about under it, without naming it; one with another tokenizer is refused."""
    words = ["eval", "--config", QUICKSTART / "quickstart.yaml", "--problems", problem_sets / "heldout.jsonl"]
    assert call(capsys, *words, "--out", tmp_path / "eval", *scripted_run(problem_sets)[3:], "eval.samples=2")[0] == 0
    code, said = call(capsys, "analyse", "likelihood", trained, "--rollouts", f"other={tmp_path / 'eval'}")
    assert not code, said
    found = json.loads((trained / "analysis/likelihood.json").read_text())["likelihood"]
    other = next(one for one in found["rollouts"] if one["model"] == "other")
    assert (other["rows"], other["problems"]) == (16, 8)
    foreign = shutil.copytree(model_folder, tmp_path / "foreign")
    tokenizer = json.loads((foreign / "tokenizer.json").read_text())
    tokenizer["added_tokens"].append({**tokenizer["added_tokens"][0], "id": 509, "content": "<new>"})
    (foreign / "tokenizer.json").write_text(json.dumps(tokenizer))
    code, said = call(capsys, "analyse", "likelihood", trained, "--model", f"it={foreign}")
    assert code == 2
    assert "has another tokenizer" in said
