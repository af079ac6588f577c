"""`int-verl guide` on conversations: the tables, what SFT would train on, and a run that is really killed."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from int_verl.cli import main
from int_verl.console import SafeConsole
from int_verl.records import ATTEMPT_OF_TURNS, GUIDED_OF_TURNS, SFT_OF_TURNS, read_rows
from int_verl.run.run import Run
from int_verl.run_files import TABLES
from int_verl.settings.compose import compose
from int_verl.settings.turns import TurnsSettings
from int_verl.stages.assemble import Stages
from int_verl.stages.conversations import turns_registry
from tests.generate.conversations import witness
from tests.sft.chat_models import FAMILIES, save_tokenizer

WITNESS = Path(witness.__file__)
FILES = [file for tables in TABLES.values() for file, _ in tables.values()]


def settings(folder: Path, run: str = "run", cases: int = 8) -> list[str]:
    """Those of a scripted run on conversations, whose files are made in `folder`."""
    if not (folder / "model").is_dir():
        (folder / "model").mkdir()
        save_tokenizer(folder / "model", FAMILIES["qwen2.5"])
        for name, rows in (("train", witness.rows(cases)), ("heldout", witness.rows(3, first=100))):
            (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return [
        f"run.dir={folder / run}",
        f"model.path={folder / 'model'}",
        f"problems.train={folder / 'train.jsonl'}",
        f"problems.heldout={folder / 'heldout.jsonl'}",
        f"turns.environment={WITNESS}:Witness",
        "turns.max_turns=5",
        "turns.hidden=[room,person]",
        *("prompts.solve=turns/act", "prompts.guided_solution=turns/guided_plan", "prompts.verify=turns/verify"),
        *("engine.name=scripted", f"engine.script={WITNESS}:said", "engine.context_length=8000", "platform=cpu"),
        "sampling.max_tokens=600",
        "guide.rollouts=4",
        "guide.controls=[wrong_step,prefix]",
    ]


def call(*arguments: str, code: int = 0) -> str:
    """What a command prints, in this process."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed), pytest.raises(SystemExit) as done:
        main(list(arguments))
    assert int(done.value.code or 0) == code, printed.getvalue()
    return printed.getvalue()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("conversations")
    call("guide", *settings(folder))
    return folder / "run"


def test_the_tables_have_what_conversations_have(finished: Path) -> None:
    for file, schema in (
        ("sample/attempts.parquet", ATTEMPT_OF_TURNS),
        ("guide/guided.parquet", GUIDED_OF_TURNS),
        ("guide/sft.parquet", SFT_OF_TURNS),
    ):
        assert pq.read_schema(finished / file).equals(schema)
    rates: dict[str, list[bool]] = {}
    for row in read_rows(finished / "guide/guided.parquet"):
        rates.setdefault(row["condition"], []).append(row["correct"])
    assert all(rates["intervention"])
    assert not any(rates["wrong_step"])
    manifest = json.loads((finished / "guide/manifest.json").read_text())
    assert manifest["counts"]["kept"] == pq.read_metadata(finished / "guide/sft.parquet").num_rows > 0
    assert manifest["counts"]["requests"]["replies_asked"] > 0
    assert "environment" in manifest["inputs"]


def test_sft_show_marks_the_policys_turns_alone(finished: Path) -> None:
    shown = call("sft", "show", str(finished), "--rows", "1")
    assert "⟦I am sorry to ask: where was it?<|im_end|>⟧" in shown
    assert "Something happened, case" in shown.replace("\n", " ")
    trained = "".join(piece.partition("⟧")[0] for piece in shown.split("⟦")[1:])
    assert "Something" not in trained


def test_done_is_done_and_another_threshold_is_another_run(finished: Path) -> None:
    again = call("guide", *settings(finished.parent))
    assert "guide: done in" in again
    assert "environment has changed" in call("guide", *settings(finished.parent), "turns.success=0.5", "--dry-run")


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("prompts.verify=math/verify", "never says {{ heard }}"),
        ("guide.controls=[hint]", "a case has no hints"),
        ("turns.hidden=[roof]", "the case has no roof, which turns.hidden names"),
        ("turns.environment=nowhere.py:Witness", "no such file"),
        (f"turns.environment={WITNESS}:Nobody", "has no function 'Nobody'"),
        ("turns.options={speed: 3}", "speed"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, setting: str, words: str) -> None:
    assert words in " ".join(call("guide", *settings(tmp_path), setting, code=2).split())


@pytest.mark.parametrize("prefix", ["none", "intervention"])
def test_cases_are_rows_of_the_agent_loop(finished: Path, prefix: str) -> None:
    """Every case as it is; with `rl.prefix=intervention` also from the environment's answer to its intervention on."""
    overrides = [*settings(finished.parent), f"rl.prefix={prefix}", "rl.max_response_length=600"]
    stage = Stages(Run(compose(None, overrides), SafeConsole())).rl
    stage._write_data()
    rows = list(read_rows(finished / "rl/train.parquet"))
    assert {row["agent_name"] for row in rows} == {"int_turns"}
    assert {one["role"] for row in rows for one in row["prompt"]} == {"system"}
    plain = [row for row in rows if not row["extra_info"]["begun"]]
    assert [row["extra_info"]["id"] for row in plain] == [f"case-{number}" for number in range(8)]
    assert [json.loads(row["extra_info"]["case"])["room"] for row in plain[:3]] == ["kitchen", "library", "cellar"]
    begun = {row["extra_info"]["id"]: row["extra_info"]["begun"] for row in rows if row["extra_info"]["begun"]}
    kept = {row["problem_id"]: row for row in read_rows(finished / "guide/sft.parquet") if row["begun"]}
    assert set(begun) == (set(kept) if prefix == "intervention" else set())
    for case_id, text in begun.items():
        said, row = json.loads(text), kept[case_id]
        assert said["ids"][: len(row["prefix_ids"])] == row["prefix_ids"]
        assert said["messages"][-1]["role"] == "user"
        assert row["content"] in [one["content"] for one in said["messages"]]
    assert stage.inputs()["environment"]


def test_the_trainer_is_told_of_the_environment() -> None:
    (loop,) = turns_registry(TurnsSettings(environment="partners.py:Keeper", options={"turns": 2}, turn_tokens=9))
    assert loop["environment"]["environment"] == f"{Path.cwd() / 'partners.py'}:Keeper"
    assert (loop["environment"]["options"], loop["turn_tokens"], loop["max_turns"]) == ({"turns": 2}, 9, 8)


@pytest.mark.parametrize(
    ("command", "setting", "words"),
    [
        ("rl", "rl.online.enabled=true", "rl.online.enabled=true with turns.environment="),
        ("rl", "rl.hint_share=0.5", "rl.hint_share with turns.environment="),
        ("eval", "baseline.rl=false", "set baseline.rl=true or leave eval out"),
        ("eval", "rl.val_samples=2", "set rl.val_samples=8, as eval.samples, or leave eval out"),
        ("eval", "rl.export=best", "set rl.export=last or leave eval out"),
    ],
)
def test_what_rl_on_conversations_has_not(tmp_path: Path, command: str, setting: str, words: str) -> None:
    enough = ("baseline.rl=true", "eval.samples=8", "rl.val_samples=8")
    said = " ".join(call(command, *settings(tmp_path), *enough, setting, "--dry-run", code=2).split())
    assert words in said


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_files(finished: Path) -> None:
    command = [sys.executable, "-m", "int_verl.cli", "guide", *settings(finished.parent, "killed")]
    run, kills = finished.parent / "killed", 0
    while True:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        journal, size = run / "journal.sqlite-wal", -1
        while process.poll() is None and kills < 3:
            written = journal.stat().st_size if journal.is_file() else 0
            if 0 <= size < written and written > 40_000 * (kills + 1):
                os.kill(process.pid, signal.SIGKILL)
                kills += 1
            size = written
            time.sleep(0.01)
        _, errors = process.communicate()
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, errors.decode()
    assert kills
    for file in FILES:
        if file.endswith("sft.parquet") or "sample" in file or "guide" in file:
            assert (run / file).read_bytes() == (finished / file).read_bytes(), file
