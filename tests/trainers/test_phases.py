"""Before its first step a trainer is said to wait for what it waits for, and foreign lines of its log are kept out."""

from __future__ import annotations

import io
from importlib.util import find_spec
from pathlib import Path

import pytest

from int_verl.console import SafeConsole
from int_verl.progress import StageProgress
from int_verl.trainers.phases import RL_PHASES, Waiting
from int_verl.trainers.process import TrainerCommand, run_trainer
from tests.trainers.test_process import MINUTE, command

TRAINER = """
import json, os, pathlib, sys, time
out = pathlib.Path(sys.argv[1])
for line in ("a warning of somebody's", "ray init kwargs: {}", "INFO -- Started a local Ray instance.",
             "(TaskRunner pid=7) create worker group dict_keys(['actor'])", "again: ray init kwargs",
             "(TaskRunner pid=7) all initialize finished, ready to fit"):
    print(line, flush=True)
    time.sleep(0.7)
with open(os.environ["VERL_FILE_LOGGER_PATH"], "w") as metrics:
    for step in (0, 1):
        metrics.write(json.dumps({"step": step, "data": {"train/loss": 1.0}}) + "\\n")
        metrics.flush()
        time.sleep(0.7)
(out / "global_step_1").mkdir()
(out / "latest_checkpointed_iteration.txt").write_text("1")
"""


def rl(folder: Path, script: str) -> TrainerCommand:
    from dataclasses import replace

    return replace(command(folder, script, folder, steps=1, patience=MINUTE), phases=RL_PHASES)


@pytest.mark.slow
def test_piped_output_says_what_is_waited_for(tmp_path: Path) -> None:
    output = io.StringIO()
    with StageProgress(SafeConsole(file=output, width=200), "rl", 1) as progress:
        run_trainer(rl(tmp_path, TRAINER), lambda step, _: progress.advance(step), progress.wait_for)
    said = [line.partition(" s, waiting for ")[2] for line in output.getvalue().splitlines()]
    known = [what for _, what in RL_PHASES]
    assert len(said) >= 4
    assert said == sorted(set(said), key=known.index), "each thing once, in the order of the phases, and nothing else"
    assert said[0] == known[0]
    assert said[-1] == "the first validation and the first step"


def test_a_phase_is_never_left_backwards(tmp_path: Path) -> None:
    log = tmp_path / "trainer.log"
    log.write_text("ready to fit, of an earlier start\n")
    waiting = Waiting(RL_PHASES, log, log.stat().st_size)
    assert waiting.look() == RL_PHASES[0][1]
    with log.open("a") as more:
        more.write("reward loop manager initialized\nray init kwargs\n")
    assert waiting.look() == "the rollout servers, which load the model"
    assert waiting.look() == "the rollout servers, which load the model"
    assert Waiting((), log, 0).look() is None


def test_what_is_waited_for_long_is_said_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("int_verl.progress.time.monotonic", lambda: now[0])
    output = io.StringIO()
    with StageProgress(SafeConsole(file=output, width=200), "rl", 1) as progress:
        for now[0] in (101.0, 102.0, 120.0, 140.0):
            progress.wait_for("the servers")
    assert output.getvalue().splitlines() == ["rl: 1 s, waiting for the servers", "rl: 40 s, waiting for the servers"]


@pytest.mark.verl
def test_verl_and_ray_say_these_words() -> None:
    said = ""
    for package, files in (
        ("verl", ("trainer/main_ppo.py", "trainer/ppo/v1/trainer_base.py")),
        ("ray", ("_private/worker.py",)),
    ):
        spec = find_spec(package)
        assert spec is not None
        assert spec.submodule_search_locations
        said += "".join((Path(spec.submodule_search_locations[0]) / file).read_text() for file in files)
    for words, _ in RL_PHASES:
        assert words in said, words
