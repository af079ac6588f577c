"""Another reward function, anybody's, in processes of its own: it may raise, hang, crash or return rubbish.

    reward.custom_reward_function.path=pkg://int_verl.reward_fns.guarded
    reward.custom_reward_function.name=compute_score
    +reward.custom_reward_function.reward_kwargs.guarded_path=/path/to/my_reward.py

`int-verl run` calls functions of the user's own so. docs/reward-functions.md says what each misbehaviour comes to.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from int_verl.grading import Score
from int_verl.grading.function_pool import FunctionPool
from int_verl.grading.guarded_function import GuardedFunction


def compute_score(
    data_source: str | None = None,
    solution_str: str | None = None,
    ground_truth: Any = None,
    extra_info: dict[str, Any] | None = None,
    *,
    guarded_path: str,
    guarded_name: str = "compute_score",
    guarded_timeout: float = 60.0,
    guarded_workers: int = 4,
    guarded_memory_gb: float | None = 4.0,
    guarded_keys: Sequence[str] = (),
    reward_model_tokenizer: Any = None,  # noqa: ARG001 - verl's; it cannot leave its process
    **settings: Any,
) -> Score:
    """Call the function and return what can be relied on.

    Args:
        guarded_path: ``path/to/file.py`` or ``pkg://module``.
        guarded_name: the function's name there.
        guarded_timeout: seconds that one call may take.
        guarded_workers: calls at a time, each in a process.
        guarded_memory_gb: what one process may allocate; None: no limit.
        guarded_keys: numbers in its dict, beside ``score`` and ``acc``, that are passed on.
        settings: more keyword arguments of the function.

    Returns:
        ``score``, ``acc``, ``pred``, ``verdict``, ``fault`` (why the call failed, ``""`` if it did not) and
        ``guarded_keys``. It never raises.
    """
    call = {
        "data_source": data_source,
        "solution_str": solution_str,
        "ground_truth": ground_truth,
        "extra_info": extra_info,
    }
    limits = (guarded_workers, guarded_timeout, guarded_memory_gb)
    function = _shared(guarded_path, guarded_name, limits, tuple(guarded_keys))
    return function.score({**call, **settings})


@lru_cache(maxsize=16)
def _shared(path: str, name: str, limits: tuple[int, float, float | None], keys: tuple[str, ...]) -> GuardedFunction:
    workers, timeout, memory_gb = limits
    return GuardedFunction(FunctionPool(path, name, {}, workers, timeout, memory_gb), keys)
