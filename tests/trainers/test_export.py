"""The model that RL leaves: last or best, whole, and loaded by transformers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from shutil import copytree, rmtree

import pytest

from int_verl.errors import UserError
from int_verl.trainers.export import BestCheckpoint, check_export, export_model
from tests.trainers.test_verl_folder import log

pytestmark = pytest.mark.verl


def checkpoint(folder: Path, step: int, model: Path) -> Path:
    """As verl leaves one: the model, then the tracker."""
    made = Path(copytree(model, folder / f"global_step_{step}" / "actor" / "huggingface"))
    (made / "step.txt").write_text(str(step))
    (folder / "latest_checkpointed_iteration.txt").write_text(str(step))
    return made


def test_an_exported_model_outlives_its_checkpoint(make_model: Callable[[bool], Path], tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    source = checkpoint(tmp_path / "checkpoints", 4, make_model(True))
    weights = source / "model.safetensors"
    export_model(source, tmp_path / "model", make_model(True), 4, 0.5)
    assert weights.stat().st_ino == (tmp_path / "model" / weights.name).stat().st_ino, "a link, and no copy"
    rmtree(tmp_path / "checkpoints")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "model", dtype=torch.float32)
    base = AutoModelForCausalLM.from_pretrained(make_model(True), dtype=torch.float32)
    ids = torch.tensor([tokenizer("What is 3 + 4?").input_ids])
    assert torch.equal(model(ids).logits, base(ids).logits)
    assert json.loads((tmp_path / "model" / "export.json").read_text()) == {"step": 4, "score": 0.5}


def test_an_export_replaces_the_one_before(make_model: Callable[[bool], Path], tmp_path: Path) -> None:
    for step in (4, 8):
        source = checkpoint(tmp_path / "checkpoints", step, make_model(True))
        export_model(source, tmp_path / "model", make_model(True), step)
    assert (tmp_path / "model" / "step.txt").read_text() == "8"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["checkpoints", "model"]


def test_the_best_is_kept_while_verl_removes_it(make_model: Callable[[bool], Path], tmp_path: Path) -> None:
    """verl keeps its last two checkpoints; here the best is the second of five, and there is a tie."""
    folder = tmp_path / "checkpoints"
    best = BestCheckpoint(folder, tmp_path / "best", make_model(True))
    log(folder, 0, sums=0.99)
    best.look()
    assert best.kept() is None, "the model that RL started from is no checkpoint"
    for step, score in ((2, 0.2), (4, 0.8), (6, 0.8), (8, 0.1), (10, 0.3)):
        checkpoint(folder, step, make_model(True))
        rmtree(folder / f"global_step_{step - 4}", ignore_errors=True)
        log(folder, step, sums=score)
        if step != 4:  # as if the run was killed there, and started again after the next step
            best.look()
    found = BestCheckpoint(folder, tmp_path / "best", make_model(True)).kept()
    assert found is not None
    step, score, model = found
    assert (step, score, model.name) == (4, 0.8, "step_4")
    assert (model / "step.txt").read_text() == "4"
    assert [one.name for one in (tmp_path / "best").iterdir()] == ["step_4"]


def test_what_is_not_yet_complete_is_not_taken(make_model: Callable[[bool], Path], tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    checkpoint(folder, 2, make_model(True))
    log(folder, 2, sums=0.1)
    checkpoint(folder, 4, make_model(True))
    (folder / "latest_checkpointed_iteration.txt").write_text("2")
    log(folder, 4, sums=0.9)
    best = BestCheckpoint(folder, tmp_path / "best", make_model(True))
    best.look()
    assert best.kept() == (2, 0.1, tmp_path / "best" / "step_2")


@pytest.mark.parametrize(("test_freq", "save_freq"), [(None, 50), (25, 50)])
def test_the_best_must_be_validated_and_saved(test_freq: int | None, save_freq: int) -> None:
    with pytest.raises(UserError, match=f"multiple of rl.save_freq={save_freq}"):
        check_export("best", test_freq, save_freq)
    check_export("last", test_freq, save_freq)
    check_export("best", 100, save_freq)
