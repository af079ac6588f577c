"""What the pickles of a checkpoint name, told without unpickling them.

verl resumes with `torch.load(weights_only=False)` (verl/utils/checkpoint/fsdp_checkpoint_manager.py and
checkpoint_handler.py), which runs whatever function a pickle names. Of a checkpoint of its own these are a few that
rebuild tensors, arrays and counters; a run folder that was copied from somewhere else may name any.
"""

from __future__ import annotations

from pathlib import Path
from pickle import UnpicklingError

from int_verl.errors import UserError
from int_verl.trainers.verl_folder import checkpointed_step

_OF_ARRAYS = frozenset(
    ("numpy.ndarray", "numpy.dtype", "numpy._core.multiarray._reconstruct", "numpy.core.multiarray._reconstruct")
)
"The state of numpy's random numbers; torch lists none of numpy's as safe."


def check_pickles(output_dir: Path, trust: str) -> None:
    """That resuming from the last checkpoint rebuilds tensors, arrays and plain values, and calls nothing else.

    Args:
        output_dir: verl's checkpoints; without a complete one there is nothing to check.
        trust: the setting that allows more, for the message.

    Raises:
        UserError: a file names another function or class, or is no zip file of `torch.save`.
    """
    step = checkpointed_step(output_dir)
    if step is None:
        return
    folder = output_dir / f"global_step_{step}"
    for file in sorted([*folder.glob("*.pt"), *folder.glob("*/*.pt")]):
        if found := named_beyond_data(file):
            raise UserError(
                f"{file}: resuming from it would run {found}, which is no part of a tensor; if you know who made it, "
                f"say {trust}=true, else remove {output_dir}"
            )


def named_beyond_data(file: Path) -> str | None:
    """A function or class that unpickling would use and that torch does not count as safe; None if there is none."""
    import torch.distributed.tensor  # noqa: F401 - puts the parts of sharded tensors on torch's list
    from torch.serialization import get_unsafe_globals_in_checkpoint

    try:
        found = set(get_unsafe_globals_in_checkpoint(str(file))) - _OF_ARRAYS
    except (ValueError, RuntimeError, EOFError, UnpicklingError):
        return "a pickle that cannot be looked into"
    return min(found, default=None)
