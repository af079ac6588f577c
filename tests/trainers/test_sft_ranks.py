"""SFT on two FSDP2 ranks: what one rank makes of the same rows, killed and resumed, and a rank that dies or hangs."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from int_verl.errors import TrainerError, UserError
from int_verl.supervision.family import descendants
from int_verl.trainers.not_running import process_name
from int_verl.trainers.verl_folder import checkpointed_step, read_metrics
from tests.trainers.sft_runs import train_and_kill, train_sft, write_sft_rows

pytestmark = [pytest.mark.verl, pytest.mark.nightly, pytest.mark.timeout(900)]

STEPS_OF_AN_EPOCH, STEPS = 4, 8
SETTINGS: dict[str, Any] = {"epochs": 2, "learning_rate": 1e-4}
"Adam makes a step of this size also of a gradient that is all rounding."
TWO = SETTINGS | {"gpus_per_node": 2}


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sft_rows(tmp_path_factory.mktemp("rows") / "train.parquet", 32)


@pytest.fixture(scope="module")
def one_rank(make_model: Callable[[bool], Path], rows: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where it trained and what it left."""
    out = tmp_path_factory.mktemp("one-rank") / "out"
    train_sft(make_model(True), rows, out, **SETTINGS)
    return out


def furthest(one: Path, other: Path) -> float:
    """The largest difference of any weight."""
    from safetensors.torch import load_file

    ours, theirs = (load_file(folder / "model.safetensors") for folder in (one, other))
    assert ours.keys() == theirs.keys()
    return max(float((ours[name] - theirs[name]).abs().max()) for name in ours)


def assert_same(out: Path, expected: Path, base: Path) -> None:
    losses = {each: [row["train/loss"] for row in read_metrics(each)] for each in (out, expected)}
    assert len(losses[out]) == STEPS
    assert losses[out] == pytest.approx(losses[expected], abs=1e-5)
    assert sum(losses[out][STEPS_OF_AN_EPOCH:]) < sum(losses[out][:STEPS_OF_AN_EPOCH])
    trained, wanted = (folder / f"global_step_{STEPS}" / "huggingface" for folder in (out, expected))
    assert furthest(trained, base) > 2e-4
    assert furthest(trained, wanted) < 9e-6


def test_as_one_rank(make_model: Callable[[bool], Path], rows: Path, one_rank: Path, tmp_path: Path) -> None:
    train_sft(make_model(True), rows, tmp_path / "out", **TWO)
    assert_same(tmp_path / "out", one_rank, make_model(True))


def test_killed_in_mid_epoch_and_resumed(
    make_model: Callable[[bool], Path], rows: Path, one_rank: Path, tmp_path: Path
) -> None:
    out, model = tmp_path / "out", make_model(True)
    killed = train_and_kill(model, rows, out, after=2, **TWO)
    assert killed % STEPS_OF_AN_EPOCH > 0, "in the middle of an epoch"
    shutil.copytree(out, tmp_path / "other")
    for ranks in (1, 4):
        with pytest.raises(
            UserError, match=rf"written by 2 ranks, and nnodes \* gpus_per_node are {ranks} now; .*--fo"
        ):
            train_sft(model, rows, tmp_path / "other", **SETTINGS, gpus_per_node=ranks)
    train_sft(model, rows, out, "trainer.save_freq=1", **TWO)
    assert_same(out, one_rank, model)


@pytest.mark.parametrize(
    ("number", "stall_minutes", "words"),
    [
        (signal.SIGKILL, 5, r"rank 1 died: the machine's memory is full"),
        (
            signal.SIGSTOP,
            1.5,
            r"said nothing new for .* as hung .*; rank 1 \(process \d+\) is stopped \(SIGSTOP\); see",
        ),
    ],
    ids=["dies", "hangs"],
)
def test_a_rank_that_dies_or_hangs_is_named_and_the_run_goes_on(
    number: signal.Signals,
    stall_minutes: float,
    words: str,
    make_model: Callable[[bool], Path],
    rows: Path,
    one_rank: Path,
    tmp_path: Path,
) -> None:
    out, model, over = tmp_path / "out", make_model(True), threading.Event()
    harm = threading.Thread(target=lambda: signal_rank(1, number, out, over))
    harm.start()
    try:
        with pytest.raises(TrainerError, match=words) as caught:
            train_sft(model, rows, out, "trainer.save_freq=1", **TWO, stall_minutes=stall_minutes)
    finally:
        over.set()
        harm.join()
    assert "\n" not in str(caught.value)
    train_sft(model, rows, out, "trainer.save_freq=1", **TWO)
    assert_same(out, one_rank, model)


def signal_rank(rank: int, number: signal.Signals, out: Path, over: threading.Event) -> None:
    """As soon as there is a checkpoint."""
    while not checkpointed_step(out) and not over.is_set():
        time.sleep(0.02)
    for pid in ranks_below(rank):
        os.kill(pid, number)


def ranks_below(rank: int) -> Iterator[int]:
    for pid in descendants([os.getpid()]):
        try:
            if process_name(Path(f"/proc/{pid}")) == f"rank {rank}":
                yield pid
        except OSError:
            continue
