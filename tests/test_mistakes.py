"""A table of mistakes: each is answered in one line that names file, row, key or flag and a remedy; exit code 2."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from int_verl.cli import main
from tests.quickstart_files import QUICKSTART, scripted_run, write_problem_sets

SAMPLE = ["sample", "--dry-run"]
RUN = ["run", "--dry-run"]

# What is typed behind the command -> what the answer has to say: where, and what to do.
SETTINGS = {
    "sampel.attempts=8": ["sampel.attempts", "is it sample.attempts?"],
    "sample.attempt=8": ["is it sample.attempts?"],
    "attempts=8": ["is it sample.attempts?"],
    "run.sed=1": ["is it run.seed?"],
    "sample.attempts=many": ["sample.attempts='many'", "integer"],
    "sample.attempts=-1": ["sample.attempts=-1", "greater than"],
    "sample.attempts=2.5": ["sample.attempts=2.5", "integer"],
    "sample=8": ["sample=8", "a section, not a value"],
    "sampling.temperature=hot": ["sampling.temperature='hot'", "number"],
    "sampling.top_p=0": ["sampling.top_p=0", "greater than"],
    "guide.waves=4": ["guide.waves=4", "write a list"],
    "guide.controls=[prefxi]": ["guide.controls", "'prefix'"],
    "select.interventions=some": ["select.interventions='some'", "'one_per_problem'"],
    "propose.outcomes=[wrong]": ["propose.outcomes", "'incorrect'"],
    "steps.by=lines": ["steps.by='lines'", "blank_line"],
    "run.shard=3/2": ["run.shard=3/2", "i/n"],
    "run.date=yesterday": ["run.date='yesterday'"],
    "run.name=a/b": ["run.name='a/b'"],
    "fidelity=papers": ["fidelity=papers", "paper or released"],
    "platform=tpu": ["platform=tpu", "cpu or gpu"],
    "+sample.attempts=3": ["+sample.attempts=3", "write key=value"],
    "~sample.attempts": ["~sample.attempts", "key=value"],
    "sample.attempts": ["sample.attempts", "write key=value"],
    "guide.rollouts=4,8": ["guide.rollouts=4,8", "one value"],
    "rl.overrides=[trainer.logger=[console]]": ["rl.overrides", "in quotes"],
    "run.name=${oc.env:NO_SUCH_NAME}": ["NO_SUCH_NAME"],
    "sample.attempts=0": ["sample.attempts=0", "sample.attempts_from"],
    "guide.rollouts=0": ["guide.rollouts=0", "select.need_success=false"],
    "sft.epochs=0": ["sft.epochs=0", "greater than 0"],
    "sft.nnodes=2": ["sft.nnodes=2", "set sft.nnodes=1"],
    "sft.loss_on=all": ["sft.loss_on='all'", "prefix_and_intervention"],
    "sft.overrides=['model.path=x']": ["set model.path instead"],
    "rl.mini_batch=7": ["rl.mini_batch=7", "no multiple"],
    "rl.rollouts=1": ["rl.rollouts=1", "greater than or equal to 2"],
    "rl.test_freq=0": ["rl.test_freq=0", "greater than 0"],
    "rl.reward_path=none.py": ["none.py: no such file", "rl.reward_path"],
    "rl.reward_kwargs={two words: 1}": ["rl.reward_kwargs"],
    "rl.overrides=['custom_reward_function.path=x.py']": ["ignores this key", "reward.custom_reward_function.path"],
    "rl.overrides=['trainer.n_gpu=2']": ["rl.overrides", "verl refuses"],
    "rl.overrides=['trainer.total_training_steps=2']": ["set rl.total_steps instead"],
    "rl.overrides=['trainer.logger=[wandb]']": ["trainer.logger", "`file`"],
    "rl.prompts_per_step=64": ["rl.prompts_per_step=64", "lower it"],
    "rl.max_response_length=5000": ["rl.max_response_length=928"],
    "eval.samples=0": ["eval.samples=0"],
    "engine.name=vllm": ["engine.name='vllm'", "'openai'"],
    "engine.name=openai": ["engine.base_urls", "http://node1:8000/v1"],
    "engine.base_urls=[node1]": ["engine.base_urls", "http"],
    "engine.script=none.py:f": ["engine.script=none.py:f", "no such file"],
    "engine.script=script.py": ["engine.script=script.py", "file.py:function"],
    "engine.context_length=64": ["engine.context_length=64", "lower it"],
    "sampling.max_tokens=4096": ["max_tokens=4096", "leaves no token for a prompt"],
    "proposer.engine={url: x}": ["proposer.engine.url: no such key"],
    "proposer.path=/none": ["proposer.path=/none", "no such folder"],
    "model.path=/none": ["model.path=/none", "no such folder"],
    "model.path={here}": ["config.json", "Hugging Face"],
    "problems.train=none.jsonl": ["none.jsonl: no such file"],
    "problems.train={here}/train.txt": ["train.txt: unknown kind of file", ".jsonl"],
    "problems.columns.answer=gold": ["problems.columns.answer=gold", "it has"],
    "problems.columns.anser=answer": ["problems.columns.anser"],
    "problems.heldout={here}/train.jsonl": ["row 1", "also a training problem", "remove it"],
    "prompts.solve=math/slove": ["prompts.solve=math/slove", "is it math/solve?"],
    "prompts.solve={here}/none.jinja": ["none.jinja"],
    "grader.reward_path=none.py": ["none.py"],
    "run.dir=/proc/none": ["run.dir=/proc/none"],
}


@pytest.fixture
def here(tmp_path: Path) -> Path:
    write_problem_sets(tmp_path, train=20, heldout=4)
    shutil.copy(tmp_path / "train.jsonl", tmp_path / "train.txt")
    return tmp_path


@pytest.fixture
def say(here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    monkeypatch.chdir(here)

    def call(*arguments: str) -> str:
        with pytest.raises(SystemExit) as done:
            main(list(arguments))
        printed = capsys.readouterr()
        assert done.value.code == 2, printed
        return printed.err

    return call


def one_line(said: str, *wanted: str) -> None:
    lines = said.strip().splitlines()
    assert len(lines) == 1, said
    assert lines[0].startswith("int-verl: ")
    for part in wanted:
        assert part in said


def base(here: Path) -> list[str]:
    return ["--config", str(QUICKSTART / "quickstart.yaml"), *scripted_run(here)]


@pytest.mark.verl
@pytest.mark.parametrize("typed", SETTINGS)
def test_a_setting(say: Callable[..., str], here: Path, typed: str) -> None:
    command = ["sample"] if typed.startswith("run.dir") else RUN
    one_line(say(*command, *base(here), typed.replace("{here}", str(here))), *SETTINGS[typed])


def _changed(number: int, **fields: Any) -> Callable[[list[dict[str, Any]]], Any]:
    def change(rows: list[dict[str, Any]]) -> None:
        rows[number - 1] |= fields

    return change


DATA: dict[str, tuple[Callable[[list[dict[str, Any]]], Any], list[str]]] = {
    "an empty answer": (_changed(3, answer=" "), ["row 3, column answer: empty", "problems check --write"]),
    "no text": (_changed(2, problem=["x"]), ["row 2, column problem", "found list"]),
    "a solution as gold": (
        _changed(4, answer="First,\nthere is much to say\nof this and that"),
        ["row 4, column answer", "gold answers cannot be used"],
    ),
    "an unfinished gold": (_changed(5, answer=r"\frac{1}{"), ["row 5, column answer", "mend or remove"]),
    "the same problem twice": (lambda rows: rows.append(dict(rows[0])), ["row 21", "row 1"]),
    "the same id twice": (_changed(7, id="train-0000"), ["row 7, column id", "row 1"]),
    "no problems": (lambda rows: rows.clear(), ["no rows"]),
    "a column missing in all": (
        lambda rows: [row.pop("reference_solution") for row in rows],
        ["no column of reference solutions", "problems.columns.reference_solution=NAME"],
    ),
    "a column missing in one": (lambda rows: rows[8].pop("answer"), ["row 9, column answer: missing"]),
    "a prompt that does not fit": (
        _changed(6, problem="12 + 7 * 3 = ? " * 200),
        ["row 6", "engine.context_length"],
    ),
}


@pytest.mark.parametrize("what", DATA)
def test_problems(say: Callable[..., str], here: Path, what: str) -> None:
    change, wanted = DATA[what]
    rows = [json.loads(line) for line in (here / "train.jsonl").read_text().splitlines()]
    change(rows)
    (here / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    one_line(say(*SAMPLE, *base(here)), "train.jsonl", *wanted)


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ("{broken\n", ["train.jsonl: row 1 is not JSON"]),
        ("[1, 2]\n", ["row 1 is not a JSON object"]),
        (b"\xff\xfe\x00", ["not UTF-8"]),
    ],
)
def test_a_file_that_is_none(say: Callable[..., str], here: Path, content: str | bytes, wanted: list[str]) -> None:
    (here / "train.jsonl").write_bytes(content if isinstance(content, bytes) else content.encode())
    one_line(say(*SAMPLE, *base(here)), *wanted)


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["run", "--config", "none.yaml"], ["--config none.yaml: no such file"]),
        (["run", "--config", "."], ["--config .: a folder"]),
        (["run"], ["model.path is not set", "--config"]),
        (["report", "runs/none"], ["runs/none: no run folder"]),
        (["status", "runs/none"], ["runs/none"]),
        (["settings", "rll"], ["rll: no such section", "is it rl?"]),
        (["problems", "check", "none.jsonl"], ["none.jsonl: no such file"]),
        (["problems", "check", "none.json"], ["none.json: no such file"]),
        (["problems", "check", "train.jsonl", "--column", "gold"], ["--column gold", "OURS=THEIRS"]),
        (["problems", "hard", "runs/none"], ["runs/none"]),
        (["reward", "audit", "--problems", "none.jsonl"], ["none.jsonl: no such file"]),
        (["reward", "check", "--fn", "none.py:f", "--file", "train.jsonl"], ["none.py"]),
        (["eval", "--model", "/none", "--problems", "train.jsonl", "--out", "o"], ["/none", "no such folder"]),
        (["init", "mine", "--data", "none.csv"], ["none.csv: no such file"]),
        (["compare", "runs/none"], ["runs/none"]),
        (["merge", "runs/none", "--into", "o"], ["runs/none"]),
        (["push", "runs/none", "--repo", "a/b"], ["runs/none"]),
    ],
    ids=lambda value: " ".join(value)[:40],
)
def test_a_path(say: Callable[..., str], arguments: list[str], wanted: list[str]) -> None:
    one_line(say(*arguments), *wanted)


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["smaple"], ["smaple", "sample"]),
        (["problems", "chek"], ["chek", "check"]),
        (["run", "--dryrun"], ["--dryrun", "--dry-run"]),
        (["problems", "check"], ["FILE"]),
        (["init", "x", "--data", "d.csv", "--engine", "vllm"], ["--engine", "openai"]),
    ],
)
def test_a_command(say: Callable[..., str], arguments: list[str], wanted: list[str]) -> None:
    said = say(*arguments)
    for part in wanted:
        assert part in said


def test_there_are_enough() -> None:
    assert len(SETTINGS) + len(DATA) >= 60
