"""What should wake somebody while RL runs, each with what to do: from the metrics that verl logs of every step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

WINDOW = 5
"Steps that an alarm looks at together: one bad batch is no alarm."
APART = 0.02
"Mean difference of a token's probability, rollout against actor, that bfloat16 in two implementations stays below."
CUT_OFF, CUT_OFF_RISE = 0.5, 0.1
COLLAPSED = 0.2
"Share of its first entropy."


@dataclass(frozen=True, slots=True)
class Alarm:
    """On while `is_on` is true of the metric's mean over the last `WINDOW` steps, and over the first."""

    metric: str
    is_on: Callable[[float, float], bool]
    says: str
    "With `now` and `first`."
    remedy: str


ALARMS = (
    Alarm(
        "training/rollout_probs_diff_mean",
        lambda now, _: now > APART,
        f"rollout and actor disagree: a token's probability differs by {{now:.3f}} in the mean, more than {APART:g}",
        "look for other precision or stale weights in the rollout engine (`make gpu-check`); "
        "'rl.overrides=[algorithm.rollout_correction.rollout_is=token]' weighs the difference out, truncated at "
        "rollout_is_threshold=2 (docs/rl.md)",
    ),
    Alarm(
        "response_length/clip_ratio",
        lambda now, first: now > CUT_OFF or now > first + CUT_OFF_RISE,
        "{now:.0%} of the responses are cut off at rl.max_response_length, {first:.0%} at first",
        "raise rl.max_response_length, or pay for ending (reward_fns/math_answer_overlong.py); of a model that lost "
        "its end token in SFT, train SFT less or with sft.suffix=true",
    ),
    # The mean of -log p of what was drawn: the entropy, in nats a token whatever the loss is summed over.
    Alarm(
        "rollout_corr/training_log_ppl",
        lambda now, first: now < COLLAPSED * first,
        "entropy collapses: {now:.3f} nats a token, {first:.3f} at first",
        "the groups will have no advantage soon: lower rl.learning_rate, or set rl.entropy_bonus=0.001 or in "
        "rl.overrides actor_rollout_ref.actor.clip_ratio_high=0.28, and go on from an earlier checkpoint",
    ),
    Alarm(
        "critic/score/max",
        lambda now, _: now <= 0,
        "no rollout has a reward: nothing is learned",
        "see with `int-verl reward audit` and `reward check` whether right answers can have one; if so, the problems "
        "are too hard: rl.problems, rl.hint_share, rl.prefix=intervention, or more rl.rollouts",
    ),
)


class AlarmWatch:
    """Follows a run's steps: ``for line in watch.look(3, {"critic/score/max": 0.0}): say(line)``."""

    def __init__(self) -> None:
        self._values: dict[str, dict[int, float]] = {alarm.metric: {} for alarm in ALARMS}
        self._said: set[str] = set()

    def look(self, step: int, metrics: Mapping[str, Any]) -> list[str]:
        """A line for every alarm that this step turns on; each is said once."""
        lines = []
        for alarm in ALARMS:
            value = metrics.get(alarm.metric)
            if not isinstance(value, int | float):
                continue
            values = self._values[alarm.metric]
            values[step] = float(value)
            by_step = [values[known] for known in sorted(values) if known <= step]
            now, first = fmean(by_step[-WINDOW:]), fmean(by_step[:WINDOW])
            if len(by_step) >= WINDOW and alarm.metric not in self._said and alarm.is_on(now, first):
                self._said.add(alarm.metric)
                lines.append(f"since step {step}: {alarm.says.format(now=now, first=first)}; {alarm.remedy}")
        return lines
