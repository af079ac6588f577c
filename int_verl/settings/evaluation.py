"""How answers are judged and models evaluated: the sections `grader` and `eval`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from int_verl.settings.ranges import Count, Name, NotNegative, PositiveFloat, PositiveInt, PositiveShare, TopK
from int_verl.settings.sampling import Sampling


@dataclass(frozen=True, slots=True)
class GraderSettings:
    workers: PositiveInt = 1
    timeout: PositiveFloat = 5.0
    "Seconds a comparison, or a call of the reward function, may take."
    decimals: Literal["gold", "exact", "both"] = "gold"
    "Whose decimals the built-in grader takes for roundings: those of the gold answer, nobody's, or either side's."
    reward_path: Name | None = None
    """A reward function in verl's signature in place of the built-in grader: path/to/file.py or pkg://module, its name
    and more keyword arguments. To grade as RL rewards, give it what rl.reward_path has."""
    reward_name: Name = "compute_score"
    reward_kwargs: dict[str, Any] = field(default_factory=dict)
    reward_memory_gb: PositiveFloat | None = 4.0
    "What one process that calls it may allocate; null: no limit."


@dataclass(frozen=True, slots=True)
class EvalSettings:
    samples: PositiveInt = 8
    "Samples a problem, and how they are drawn."
    temperature: NotNegative = 1.0
    top_p: PositiveShare = 1.0
    top_k: TopK = -1
    hard_limit: Count = 100
    "How many of the training problems that no attempt solved are evaluated as the hard set."
    max_tokens: PositiveInt | None = None
    """New tokens a sample at most, of int-verl eval on problem sets of its own; null: rl.max_response_length, which the
    stage of a run keeps to."""
    k_by_source: dict[str, PositiveInt] = field(default_factory=dict)
    "k of pass@k by the source of the problems, for example {AMO-Bench: 8, D_train: 8}; 1 where it says nothing."

    def sampling(self, max_tokens: int) -> Sampling:
        """How a sample of so many new tokens at most is drawn."""
        return Sampling(max_tokens, self.temperature, self.top_p, self.top_k)
