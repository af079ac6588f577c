"""A row of verl's RL data as an intervention needs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4


@dataclass(frozen=True, slots=True)
class OnlineRow:
    """What verl tells an agent loop about a rollout: the columns of its row, and where it stands in the step."""

    uid: str
    "Of the row at this step; its rollouts share it."
    rollout: int
    "Its number in the group."
    step: int
    data_source: str
    answer: str
    extra_info: Mapping[str, Any]

    @staticmethod
    def of(columns: Mapping[str, Any]) -> OnlineRow:
        """Of the keyword arguments of `AgentLoopBase.run`."""
        return OnlineRow(
            uid=str(columns.get("uid") or uuid4().hex),
            rollout=int(columns.get("session_id") or 0),
            step=int(columns.get("global_steps") or 0),
            data_source=str(columns.get("data_source") or ""),
            answer=str((columns.get("reward_model") or {}).get("ground_truth") or ""),
            extra_info=columns.get("extra_info") or {},
        )

    @property
    def id(self) -> str:
        return str(self.extra_info.get("id") or self.extra_info.get("index") or "")

    @property
    def problem(self) -> str:
        return self.extra_info.get("problem") or ""

    @property
    def reference_solution(self) -> str:
        return self.extra_info.get("reference_solution") or ""
