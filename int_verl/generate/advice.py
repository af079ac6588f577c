"""Where a run loses most, and which setting would mend it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from int_verl.settings.generation import GeneratorSettings

Kind = Literal["attempts", "guided_solutions", "proposals", "guided"]
_NAMES: dict[Kind, str] = {
    "attempts": "attempts",
    "guided_solutions": "guided solutions",
    "proposals": "verifications",
    "guided": "guided rollouts",
}
_UNREADABLE = ("no_block", "unclosed_block", "not_parsed", "empty_content", "no_location", "bad_location")
_MISPLACED = ("after_first_error", "wrong_step_in_prefix", "location_out_of_range")
_EARLY = 100
"Completions after which the worst loss is said while the run goes on."
_WORTH_SAYING, _WORTH_A_WARNING = 0.1, 0.5
_FEWEST = 3
_NO_FAULT = frozenset(["correct", "incorrect"])
"Outcomes that say nothing against the set-up."


@dataclass(frozen=True, slots=True)
class Loss:
    """How many completions of a kind were lost to one thing, and what would mend it."""

    kind: Kind
    number: int
    of: int
    outcomes: tuple[str, ...]
    "What became of them."
    what: str
    remedy: str

    @property
    def share(self) -> float:
        return self.number / self.of

    def __str__(self) -> str:
        return f"{self.number:,} of {self.of:,} {_NAMES[self.kind]} {self.what}: {self.remedy}"


def losses(outcomes: Mapping[Kind, Mapping[str, int]], settings: GeneratorSettings) -> list[Loss]:
    """The losses that are worth a word, the largest share first.

    Args:
        outcomes: kind of completion -> outcome or status -> how many.
    """
    found = [
        Loss(kind, number, total, names, what, remedy)
        for kind, of_kind in outcomes.items()
        if (total := sum(of_kind.values()))
        for names, what, remedy in _remedies(kind, settings)
        if (number := sum(of_kind.get(name, 0) for name in names)) >= _FEWEST and number >= _WORTH_SAYING * total
    ]
    return sorted(found, key=lambda loss: -loss.share)


def _remedies(kind: Kind, settings: GeneratorSettings) -> list[tuple[tuple[str, ...], str, str]]:
    """Outcomes, what happened to them, and the setting that mends it."""
    limits = {
        "attempts": ("sample.sampling", settings.sample.sampling),
        "guided_solutions": ("propose.guided_solution_sampling", settings.propose.guided_solution_sampling),
        "proposals": ("propose.sampling", settings.propose.sampling),
        "guided": ("guide.sampling", settings.guide.sampling),
    }
    section, sampling = limits[kind]
    if sampling is None:
        section, sampling = "propose.sampling", settings.propose.sampling
    cut = (("truncated",), f"were cut at {section}.max_tokens={sampling.max_tokens}", "raise that")
    thinking = (
        ("unclosed_thinking",),
        "ended inside their thinking",
        f"raise {section}.max_tokens, or take a chat template that closes it",
    )
    no_room = (("prompt_too_long",), "had no room in the context", "raise engine.context_length or lower max_tokens")
    lost = (("lost",), "were lost by the engine", "the rows' column `fault` has its words")
    common = [cut, thinking, no_room, lost]
    if kind == "attempts":
        return [
            *common,
            (
                ("no_answer",),
                "gave no answer that could be read",
                "a prompts.solve that asks for \\boxed{}, or a grader.reward_path that reads this model's answers",
            ),
            (("gold_unparsable",), "met a gold answer that cannot be graded", "`int-verl problems check` names them"),
            (("timeout", "error", "too_large"), "could not be graded in time", "raise grader.timeout"),
            (("correct",), "were correct", "harder problems (`int-verl problems hard`), or more sample.attempts"),
        ]
    if kind == "guided_solutions":
        return [*common, (("empty",), "were empty", "propose.two_turns=false, or another prompts.guided_solution")]
    if kind == "proposals":
        stronger = "another prompts.verify, or a stronger proposer.path"
        return [
            *common,
            (_UNREADABLE, "held no block that could be read", stronger),
            (("empty_block",), "found no error", stronger),
            (_MISPLACED, "contradicted their own verdicts", f"{stronger}; propose.after_first_error=keep takes them"),
            (("leak",), "gave the answer away", stronger),
            (
                ("too_long",),
                f"wrote more than propose.max_content_tokens={settings.propose.max_content_tokens}",
                "raise that",
            ),
            (("not_encodable",), "hold characters that model.path has no tokens for", "a prompts.verify that says so"),
            (("duplicate",), "repeated another", "fewer propose.proposals, or a higher propose.sampling.temperature"),
        ]
    return [
        *common,
        (("no_answer",), "gave no answer that could be read", "see the attempts, or raise guide.sampling.max_tokens"),
        (("incorrect",), "did not reach the answer", f"more guide.rollouts than {settings.guide.rollouts}"),
    ]


def outcomes_of(counts: Mapping[str, Mapping[str, Any]]) -> dict[Kind, Mapping[str, int]]:
    """What `losses` takes, of the counts that the manifests hold."""
    propose, guide = counts.get("propose", {}), counts.get("guide", {})
    return {
        "attempts": counts.get("sample", {}).get("outcomes", {}),
        "guided_solutions": propose.get("guided_solutions", {}),
        "proposals": propose.get("statuses", {}),
        "guided": guide.get("rollouts", {}).get("intervention", {}),
    }


@dataclass(slots=True)
class EarlyWarning:
    """Says the worst loss once, after the first hundred completions, if it takes half of its kind.

    Args:
        say: called with the sentence.
    """

    settings: GeneratorSettings
    say: Callable[[str], None]
    seen: dict[Kind, Counter[str]] = field(default_factory=dict)
    "Kind of completion -> outcome or status -> how many, from the first to the last."
    _number: int = 0

    def see(self, kind: Kind, outcome: str) -> None:
        """A completion of a kind has come to this."""
        self._number += 1
        self.seen.setdefault(kind, Counter())[outcome] += 1
        if self._number == _EARLY:
            worst = [
                loss
                for loss in losses(self.seen, self.settings)
                if loss.share >= _WORTH_A_WARNING and not _NO_FAULT.issuperset(loss.outcomes)
            ]
            if worst:
                self.say(str(worst[0]))
