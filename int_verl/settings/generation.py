"""What the generator does: the sections `steps`, `sample`, `propose`, `guide` and `select`, and `estimate` of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from int_verl.settings.ranges import Count, Name, PositiveFloat, PositiveInt, PositiveShare, Share
from int_verl.settings.sampling import SHARED_SAMPLING, Sampling

StepRule = Literal["blank_line", "headings", "sentences"]
ThinkingRule = Literal["all", "solution"]
Outcome = Literal[
    "incorrect", "no_answer", "timeout", "too_large", "gold_unparsable", "error", "truncated", "unclosed_thinking"
]
"""What an attempt can be taken for incorrect with; docs/generator.md has their meaning."""
Condition = Literal["intervention", "wrong_step", "prefix", "problem", "hint", "hint_and_intervention"]
Control = Literal["wrong_step", "prefix", "problem", "hint", "hint_and_intervention"]
OF_PROBLEM: tuple[Control, ...] = ("problem", "hint")
"Controls that continue nothing of an attempt, so that they are drawn once a problem."
WITH_HINT: tuple[Control, ...] = ("hint", "hint_and_intervention")
Until = Literal["sample", "propose", "guide"]
UNTIL: tuple[Until, ...] = ("sample", "propose", "guide")


@dataclass(frozen=True, slots=True)
class StepSettings:
    by: StepRule = "blank_line"
    "What separates the steps of an attempt: blank_line (the paper's), headings (### ...) or sentences."


@dataclass(frozen=True, slots=True)
class SampleSettings:
    attempts: Count = 4
    "Attempts a problem, K; 0 draws none, with attempts_from."
    thinking: ThinkingRule = field(default="all", kw_only=True)
    """Of an output with <think>...</think>. all: all of it has steps; solution: only what follows, and the thinking
    stands before every prefix but is not trained on."""
    sampling: Sampling = SHARED_SAMPLING
    attempts_from: Name | None = None
    """A parquet file of attempts to go on from (columns problem_id, text; `int-verl import` writes it); they are drawn
    for the problems that it does not have."""


@dataclass(frozen=True, slots=True)
class ProposeSettings:
    proposals: PositiveInt = 4
    "Verifications an attempt."
    sampling: Sampling = SHARED_SAMPLING
    outcomes: tuple[Outcome, ...] = ("incorrect", "no_answer")
    "Which outcomes count as incorrect; add truncated to include attempts that the length limit cut off."
    only_unsolved: bool = False
    "Only problems that no attempt solved."
    two_turns: bool = True
    "First a solution with the reference in view, then the verification; false: verification alone."
    guided_solution_sampling: Sampling | None = None
    "Of the guided solution; null: as the verification."
    max_steps: PositiveInt | None = None
    "No intervention is asked for an attempt with more steps; null: no limit."
    max_content_tokens: PositiveInt = 2_000
    "Longer interventions are rejected."
    leak_test: Literal["mathematics", "substring"] = "mathematics"
    """When an intervention gives the answer away: where it holds it in any form (mathematics), or its very characters,
    be they a digit of something else (substring)."""
    use: Literal["all", "first"] = "all"
    "Of the interventions in an attempt that pass all tests: all, or the first alone."
    after_first_error: Literal["drop", "keep"] = "drop"
    "drop or keep interventions whose location contradicts the verification's own verdicts."
    interventions_from: Name | None = None
    """A parquet file of interventions in the attempts of sample.attempts_from (columns problem_id, attempt, content,
    location, text); for the problems that it has, none are asked for."""


@dataclass(frozen=True, slots=True)
class GuideSettings:
    rollouts: Count = 32
    "Guided rollouts an intervention, K; 0 draws none, with select.need_success=false."
    sampling: Sampling = SHARED_SAMPLING
    separator: str | None = None
    """Stands between the intervention and the continuation; not trained on. null: what the attempt itself has there, a
    blank line or the line break before a heading."""
    waves: tuple[PositiveInt, ...] = ()
    "Sizes of successive waves, for example [4, 8, 20]; [] draws all at once."
    stop_at_first_success: bool = False
    "No further wave once a rollout is correct (saves tokens; the paper draws all 32)."
    controls: tuple[Control, ...] = ()
    """Conditions to compare with: wrong_step and prefix of the attempt; problem alone, and hint (the prompt
    prompts.hint), once a problem; hint_and_intervention."""
    control_share: Share = 1.0
    "Share of the problems for which they are drawn."
    hint_fraction: PositiveShare = 0.5
    "Of the reference solution's steps, rounded up, for the controls with a hint; none that gives the answer away."

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
    "all or one_per_problem."
    need_success: bool = True
    "Keep only interventions with at least one correct guided rollout."


@dataclass(frozen=True, slots=True)
class EstimateSettings:
    tokens_per_second: PositiveFloat | None = None
    "Generated tokens a second on one GPU, for GPU hours; null: tokens alone."
    completion_tokens: PositiveInt | None = None
    "Mean tokens of a completion; null: that of the rows in the run's folder, or else the paper's 7,000."
    trained_tokens_per_second: PositiveFloat | None = None
    "Tokens a second that one GPU trains on, for the hours of SFT and RL; null: not said."
    gpu_memory_gib: PositiveFloat | None = None
    "Of one GPU; null: what nvidia-smi says, and 80 where there is none."
    price_per_gpu_hour: PositiveFloat | None = None
    "In any currency, for the cost of every stage; null: not said."


@dataclass(frozen=True, slots=True)
class GeneratorSettings:
    """What the dataflow is given: the sections of its stages, and what they have from the rest of the run."""

    seed: int
    in_flight: int
    "Requests in flight at most."
    sample: SampleSettings
    propose: ProposeSettings
    guide: GuideSettings
    select: SelectSettings
    steps: StepSettings = StepSettings()
