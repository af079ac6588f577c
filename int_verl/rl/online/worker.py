"""What the rollouts of one agent-loop worker share."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from weakref import WeakValueDictionary

from int_verl.generate.chat import ChatCodec
from int_verl.generate.model import LocalModel
from int_verl.rl.online.budget import Budget
from int_verl.rl.online.group import Group
from int_verl.rl.online.reward import RunReward

_STEPS_KEPT = 2
"Steps under way at once at most: the last rollouts of one may overlap with the first of the next."


class Worker:
    """Groups and budgets of the rollouts in this process. All of it is of one step: a run that goes on from a
    checkpoint loses nothing."""

    def __init__(self) -> None:
        self._groups: WeakValueDictionary[str, Group] = WeakValueDictionary()
        self._budgets: dict[int, Budget] = {}
        self._rewards: dict[int, RunReward] = {}

    def group(self, uid: str) -> Group:
        """Of a row at a step; kept as long as one of its rollouts has it."""
        group = self._groups.get(uid)
        if group is None:
            group = self._groups[uid] = Group()
        return group

    def budget(self, step: int, tokens: int | None) -> Budget:
        """Of a step; `tokens`: this worker's part of it."""
        if step not in self._budgets:
            for old in sorted(self._budgets)[: 1 - _STEPS_KEPT]:
                del self._budgets[old]
            self._budgets[step] = Budget(tokens)
        return self._budgets[step]

    def reward(self, config: object) -> RunReward:
        """The reward function of this configuration, loaded once."""
        return self._rewards.setdefault(id(config), RunReward(config))


@lru_cache(maxsize=1)
def this_worker() -> Worker:
    return Worker()


@lru_cache(maxsize=2)
def codec_of(model: str, today: str | None) -> ChatCodec:
    """Of the model that is trained; its tokenizer is the rollout servers'."""
    key = "actor_rollout_ref.model.path"
    return LocalModel(model, key=key, today=date.fromisoformat(today) if today else None).codec
