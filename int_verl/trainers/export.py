"""The model that RL leaves for use and evaluation: of its last checkpoint, or of the best one by validation.

    runs/<name>/rl/model/                 config.json, model.safetensors, tokenizer.json, ..., export.json

Its weights have the types of the base model (`precision.py`). What need not be converted is a hard link to verl's
checkpoint where the disk allows, which costs nothing while that is there and stays when it is removed.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from int_verl.errors import UserError
from int_verl.files import link_folder, read_json
from int_verl.trainers.checkpoint import merge_adapters
from int_verl.trainers.precision import Precision
from int_verl.trainers.verl_folder import checkpointed_step, mean_validation_scores

NOTE = "export.json"
'Beside the model: ``{"step": 400, "score": 0.41}``, the score null where it was not validated.'


def check_export(export: str, test_freq: int | None, save_freq: int) -> None:
    """Raises UserError where the best checkpoint is wanted but would not be validated or not be saved."""
    if export == "best" and (test_freq is None or test_freq % save_freq):
        raise UserError(
            f"rl.export=best: set rl.test_freq to a multiple of rl.save_freq={save_freq}, now it is {test_freq}; "
            "only what is both validated and saved can be the best"
        )


def export_model(model: Path, to: Path, base: Path, step: int, score: float | None = None) -> None:
    """Leave `model`, a folder in Hugging Face format trained from `base`, at `to`, whole or not at all."""
    precision = Precision.of(base)
    note = json.dumps({"step": step, "score": score}) + "\n"
    link_folder(model, to, {**precision.texts(model), NOTE: note}, precision.copy)


class BestCheckpoint:
    """Keeps the best of the trainer's checkpoints at `home`, for the trainer itself keeps only its last two.

    Args:
        base: the model that they are trained from.
    """

    def __init__(self, checkpoints: Path, home: Path, base: Path) -> None:
        self.checkpoints, self.home, self.base = checkpoints, home, base

    def kept(self) -> tuple[int, float, Path] | None:
        """Step, score and folder of the best so far; of equals the earlier."""
        notes = [(read_json(note), note.parent) for note in self.home.glob(f"step_*[0-9]/{NOTE}")]
        found = [(note["step"], note["score"], folder) for note, folder in notes]
        return max(found, key=lambda one: (one[1], -one[0]), default=None)

    def look(self) -> None:
        """Take what has been validated and saved in the meantime; called again, it changes nothing."""
        complete = checkpointed_step(self.checkpoints) or 0
        for step, score in mean_validation_scores(self.checkpoints).items():
            model = self.checkpoints / f"global_step_{step}" / "actor" / "huggingface"
            best = self.kept()
            if 0 < step <= complete and model.is_dir() and (best is None or score > best[1]):
                merge_adapters(model)
                export_model(model, self.home / f"step_{step}", self.base, step, score)
                if best is not None:
                    shutil.rmtree(best[2])
