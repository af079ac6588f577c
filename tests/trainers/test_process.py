"""Real processes: progress, clean stops, hangs, and that nothing outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from int_verl.errors import TrainerError
from int_verl.trainers.composed import composed
from int_verl.trainers.hang import Patience, SettingUp
from int_verl.trainers.process import TrainerCommand, run_trainer
from int_verl.trainers.rl import RLLaunch
from int_verl.trainers.verl_folder import checkpointed_step, read_metrics
from tests.quickstart_files import ROOT
from tests.supervision.families import FAMILY, processes_with, wait_for

pytestmark = pytest.mark.slow

TRAIN = """
import json, os, pathlib, sys
out, steps = pathlib.Path(sys.argv[1]), int(sys.argv[2])
with open(os.environ["VERL_FILE_LOGGER_PATH"], "w") as metrics:
    for step in range(1, steps + 1):
        metrics.write(json.dumps({"step": step, "data": {"train/loss": 1 / step}}) + "\\n")
(out / f"global_step_{steps}").mkdir()
(out / "latest_checkpointed_iteration.txt").write_text(str(steps))
"""


MINUTE = Patience(60)


def command(
    folder: Path, script: str, *arguments: object, steps: int = 3, patience: Patience = MINUTE
) -> TrainerCommand:
    argv = [sys.executable, "-c", script, *map(str, arguments)]
    return TrainerCommand(argv, {}, folder, steps, None, patience, folder, "huggingface")


def test_progress_and_metrics(tmp_path: Path) -> None:
    seen: list[tuple[int, dict[str, float]]] = []
    run_trainer(command(tmp_path, TRAIN, tmp_path, 3), lambda *finished: seen.append(finished))
    assert seen == [(step, {"train/loss": 1 / step}) for step in (1, 2, 3)]
    assert checkpointed_step(tmp_path) == 3
    assert [row["step"] for row in read_metrics(tmp_path)] == [1, 2, 3]


@pytest.mark.verl
@pytest.mark.parametrize("fragments", [(), ("+int=cpu_grpo",)], ids=["gpu", "cpu"])
def test_workers_of_a_ray_that_runs_already_write_the_metrics_there_too(
    tmp_path: Path, fragments: tuple[str, ...]
) -> None:
    """They have the environment of their node, and of verl's what is in its key."""
    script = f"{TRAIN}\n(out / 'argv').write_text('\\n'.join(sys.argv[3:]))"
    key = RLLaunch.env_of_workers
    run_trainer(replace(command(tmp_path, script, tmp_path, 3), env_of_workers=key))
    (override,) = (tmp_path / "argv").read_text().splitlines()
    config = composed("int_grpo", (*fragments, override), "rl.overrides")
    assert config is not None
    environment = config.ray_kwargs.ray_init.runtime_env.env_vars
    assert Path(environment.VERL_FILE_LOGGER_PATH) == tmp_path / "metrics" / "000.jsonl"
    assert ("VERL_PLATFORM" in environment) == bool(fragments)


def test_metrics_of_two_starts_are_joined(tmp_path: Path) -> None:
    for step in (1, 2):
        run_trainer(
            command(tmp_path, TRAIN.replace("range(1,", f"range({step},"), tmp_path, step, steps=step),
        )
    assert [row["step"] for row in read_metrics(tmp_path)] == [1, 2]
    assert len(list((tmp_path / "metrics").iterdir())) == 2


def test_ending_early_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TrainerError, match="step 2 of 3"):
        run_trainer(command(tmp_path, TRAIN, tmp_path, 2))


TAKEN = """
import sys, pathlib
starts = pathlib.Path(sys.argv[1]) / "starts"
starts.write_text(starts.read_text() + "x" if starts.exists() else "x")
if len(starts.read_text()) <= int(sys.argv[3]):
    sys.exit("torch.distributed.DistNetworkError: The server socket has failed to listen on any local network address. "
             "port: 46753, useIpv6: false, code: -98, name: EADDRINUSE, message: address already in use")
"""


@pytest.mark.parametrize(("taken", "named", "starts"), [(2, None, 3), (3, None, 3), (1, "29500", 1)])
def test_a_port_that_was_taken_meanwhile_is_another_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: int, named: str | None, starts: int
) -> None:
    """Unless the user has named one, which does not become free."""
    monkeypatch.delenv("MASTER_PORT", raising=False)
    if named:
        monkeypatch.setenv("MASTER_PORT", named)
    said: list[str] = []
    of_trainer = command(tmp_path, TAKEN + TRAIN, tmp_path, 3, taken)
    if taken < starts:
        run_trainer(of_trainer, on_wait=said.append)
        assert checkpointed_step(tmp_path) == 3
    else:
        with pytest.raises(TrainerError, match=r"a port is in use: .*MASTER_PORT \(46753\)"):
            run_trainer(of_trainer, on_wait=said.append)
    assert (tmp_path / "starts").read_text() == "x" * starts
    assert sum("another port" in phrase for phrase in said) == starts - 1


def failing(folder: Path, script: str, *arguments: object) -> str:
    """The one line that is said of a trainer that runs this script and fails."""
    with pytest.raises(TrainerError) as caught:
        run_trainer(command(folder, script, *arguments))
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(f"; see {folder / 'trainer.log'}")
    return str(caught.value)


def test_a_failure_of_no_known_kind_is_quoted(tmp_path: Path) -> None:
    assert "the trainer failed: ValueError: the strange case" in failing(
        tmp_path, "raise ValueError('the strange case')"
    )
    assert "the trainer failed: exit code 3" in failing(tmp_path / "other", "raise SystemExit(3)")


def test_a_missing_program(tmp_path: Path) -> None:
    with pytest.raises(TrainerError):
        run_trainer(TrainerCommand(["/no/such/program"], {}, tmp_path, 1, None, Patience(60), tmp_path, "huggingface"))


def test_a_hung_trainer_is_stopped(tmp_path: Path) -> None:
    mark = f"hang-{tmp_path.name}-{os.getpid()}"
    with pytest.raises(TrainerError, match=r"after step 0 of 3 .* said nothing new for 0.025 min"):
        run_trainer(command(tmp_path, FAMILY, mark, patience=Patience(1.5)))
    assert wait_for(lambda: not processes_with(mark))


WAITING = """
import itertools, time
for number in itertools.count():
    print(f"No available shared memory broadcast block found in {number} seconds.", flush=True)
    time.sleep(0.05)
"""


def test_saying_the_same_for_ever_is_hanging(tmp_path: Path) -> None:
    """vLLM's waiting side says so every minute while a weight update hangs."""
    with pytest.raises(TrainerError, match="said nothing new"):
        run_trainer(command(tmp_path, WAITING, patience=Patience(1.5)))


def test_what_hangs_while_it_is_set_up_is_stopped_sooner_and_says_why(tmp_path: Path) -> None:
    patience = Patience(60, SettingUp(1.5, "ready to fit", "there are too few processors"))
    with pytest.raises(TrainerError, match=r"0\.025 min .* before it was set up: there are too few processors; see "):
        run_trainer(command(tmp_path, WAITING, patience=patience))


def test_interrupt_stops_the_whole_family(tmp_path: Path) -> None:
    mark = f"interrupt-{tmp_path.name}-{os.getpid()}"
    log = tmp_path / "trainer.log"

    def interrupt() -> None:
        wait_for(lambda: log.exists() and b"up" in log.read_bytes())
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        run_trainer(command(tmp_path, FAMILY, mark))
    assert not processes_with(mark)


def test_a_scheduler_that_ends_a_run_ends_the_whole_family(tmp_path: Path) -> None:
    mark = f"preempt-{tmp_path.name}-{os.getpid()}"
    script = (
        "import sys, pathlib\nfrom int_verl.interruption import preemptible\n"
        "from tests.trainers.test_process import command, run_trainer\n"
        "with preemptible(): run_trainer(command(pathlib.Path(sys.argv[3]), sys.argv[1], sys.argv[2]))"
    )
    run = subprocess.Popen([sys.executable, "-c", script, FAMILY, mark, str(tmp_path)], cwd=ROOT)
    log = tmp_path / "trainer.log"
    assert wait_for(lambda: log.exists() and b"up" in log.read_bytes())
    run.send_signal(signal.SIGTERM)
    run.send_signal(signal.SIGTERM)
    assert run.wait(30) == 75
    assert not processes_with(mark)


def test_a_killed_supervisor_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    """The system's out-of-memory killer takes whom it likes."""
    mark = f"killed-{tmp_path.name}-{os.getpid()}"
    log = tmp_path / "trainer.log"

    def kill() -> None:
        wait_for(lambda: log.exists() and b"up" in log.read_bytes())
        for pid in processes_with("int_verl.supervision.supervisor"):
            if mark.encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)

    threading.Thread(target=kill, daemon=True).start()
    with pytest.raises(TrainerError, match=r"memory is full: .* \(the trainer was killed\)"):
        run_trainer(command(tmp_path, FAMILY, mark))
    assert not processes_with(mark)


def test_a_killed_parent_leaves_no_orphan(tmp_path: Path) -> None:
    mark = f"orphan-{tmp_path.name}-{os.getpid()}"
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, pathlib\nfrom tests.trainers.test_process import command, run_trainer\n"
            "run_trainer(command(pathlib.Path(sys.argv[3]), sys.argv[1], sys.argv[2]))",
            FAMILY,
            mark,
            str(tmp_path),
        ],
        cwd=ROOT,
    )
    log = tmp_path / "trainer.log"
    assert wait_for(lambda: log.exists() and b"up" in log.read_bytes())
    parent.kill()
    parent.wait()
    assert wait_for(lambda: not processes_with(mark))
