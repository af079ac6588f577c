"""A dry run that says yes means it: what the run refuses before its first request, the dry run refuses as well."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from int_verl.cli import main
from tests.problems.problem_files import write
from tests.quickstart_files import QUICKSTART, scripted_run, write_problem_sets


@pytest.fixture
def settings(tmp_path: Path) -> list[str]:
    write_problem_sets(tmp_path, train=20, heldout=4)
    return ["--config", str(QUICKSTART / "quickstart.yaml"), *scripted_run(tmp_path)]


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as done:
        main(list(arguments))
    captured = capsys.readouterr()
    return int(done.value.code or 0), captured.out, captured.err


@pytest.mark.verl
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (["engine.context_length=32768", "sampling.max_tokens=16384"], "model has 1,024 positions"),
        (["sampling.max_tokens=600"], "(engine.context_length=512)"),
        (["rl.prompts_per_step=32"], "20 problems are fewer than one batch of rl.prompts_per_step=32"),
        (["rl.prompts_per_step=48", "rl.hint_share=0.5"], "even with all of them twice"),
        (["sft.batch_size=1024"], "80 rows at most"),
        (["rl.max_response_length=4096"], "the model allows 1,024"),
        (["platform=gpu", "engine.name=verl"], "GPUs: 0 here"),
        (["engine.name=verl", "engine.overrides=['nonsense=3']"], "engine.overrides: verl refuses them"),
        (["rl.overrides=['trainer.logger=[console,wandb]']"], "draws its curves from the logger `file`"),
        (["sft.overrides=['trainer.logger=wandb']"], "draws its curves from the logger `file`"),
        (["engine.name=openai"], "needs one or more URLs"),
        (["rl.overrides=['actor_rollout_ref.nonsense=3']"], "rl.overrides: verl refuses them"),
    ],
)
@pytest.mark.parametrize("dry", [True, False])
def test_what_could_only_fail_is_refused_before_the_first_request(
    capsys: pytest.CaptureFixture[str],
    settings: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: list[str],
    said: str,
    dry: bool,
) -> None:
    monkeypatch.setattr("int_verl.stages.readiness.gpu_memories", list)
    code, _, err = call(capsys, "run", *(["--dry-run"] if dry else []), *settings, *change)
    assert code == 2
    assert said in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "run/journal.sqlite").exists()
    assert not (tmp_path / "run/config.yaml").exists(), "a folder does not keep to settings that were refused"


@pytest.mark.parametrize("dry", [True, False])
def test_whole_solutions_are_no_golds(
    capsys: pytest.CaptureFixture[str], settings: list[str], tmp_path: Path, dry: bool
) -> None:
    rows = [json.loads(line) for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    for row in rows:
        row["answer"] = "First he has\nthree apples, and then seven more of them,\nwhich is plenty for all his friends"
    write(tmp_path / "train.jsonl", rows)
    code, _, err = call(capsys, "guide", *(["--dry-run"] if dry else []), *settings)
    assert (code, "20 gold answers cannot be used: row 1, column answer" in err) == (2, True)
    assert not (tmp_path / "run/journal.sqlite").exists()


@pytest.mark.verl
def test_a_plan_that_passes_says_what_was_checked_and_the_run_goes_on(
    capsys: pytest.CaptureFixture[str], settings: list[str], tmp_path: Path
) -> None:
    code, out, _ = call(capsys, "run", "--dry-run", *settings)
    assert code == 0
    checked = next(line for line in out.splitlines() if line.startswith("Checked, as the run does"))
    assert {"model", "batch of RL", "golds and prompts"} <= set(checked.rstrip(".").split(": ")[1].split(", "))
    assert not (tmp_path / "run").exists()
    assert call(capsys, "sample", *settings)[0] == 0


@pytest.mark.verl
def test_what_cannot_be_checked_is_named(
    capsys: pytest.CaptureFixture[str], settings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from httpx import ConnectError, Response
    from huggingface_hub import HfApi
    from huggingface_hub.errors import RepositoryNotFoundError

    def asked(error: Exception) -> tuple[int, str, str]:
        def model_info(*_: object, **__: object) -> None:
            raise error

        monkeypatch.setattr(HfApi, "model_info", model_info)
        return call(capsys, "run", "--dry-run", *settings, "model.path=nobody/nothing")

    code, out, _ = asked(ConnectError("no route"))
    assert code == 0
    assert "DOUBTFUL model: model.path=nobody/nothing: not on this machine" in out
    assert "NOT CHECKED golds and prompts" in out
    assert "NOT CHECKED context of sample" in out
    code, _, err = asked(RepositoryNotFoundError("404", response=Response(404, request=_request())))
    assert (code, "the hub has none of this name" in err) == (2, True)
    servers = ["engine.name=openai", "engine.base_urls=['http://127.0.0.1:9/v1']"]
    code, out, _ = call(capsys, "guide", "--dry-run", *settings, *servers)
    assert (code, "NOT CHECKED servers: engine.base_urls: http://127.0.0.1:9/v1 are asked when the" in out) == (0, True)


def _request() -> object:
    from httpx import Request

    return Request("GET", "https://huggingface.co/api/models/nobody/nothing")


def test_gsm8k_is_sampled_as_it_is(capsys: pytest.CaptureFixture[str], settings: list[str], tmp_path: Path) -> None:
    """The quickstart's problems in the shape of GSM8K: question, and answer with the solution before a mark."""
    for name in ("train", "heldout"):
        rows = [json.loads(line) for line in (tmp_path / f"{name}.jsonl").read_text().splitlines()]
        shaped = [
            {
                "question": row["problem"],
                "answer": f"{row.get('reference_solution') or '<<1+1=2>>'}\n#### {row['answer']}",
            }
            for row in rows
        ]
        write(tmp_path / f"{name}.jsonl", shaped)
    code, out, _ = call(capsys, "sample", *settings)
    assert code == 0
    assert out.count("read with problem = question, answer = answer after ####, reference_solution = answer") == 2
