"""What one stage of a problem hands to the next: attempts to improve on, and interventions that may do so."""

from __future__ import annotations

from dataclasses import dataclass, field

from int_verl.generate.chat import ChatCodec
from int_verl.generate.problem_rows import Row
from int_verl.interventions import Intervention
from int_verl.settings.generation import Condition, StepRule
from int_verl.steps import Prefix, Steps, prefix_tokens


@dataclass(frozen=True, slots=True)
class Attempt:
    index: int
    token_ids: tuple[int, ...]
    "Without the end token."
    steps: Steps
    "Of the output's text."


@dataclass(eq=False, slots=True)
class Candidate:
    """An accepted proposal, with its guided rollouts."""

    attempt: Attempt
    proposal: int
    intervention: Intervention
    prefix: Prefix
    "The attempt's tokens before the location."
    rollouts: list[Row] = field(default_factory=list)
    "Those after the intervention, without the controls."

    @property
    def before(self) -> str:
        """The attempt's text before the location."""
        return self.attempt.steps.text[: self.attempt.steps.start(self.intervention.location)]

    @property
    def added(self) -> str:
        """What follows the attempt's own tokens: the piece of a token that the cut left over, and the intervention."""
        return self.prefix.rest + self.intervention.content

    @property
    def drawn(self) -> int:
        return sum(row["finish_reason"] is not None for row in self.rollouts)

    @property
    def fits(self) -> bool:
        """Whether its prompt has room for a continuation."""
        return any(row["outcome"] != "prompt_too_long" for row in self.rollouts)

    @property
    def correct(self) -> int:
        return sum(row["correct"] for row in self.rollouts)

    def beginning(
        self, condition: Condition, codec: ChatCodec, by: StepRule, separator: str | None
    ) -> tuple[tuple[int, ...], str]:
        """The beginning of a response that a rollout continues, as token ids and as text.

        Args:
            condition: whether it ends with the intervention (with a hint in the prompt or without), before the
                location, or after the wrong step there.
            by: the rule of the steps.
            separator: between an intervention and its continuation; None: what the attempt itself has there.
        """
        steps, location = self.attempt.steps, self.intervention.location
        if condition in ("intervention", "hint_and_intervention"):
            if separator is None:
                separator = _separator_after(steps, location, by)
            added_ids = tuple(codec.encode(self.added + separator))
            return self.prefix.token_ids + added_ids, self.before + self.intervention.content + separator
        cut = steps.start(location if condition == "prefix" else location + 1)
        prefix = prefix_tokens(codec, self.attempt.token_ids, cut)
        # A space that is left over is not encoded: it belongs to the token of the word that the model writes next.
        rest = prefix.rest if prefix.rest.strip(" ") else ""
        return prefix.token_ids + tuple(codec.encode(rest) if rest else ()), steps.text[: cut - len(prefix.rest)] + rest

    def row(self, planned: int, kept: bool) -> Row:
        """Its row of `interventions`, without the problem; `planned`: rollouts if every wave is drawn."""
        return {
            "attempt": self.attempt.index,
            "proposal": self.proposal,
            "content": self.intervention.content,
            "location": self.intervention.location,
            "steps": len(self.attempt.steps),
            "guided": self.drawn,
            "guided_correct": self.correct,
            "guided_truncated": sum(row["outcome"] == "truncated" for row in self.rollouts),
            "guided_tokens": sum(row["completion_tokens"] for row in self.rollouts),
            "not_drawn": planned - len(self.rollouts) if self.drawn else 0,
            "kept": kept,
        }


def _separator_after(steps: Steps, location: int, by: StepRule) -> str:
    if location == len(steps):
        return "" if by == "sentences" else "\n\n"
    joint = steps.joint(location)
    return joint if "\n" in joint else ""  # a space belongs to the token of the word that the model writes next
