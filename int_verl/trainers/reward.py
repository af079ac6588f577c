"""The reward function of RL as verl is told of it: one of the package's, or the user's behind the guard."""

from __future__ import annotations

from pathlib import Path

from int_verl.errors import UserError
from int_verl.grading.function_pool import FunctionPool
from int_verl.hydra_overrides import literal
from int_verl.settings.training import RLSettings

_OURS = "pkg://int_verl.reward_fns."
_GUARD = f"{_OURS}guarded"
_KEY = "reward.custom_reward_function"


def is_guarded(settings: RLSettings) -> bool:
    """Whether verl calls the guard in place of the function."""
    return settings.reward_guarded and not settings.reward_path.startswith(_OURS)


def reward_settings(settings: RLSettings) -> dict[str, object]:
    """verl's key -> value, with every keyword argument by its name."""
    path: Path | str = settings.reward_path
    if not settings.reward_path.startswith("pkg://"):
        path = Path(path)
    function: dict[str, object] = {f"{_KEY}.path": path, f"{_KEY}.name": settings.reward_name}
    kwargs: dict[str, object] = {}
    if is_guarded(settings):
        function = {f"{_KEY}.path": _GUARD, f"{_KEY}.name": "compute_score"}
        kwargs = {
            "guarded_path": str(path.resolve()) if isinstance(path, Path) else path,
            "guarded_name": settings.reward_name,
            "guarded_workers": settings.reward_workers,
            "guarded_timeout": settings.reward_timeout,
            "guarded_memory_gb": settings.reward_memory_gb,
            "guarded_keys": settings.reward_keys,
        }
    kwargs |= settings.reward_kwargs
    return {**function, **{f"+{_KEY}.reward_kwargs.{name}": literal(value) for name, value in kwargs.items()}}


def check_reward(settings: RLSettings) -> None:
    """Refuses, with a UserError, a file that is not there and arguments that no function can be given."""
    if not settings.reward_path.startswith("pkg://") and not Path(settings.reward_path).is_file():
        raise UserError(f"{settings.reward_path}: no such file; rl.reward_path is a python file or pkg://module")
    for name in settings.reward_kwargs:
        if not str(name).isidentifier():
            raise UserError(f"rl.reward_kwargs: {name} is no name of an argument")


def try_to_load(settings: RLSettings) -> None:
    """Load a guarded function once, as the trainer's processes will minutes later.

    Raises:
        UserError: it cannot be loaded.
    """
    if not is_guarded(settings):
        return
    function = FunctionPool(
        settings.reward_path, settings.reward_name, {}, 1, settings.reward_timeout, settings.reward_memory_gb
    )
    try:
        function.load()
    except UserError as problem:
        raise UserError(f"rl.reward_path={settings.reward_path}: {problem}") from None
    finally:
        function.close()
