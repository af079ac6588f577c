"""What verl's trainers leave: trackers that lie, data loaders at an epoch's end, scores of a validation."""

from __future__ import annotations

import json
from pathlib import Path

from int_verl.trainers.verl_folder import (
    checkpointed_step,
    mean_validation_scores,
    mend_tracker,
    remove_optimizer,
    set_aside_finished_epoch,
)


def log(folder: Path, step: int, **scores: float) -> None:
    """A line of verl's file logger."""
    data = {f"val-core/{source}/acc/mean@8": score for source, score in scores.items()}
    data |= {f"val-core/{source}/acc/best@8/mean": 1.0 for source in scores} | {"critic/rewards/mean": 0.9}
    (folder / "metrics").mkdir(parents=True, exist_ok=True)
    with (folder / "metrics" / "000.jsonl").open("a") as file:
        file.write(json.dumps({"step": step, "data": data}) + "\n")


def test_the_score_is_the_mean_over_the_data_sources(tmp_path: Path) -> None:
    log(tmp_path, 0, sums=0.25, products=0.75)
    log(tmp_path, 1)
    log(tmp_path, 2, sums=1.0, products=0.5)
    assert mean_validation_scores(tmp_path) == {0: 0.5, 2: 0.75}


def test_only_the_optimizer_is_removed(tmp_path: Path) -> None:
    names = ("model_world_size_2_rank_0.pt", "extra_state_world_size_2_rank_1.pt", "huggingface/model.safetensors")
    shards = [f"optim_world_size_2_rank_{rank}.pt" for rank in (0, 1)]
    for step in (34, 68):
        for name in (*names, *shards):
            (tmp_path / f"global_step_{step}" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / f"global_step_{step}" / name).touch()
    (tmp_path / "latest_checkpointed_iteration.txt").write_text("68")
    for _ in range(2):  # again after a kill
        remove_optimizer(tmp_path)
        left = sorted(str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*.*") if file.suffix != ".txt")
        assert left == sorted(f"global_step_{step}/{name}" for step in (34, 68) for name in names)
    assert checkpointed_step(tmp_path) == 68


def test_a_broken_tracker_is_removed(tmp_path: Path) -> None:
    tracker = tmp_path / "latest_checkpointed_iteration.txt"
    for content in ("", "7"):
        tracker.write_text(content)
        mend_tracker(tmp_path)
        assert not tracker.exists()
    (tmp_path / "global_step_7").mkdir()
    tracker.write_text("7")
    mend_tracker(tmp_path)
    assert checkpointed_step(tmp_path) == 7


def test_the_loader_state_of_a_finished_epoch_is_set_aside(tmp_path: Path) -> None:
    for step, expected in ((4, "data_0.pt"), (6, "data_0.pt.epoch_end")):
        folder = tmp_path / f"global_step_{step}"
        folder.mkdir()
        (folder / "data_0.pt").touch()
        (tmp_path / "latest_checkpointed_iteration.txt").write_text(str(step))
        set_aside_finished_epoch(tmp_path, 3)
        assert [file.name for file in folder.iterdir()] == [expected]
