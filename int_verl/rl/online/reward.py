"""The run's reward function, asked by an agent loop while a rollout is under way."""

from __future__ import annotations

import asyncio
import inspect
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from int_verl.errors import UserError
from int_verl.grading.reward_result import read_result
from int_verl.rl.online.row import OnlineRow


@dataclass(frozen=True, slots=True)
class Judged:
    reward: float
    verdict: str
    "Of `int_verl.grading.base_grader.VERDICTS`, or `error` where the function failed."

    @property
    def right(self) -> bool:
        return self.verdict == "correct"


@dataclass(frozen=True)
class RunReward:
    """`reward.custom_reward_function` of verl's configuration, or verl's own function where there is none.

    The same function as in verl's reward workers, called as their manager `naive` calls it; what another manager adds
    to its score is not seen here (verl/experimental/reward_loop/reward_manager/naive.py).
    """

    config: Any

    @cached_property
    def _function(self) -> Any:
        from verl.trainer.ppo.reward import get_custom_reward_fn
        from verl.utils.reward_score import default_compute_score

        if self.config.reward.reward_model.enable:
            raise UserError(
                "reward.reward_model.enable=true: int_online grades attempts by a function; set it to false, or "
                "another agent loop"
            )
        return get_custom_reward_fn(self.config) or default_compute_score

    async def __call__(self, response: str, row: OnlineRow) -> Judged:
        """`response`: text without special tokens, from the beginning of the response."""
        arguments = {
            "data_source": row.data_source,
            "solution_str": response,
            "ground_truth": row.answer,
            "extra_info": {**row.extra_info, "num_turns": 2, "rollout_reward_scores": {}},
        }
        function = self._function
        if inspect.iscoroutinefunction(function):
            result = await function(**arguments)
        else:
            result = await asyncio.get_running_loop().run_in_executor(None, lambda: function(**arguments))
        grade = read_result(result)
        if isinstance(grade, str):
            return Judged(0.0, "error")
        return Judged(float(result["score"] if isinstance(result, dict) else result), grade.verdict)
