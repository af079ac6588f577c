"""A checkpoint is resumed from where its pickles rebuild data, and refused where they would call anything else."""

from __future__ import annotations

import pickle
import random
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from int_verl.errors import TrainerError, UserError
from int_verl.trainers.hang import Patience
from int_verl.trainers.launch import train
from int_verl.trainers.pickles import check_pickles
from int_verl.trainers.process import TrainerCommand
from int_verl.trainers.verl_folder import TRACKER

torch = pytest.importorskip("torch")
ASK = "sft.trust_checkpoint"


class Touches:
    """Unpickled, it makes a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.file,)


def checkpoint(folder: Path, step: int = 5, **files: Any) -> Path:
    """A folder as verl leaves it: the tracker, and ``name.pt`` of every argument in the checkpoint."""
    inner = folder / f"global_step_{step}"
    (inner / "actor").mkdir(parents=True)
    (folder / TRACKER).write_text(str(step))
    for name, content in files.items():
        torch.save(content, inner / f"{name.replace('__', '/')}.pt")
    return folder


def state() -> dict[str, Any]:
    """What verl saves beside the weights: random numbers of torch, numpy and Python, a schedule, a data loader."""
    weights = torch.nn.Linear(2, 2)
    optimizer = torch.optim.AdamW(weights.parameters())
    weights(torch.ones(2)).sum().backward()
    optimizer.step()
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step))
    rng = {"cpu": torch.get_rng_state(), "numpy": np.random.get_state(), "random": random.getstate()}
    return {"optim": optimizer.state_dict(), "lr_scheduler": schedule.state_dict(), "rng": rng}


def test_a_checkpoint_of_data_is_resumed_from(tmp_path: Path) -> None:
    check_pickles(tmp_path / "nothing_yet", ASK)
    check_pickles(checkpoint(tmp_path, extra_state=state(), data_0={"position": 7}, actor__optim=state()), ASK)


@pytest.mark.parametrize("where", ["extra_state_world_size_1_rank_0", "actor__optim_world_size_1_rank_0", "data"])
def test_a_checkpoint_that_would_call_something_is_refused(tmp_path: Path, where: str) -> None:
    folder = checkpoint(tmp_path, model=state(), **{where: {"state": [Touches(tmp_path / "canary")]}})
    command = TrainerCommand(["false"], {}, folder, 9, None, Patience(60), folder, "huggingface", ask_for=ASK)
    with pytest.raises(UserError, match=r"pathlib.*Path\.touch|getattr") as refused:
        train(command)
    assert f"{ASK}=true" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert where.replace("__", "/") in str(refused.value)
    assert not (tmp_path / "canary").exists()


def test_what_cannot_be_looked_into_is_refused(tmp_path: Path) -> None:
    """torch also loads bare pickles, pickles of protocol 4, and archives of TorchScript."""
    folder = checkpoint(tmp_path)
    file = folder / "global_step_5" / "optim.pt"

    def bare() -> None:
        file.write_bytes(pickle.dumps(Touches(tmp_path / "canary"), protocol=2))

    def legacy() -> None:
        torch.save({"a": torch.ones(1)}, file, _use_new_zipfile_serialization=False)

    def newer_protocol() -> None:
        torch.save(Touches(tmp_path / "canary"), file, pickle_protocol=4)

    def script() -> None:
        torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), file)

    def no_pickle_inside() -> None:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("archive/other", b"")

    for write in (bare, legacy, newer_protocol, script, no_pickle_inside):
        write()
        with pytest.raises(UserError, match=r"optim\.pt: .*trust_checkpoint=true"):
            check_pickles(folder, ASK)
    assert not (tmp_path / "canary").exists()


def test_it_is_done_when_asked_for(tmp_path: Path) -> None:
    """The trainer is started, and here it is one that fails at once."""
    folder = checkpoint(tmp_path, extra_state=Touches(tmp_path / "canary"))
    with pytest.raises(TrainerError):
        train(TrainerCommand(["false"], {}, folder, 9, None, Patience(60), folder, "huggingface", ask_for=None))
