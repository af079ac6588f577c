"""What proposals and guided rollouts bring and what they cost: how many of each are worth drawn.

What a smaller number would have brought is estimated from the rows of a run with the larger one, without bias: of an
attempt's K proposals any n could have been drawn, and of an intervention's rollouts any m.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from int_verl.evaluate.benchmark import powers_of_two_and
from int_verl.evaluate.estimates import CONFIDENCE, bootstrap, pass_at_k

ATTEMPT_COLUMNS = ["problem_id", "attempt", "correct", "skipped", "completion_tokens"]
SOLUTION_COLUMNS = ["problem_id", "completion_tokens"]
PROPOSAL_COLUMNS = ["problem_id", "attempt", "proposal", "status", "content", "location", "completion_tokens"]
GUIDED_COLUMNS = [
    *("problem_id", "attempt", "proposal", "condition", "rollout", "outcome", "correct", "completion_tokens"),
]
"What `yield_table` reads of attempts, guided solutions, proposals and guided rollouts."

Row = Mapping[str, Any]


@dataclass(slots=True)
class _Candidate:
    """An intervention that was guided."""

    copies: int = 0
    "How many proposals of its attempt say just this."
    drawn: int = 0
    correct: int = 0
    tokens: int = 0
    first_success: int | None = None
    "Number of the first correct rollout, from 0."

    def success(self, rollouts: int, stopped: bool) -> float:
        """The chance of a success in so many rollouts. Where drawing stopped at a success, their order counts."""
        if stopped:
            return float(self.first_success is not None and self.first_success < rollouts)
        return pass_at_k(self.drawn, self.correct, min(rollouts, self.drawn))

    def cost(self, rollouts: int) -> float:
        return rollouts * self.tokens / self.drawn


@dataclass(slots=True)
class _Attempt:
    proposals: int = 0
    proposal_tokens: int = 0
    candidates: dict[int, _Candidate] = field(default_factory=dict)
    "By the number of their proposal."


@dataclass(slots=True)
class _Problem:
    solved: bool = False
    "By an attempt."
    attempt_tokens: int = 0
    solution_tokens: int = 0
    attempts: dict[int, _Attempt] = field(default_factory=lambda: defaultdict(_Attempt))
    "Those that interventions were asked for."

    @property
    def unsolved(self) -> bool:
        """By its attempts, and interventions were asked for."""
        return bool(self.attempts) and not self.solved

    def expects(self, proposals: int, rollouts: int, stopped: bool) -> tuple[float, float, float]:
        """Of so many proposals an attempt and rollouts an intervention: the chance of a success, how many
        interventions have one, and the tokens of everything."""
        tokens, kept, fails = float(self.attempt_tokens + self.solution_tokens), 0.0, 1.0
        for attempt in self.attempts.values():
            n = min(proposals, attempt.proposals)
            tokens += n * attempt.proposal_tokens / attempt.proposals
            fail: NDArray[np.floating[Any]] = np.ones(1)
            others = attempt.proposals
            for candidate in attempt.candidates.values():
                success, among = candidate.success(rollouts, stopped), pass_at_k(attempt.proposals, candidate.copies, n)
                kept += among * success
                tokens += among * candidate.cost(rollouts)
                # Subsets of its copies by size, each but the empty one weighed with the chance that it fails.
                sizes = np.array([comb(candidate.copies, size) for size in range(candidate.copies + 1)], dtype=float)
                sizes[1:] *= 1 - success
                fail = np.convolve(fail, sizes)
                others -= candidate.copies
            fail = np.convolve(fail, [float(comb(others, size)) for size in range(others + 1)])
            fails *= fail[n] / comb(attempt.proposals, n)
        return 1 - fails, kept, tokens


def yield_table(
    attempts: Iterable[Row],
    solutions: Iterable[Row],
    proposals: Iterable[Row],
    guided: Iterable[Row],
    tokens_per_second: float | None = None,
) -> dict[str, Any]:
    """Coverage and cost over the number of proposals an attempt and of guided rollouts an intervention.

    An intervention that repeats one of another attempt counts where it was first. Rollouts of the conditions that
    interventions are compared with are no cost here.

    Args:
        tokens_per_second: of one GPU, for hours.

    Returns:
        ``{"confidence": .95, "problems": 600, "unsolved": problems that no attempt solved and that were proposed for,
        "tokens": {"attempts": 28_000, "guided solutions", "proposals", "guided rollouts"}, "tokens_per_second",
        "points": [{"proposals": 4, "rollouts": 8, "solved": estimate, share of `unsolved` with a success,
        "newly_solved": their expected number, "kept": expected interventions with a success, "tokens": of everything,
        "tokens_per_kept": estimate, "tokens_per_solved": estimate, "hours", "hours_per_kept", "hours_per_solved"}]}``;
        an estimate's `high` is null where it has no bound. First the points over the number of proposals, then those
        over the number of rollouts, each with the other at its largest. No points where nothing was guided.

    Raises:
        ValueError: rollouts of an intervention that no row proposes.
    """
    problems, spent, stopped = _read(attempts, solutions, proposals, guided)
    asked = [problem for problem in problems.values() if problem.attempts]
    unsolved = [problem for problem in asked if problem.unsolved]
    drawn = [c.drawn for problem in asked for attempt in problem.attempts.values() for c in attempt.candidates.values()]
    points = []
    if drawn and unsolved:
        most = max(attempt.proposals for problem in asked for attempt in problem.attempts.values())
        every = list(problems.values())
        for n, m in _grid(most, max(drawn)):
            points.append(_point(n, m, every, stopped, tokens_per_second))
    return {
        "confidence": CONFIDENCE,
        "problems": len(problems),
        "unsolved": len(unsolved),
        "tokens": spent,
        "tokens_per_second": tokens_per_second,
        "points": points,
    }


def _grid(proposals: int, rollouts: int) -> list[tuple[int, int]]:
    over_proposals = [(n, rollouts) for n in powers_of_two_and(proposals)]
    over_rollouts = [(proposals, m) for m in powers_of_two_and(rollouts)]
    return list(dict.fromkeys([*over_proposals, *over_rollouts]))


def _point(n: int, m: int, problems: Sequence[_Problem], stopped: bool, speed: float | None) -> dict[str, Any]:
    expected = [problem.expects(n, m, stopped) for problem in problems]
    chances = {i: expected[i][0] for i, problem in enumerate(problems) if problem.unsolved}
    newly = [chances.get(i, 0.0) for i in range(len(problems))]
    kept, tokens = [one[1] for one in expected], [one[2] for one in expected]
    per_kept, per_solved = _price(kept, tokens), _price(newly, tokens)
    total = sum(tokens)
    return {
        "proposals": n,
        "rollouts": m,
        "solved": bootstrap(list(chances.values())),
        "newly_solved": sum(newly),
        "kept": sum(kept),
        "tokens": total,
        "tokens_per_kept": per_kept,
        "tokens_per_solved": per_solved,
        "hours": _hours(total, speed),
        "hours_per_kept": _hours(per_kept["value"], speed) if per_kept else None,
        "hours_per_solved": _hours(per_solved["value"], speed) if per_solved else None,
    }


def _price(gains: Sequence[float], tokens: Sequence[float]) -> dict[str, Any] | None:
    """Tokens for one gain, from the interval of gains a token; None if nothing was gained."""
    paid = [(gain, cost) for gain, cost in zip(gains, tokens, strict=True) if cost]
    if not sum(gain for gain, _ in paid):
        return None
    found = bootstrap([gain for gain, _ in paid], [cost for _, cost in paid], share=False)
    return {
        "value": 1 / found["value"],
        "low": 1 / found["high"],
        "high": 1 / found["low"] if found["low"] else None,
    }


def _hours(tokens: float, speed: float | None) -> float | None:
    return tokens / speed / 3600 if speed else None


def _read(
    attempts: Iterable[Row], solutions: Iterable[Row], proposals: Iterable[Row], guided: Iterable[Row]
) -> tuple[dict[str, _Problem], dict[str, int], bool]:
    """The problems, the tokens of each kind, and whether drawing stopped at a success."""
    problems: dict[str, _Problem] = defaultdict(_Problem)
    spent = dict.fromkeys(("attempts", "guided solutions", "proposals", "guided rollouts"), 0)
    for row in attempts:
        problem, tokens = problems[row["problem_id"]], row["completion_tokens"] or 0
        problem.solved |= bool(row["correct"])
        problem.attempt_tokens += tokens
        spent["attempts"] += tokens
    for row in solutions:
        tokens = row["completion_tokens"] or 0
        problems[row["problem_id"]].solution_tokens += tokens
        spent["guided solutions"] += tokens
    said: dict[tuple[str, int], list[tuple[int, tuple[str, int]]]] = defaultdict(list)
    for row in proposals:
        attempt, tokens = problems[row["problem_id"]].attempts[row["attempt"]], row["completion_tokens"] or 0
        attempt.proposals += 1
        attempt.proposal_tokens += tokens
        spent["proposals"] += tokens
        if row["status"] in ("proposed", "duplicate"):
            said[row["problem_id"], row["attempt"]].append((row["proposal"], (row["content"], row["location"])))
    for row in guided:
        if row["condition"] == "intervention" and row["outcome"] not in ("prompt_too_long", "lost"):
            if row["proposal"] not in dict(said.get((row["problem_id"], row["attempt"]), ())):
                raise ValueError(
                    f"guided rollouts of proposal {row['proposal']} of attempt {row['attempt']} at problem "
                    f"{row['problem_id']}, which was not proposed"
                )
            candidates = problems[row["problem_id"]].attempts[row["attempt"]].candidates
            candidate = candidates.setdefault(row["proposal"], _Candidate())
            candidate.drawn += 1
            candidate.tokens += row["completion_tokens"] or 0
            spent["guided rollouts"] += row["completion_tokens"] or 0
            if row["correct"]:
                candidate.correct += 1
                first = candidate.first_success
                candidate.first_success = row["rollout"] if first is None else min(first, row["rollout"])
    for (problem_id, index), of_attempt in said.items():
        contents = dict(of_attempt)
        for number, candidate in problems[problem_id].attempts[index].candidates.items():
            candidate.copies = sum(content == contents[number] for content in contents.values())
    counts = {
        c.drawn for problem in problems.values() for a in problem.attempts.values() for c in a.candidates.values()
    }
    return dict(problems), spent, len(counts) > 1
