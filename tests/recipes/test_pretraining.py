"""A tiny model's pretraining that is stopped goes on from its checkpoint, and comes as far."""

from __future__ import annotations

import argparse
import json
import random
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.quickstart_files import ROOT

sys.path.insert(0, str(ROOT / "recipes"))

pytestmark = pytest.mark.verl


class Counting:
    """A mixture of sentences that count."""

    def __init__(self) -> None:
        self.rng = random.Random(0)

    def draw(self, progress: float) -> tuple[str, str, str]:  # noqa: ARG002 - part of the protocol
        first = self.rng.randrange(50)
        return "", " ".join(str(number) for number in range(first, first + 20)), "text"


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    import pretraining

    monkeypatch.setattr(pretraining, "CHECK_EVERY", 4)
    texts = [" match wrong", *(Counting().draw(0)[1] for _ in range(50))]
    tokenizer = pretraining.train_tokenizer(texts * 40, 600)
    plan = pretraining.Budget(tokens=12_000, tokens_per_batch=1_000, lr=2e-3, muon_lr=0.01)

    def train(folder: str, stop_at: int | None = None) -> dict[str, Any]:
        """The record of a training, or nothing where its second check fails, as often as that."""
        checks: list[int] = []

        def check(_: Any) -> dict[str, float]:
            checks.append(len(checks))
            if len(checks) == stop_at:
                raise KeyboardInterrupt
            return {"checks": float(len(checks))}

        weights = pretraining.LossWeights(tokenizer, [])
        phases = [pretraining.Phase(plan, Counting(), weights) for _ in range(2)]
        pretraining.pretrain(argparse.Namespace(seed=0, out=tmp_path / folder), tokenizer, phases, check)
        return dict(json.loads((tmp_path / folder / "pretraining.json").read_text()))

    return train


def test_a_stopped_training_goes_on(trained: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = trained("whole")
    for stop_at in (2, 3):  # after one check in the first phase; then in the second
        with pytest.raises(KeyboardInterrupt):
            trained("stopped", stop_at)
        assert (tmp_path / "stopped" / "training.pt").is_file()
        assert not (tmp_path / "stopped" / "pretraining.json").exists()
    capsys.readouterr()
    resumed = trained("stopped")
    assert "goes on from step" in capsys.readouterr().out
    assert (resumed["steps"], resumed["phases"]) == (whole["steps"], whole["phases"])
    assert not (tmp_path / "stopped" / "training.pt").exists()


def test_what_goes_on_has_the_weights_and_the_optimizers(trained: Any, tmp_path: Path) -> None:
    import torch

    with pytest.raises(KeyboardInterrupt):
        trained("stopped", 2)
    kept = torch.load(tmp_path / "stopped" / "training.pt", weights_only=True)
    assert kept["steps"] == kept["begun"]["steps"] == 4
    assert kept["begun"]["trained"] > 3_000
    muon, adam = kept["begun"]["optimizers"]
    assert all(state["momentum_buffer"].abs().sum() > 0 for state in muon["state"].values())
    assert all(state["step"] == 4 for state in adam["state"].values())
