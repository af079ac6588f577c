"""What can be set in the generator; the sections `sample`, `propose`, `guide` and `select` of the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from int_verl.settings.ranges import PositiveFloat, PositiveInt, Share
from int_verl.settings.sampling import Sampling

StepRule = Literal["blank_line", "headings", "sentences"]
ThinkingRule = Literal["all", "solution"]
Outcome = Literal[
    "incorrect", "no_answer", "timeout", "too_large", "gold_unparsable", "error", "truncated", "unclosed_thinking"
]
"""What an attempt can be taken for incorrect with; docs/generator.md has their meaning."""
Condition = Literal["intervention", "wrong_step", "prefix"]
Control = Literal["wrong_step", "prefix"]
Until = Literal["sample", "propose", "guide"]
UNTIL: tuple[Until, ...] = ("sample", "propose", "guide")


@dataclass(frozen=True, slots=True)
class StepSettings:
    by: StepRule = "blank_line"
    "What separates the steps of an attempt."


@dataclass(frozen=True, slots=True)
class SampleSettings:
    attempts: PositiveInt
    "Attempts a problem, K."
    sampling: Sampling
    thinking: ThinkingRule = "all"
    "Of an output with `<think>...</think>`: all of it has steps, or only the solution after it."


@dataclass(frozen=True, slots=True)
class ProposeSettings:
    proposals: PositiveInt
    "Verifications an attempt."
    sampling: Sampling
    outcomes: tuple[Outcome, ...] = ("incorrect", "no_answer")
    "Attempts with these outcomes are taken for incorrect; add `truncated` to include those cut off by the limit."
    only_unsolved: bool = False
    "Ask only for problems that no attempt solved."
    two_turns: bool = True
    "First have the model solve the problem with the reference in view, then verify with that in the context."
    guided_solution_sampling: Sampling | None = None
    "Sampling of the first turn; by default that of the second."
    max_steps: PositiveInt | None = None
    "No intervention is asked for an attempt with more steps; None: no limit."
    max_content_tokens: PositiveInt = 2_000
    "Longer interventions are rejected."
    after_first_error: Literal["drop", "keep"] = "drop"
    "What to do with a location that contradicts the verification's own verdicts."


@dataclass(frozen=True, slots=True)
class GuideSettings:
    rollouts: PositiveInt
    "Guided rollouts an intervention, K."
    sampling: Sampling
    separator: str | None = None
    """Put between the intervention and the continuation; not part of what SFT trains on. None: what the attempt has
    after the step that is replaced, or nothing where that is a mere space, which belongs to the next word's token."""
    waves: tuple[PositiveInt, ...] = ()
    "Sizes of successive waves, for example (4, 8, 20); empty: all at once."
    stop_at_first_success: bool = False
    "No further wave once one rollout of the intervention is correct."
    controls: tuple[Control, ...] = ()
    "Conditions to compare with: wrong_step continues after the original step, prefix before it."
    control_share: Share = 1.0
    "Share of problems for which the controls are drawn, chosen by a hash of the problem's id."

    def wave_sizes(self) -> list[int]:
        """Sizes that add up to `rollouts`; what the listed waves leave over is one more wave."""
        sizes, left = [], self.rollouts
        for size in self.waves:
            sizes.append(min(size, left))
            left -= sizes[-1]
        return [size for size in [*sizes, left] if size > 0]


@dataclass(frozen=True, slots=True)
class SelectSettings:
    interventions: Literal["all", "one_per_problem"] = "all"
    "Keep every intervention that passes, or the one with the most correct rollouts of each problem."
    need_success: bool = True
    "Keep an intervention only if at least one guided rollout is correct (the paper's filter)."


@dataclass(frozen=True, slots=True)
class EstimateSettings:
    """The section `estimate` of the configuration."""

    tokens_per_second: PositiveFloat | None
    "Generated tokens a second on one GPU."
    completion_tokens: PositiveInt | None
    "Mean length of a completion in every stage."


@dataclass(frozen=True, slots=True)
class GeneratorSettings:
    seed: int
    model: str
    model_revision: str
    context_length: int
    "Prompt and completion tokens at most."
    in_flight: int
    "Requests in flight at most."
    sample: SampleSettings
    propose: ProposeSettings
    guide: GuideSettings
    select: SelectSettings
    steps: StepSettings = StepSettings()
