"""What a run will ask of the engine, before it asks: requests, generated tokens and GPU hours, stage by stage.

How many attempts are incorrect, how many proposals are accepted and how often guided rollouts succeed is taken from the
rows that the run's folder already has, and else from the paper (arXiv 2601.14209): 5,583 problems x 4 attempts, 21,295
incorrect; of 16,190 with a reference solution 14,766 proposals parsed, unleaked and no duplicates; of 472,320 guided
rollouts of about 7,000 tokens 20,170 correct, for 2,213 interventions.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from rich.table import Table

from int_verl.records import read_rows
from int_verl.run_files import ATTEMPTS, GUIDED_ROLLOUTS, GUIDED_SOLUTIONS, INTERVENTIONS, PROPOSALS
from int_verl.settings.generation import (
    OF_PROBLEM,
    UNTIL,
    EstimateSettings,
    GuideSettings,
    ProposeSettings,
    SampleSettings,
    Until,
)

PAPER_TOKENS = 7_000
"Mean length of a completion in the paper."


@dataclass(frozen=True, slots=True)
class Rates:
    """Shares of the funnel."""

    incorrect: float = 21_295 / (5_583 * 4)
    "Of the attempts: those that interventions are asked for."
    proposed: float = 14_766 / 16_190
    "Of the proposals: those that pass all tests."
    correct: float = 20_170 / 472_320
    "Of the guided rollouts."
    successful: float = 2_213 / 14_766
    "Of the guided interventions: those with at least one correct rollout."

    def still_without_success(self, rollouts: int) -> float:
        """Share of the interventions with no correct one among their first rollouts.

        Interventions are taken to be of two kinds: a share `successful` succeeds at one and the same rate, the others
        never do. That agrees with both shares.
        """
        if not self.successful:
            return 1.0
        rate = min(self.correct / self.successful, 1.0)
        return 1 - self.successful + self.successful * (1 - rate) ** rollouts


@dataclass(frozen=True, slots=True)
class Line:
    """One kind of request."""

    stage: Until
    what: str
    table: str
    "Where its rows go."
    requests: float
    "That are to be expected."
    most_requests: int
    "If every attempt is incorrect, every proposal accepted and no wave saved."
    mean_tokens: float
    "Of a completion."
    max_tokens: int

    @property
    def tokens(self) -> float:
        return self.requests * self.mean_tokens

    @property
    def most_tokens(self) -> int:
        return self.most_requests * self.max_tokens


@dataclass(frozen=True, slots=True)
class Known:
    """What the rows in a run's folder say."""

    rates: Rates = field(default_factory=Rates)
    tokens: Mapping[str, float] = field(default_factory=dict)
    "Table -> mean length of its completions."
    measured: Mapping[str, int] = field(default_factory=dict)
    "Rate -> of how many rows; a rate that is not here is the paper's."
    given: Mapping[str, int] = field(default_factory=dict)
    "Table -> rows that a file gives instead: attempts, proposals."


def estimate(
    problems: int,
    until: Until,
    sample: SampleSettings,
    propose: ProposeSettings,
    guide: GuideSettings,
    known: Known,
    completion_tokens: int | None = None,
) -> list[Line]:
    """The requests of all stages up to `until`.

    Args:
        problems: how many there are.
        known: rates and lengths that have been measured, with the paper's rates for the others.
        completion_tokens: the mean length in every stage, if it is given.
    """
    rates, lengths = known.rates, dict(known.tokens)
    attempts = known.given.get("attempts", problems * sample.attempts)
    incorrect = attempts * rates.incorrect
    asked_problems = problems * (1 - (1 - rates.incorrect) ** sample.attempts)
    proposals, most_proposals = incorrect * propose.proposals, attempts * propose.proposals
    if "proposals" in known.given:
        proposals = most_proposals = known.given["proposals"]
    interventions, most_interventions = proposals * rates.proposed, most_proposals
    if propose.use == "first" and "proposals" not in known.given:
        measured = "proposed" in known.measured  # the paper's rate is of attempts with four proposals each
        passing = 1 - (1 - rates.proposed) ** propose.proposals if measured else rates.proposed
        interventions, most_interventions = incorrect * passing, attempts
    rollouts, first = 0.0, 0
    for size in guide.wave_sizes():
        live = rates.still_without_success(first) if guide.stop_at_first_success else 1.0
        rollouts += interventions * live * size
        first += size
    each = guide.rollouts * guide.control_share
    of_problem = each * sum(control in OF_PROBLEM for control in guide.controls)
    of_intervention = each * len(guide.controls) - of_problem

    def line(stage: Until, what: str, table: str, requests: float, most: int, max_tokens: int) -> Line:
        mean = completion_tokens or lengths.get(table) or PAPER_TOKENS
        return Line(stage, what, table, requests, most, min(mean, max_tokens), max_tokens)

    first_turn = (propose.guided_solution_sampling or propose.sampling).max_tokens
    guide_tokens = guide.sampling.max_tokens
    lines = [line("sample", "attempts", "attempts", attempts, attempts, sample.sampling.max_tokens)]
    if propose.two_turns:
        lines.append(line("propose", "guided solutions", "guided_solutions", asked_problems, problems, first_turn))
    lines.append(line("propose", "proposals", "proposals", proposals, most_proposals, propose.sampling.max_tokens))
    lines.append(
        line("guide", "guided rollouts", "guided", rollouts, most_interventions * guide.rollouts, guide_tokens)
    )
    if guide.controls:
        expected = interventions * of_intervention + asked_problems * of_problem
        most = math.ceil(most_interventions * of_intervention + problems * of_problem)
        lines.append(line("guide", "controls", "guided", expected, most, guide_tokens))
    not_asked = {*known.given, *(["guided_solutions"] if "proposals" in known.given else [])}
    wanted = UNTIL[: UNTIL.index(until) + 1]
    return [line for line in lines if line.stage in wanted and line.table not in not_asked]


def known_from(folder: Path) -> Known:
    """What the rows of the finished stages in a run's folder say; the paper's rates for the others."""
    rates, measured = Rates(), {}
    attempts, attempt_tokens = _tally(folder / ATTEMPTS, "skipped")
    if measured_attempts := attempts.total():
        rates = replace(rates, incorrect=attempts[("",)] / measured_attempts)
        measured["incorrect"] = measured_attempts
    _, solution_tokens = _tally(folder / GUIDED_SOLUTIONS)
    proposals, proposal_tokens = _tally(folder / PROPOSALS, "status")
    if measured_proposals := proposals.total():
        passed = proposals[("proposed",)] + proposals[("not_first",)]
        rates = replace(rates, proposed=passed / measured_proposals)
        measured["proposed"] = measured_proposals
    guided, guided_tokens = _tally(folder / GUIDED_ROLLOUTS, "condition", "correct")
    correct = guided["intervention", True]
    if rollouts := correct + guided["intervention", False]:
        interventions, _ = _tally(folder / INTERVENTIONS, "guided_correct")
        rates = replace(rates, correct=correct / rollouts, successful=1 - interventions[(0,)] / interventions.total())
        measured["correct"] = rollouts
    tokens = {
        "attempts": attempt_tokens,
        "guided_solutions": solution_tokens,
        "proposals": proposal_tokens,
        "guided": guided_tokens,
    }
    return Known(rates, {table: mean for table, mean in tokens.items() if mean}, measured)


def _tally(file: Path, *columns: str) -> tuple[Counter[tuple[Any, ...]], float]:
    """How many rows have which values, and the mean length of the completions; nothing where there is no file."""
    counts: Counter[tuple[Any, ...]] = Counter()
    tokens = completions = 0
    if not file.is_file():
        return counts, 0.0
    length = "completion_tokens" if "completion_tokens" in pq.read_schema(file).names else None
    for row in read_rows(file, [*columns, *([length] if length else [])]):
        counts[tuple(row[column] for column in columns)] += 1
        if length and row[length]:
            tokens, completions = tokens + row[length], completions + 1
    return counts, tokens / completions if completions else 0.0


def estimate_table(lines: Sequence[Line], settings: EstimateSettings, gpus: int) -> Table:
    """Requests, tokens and, where the speed is known, GPU hours."""
    table = Table(title="To be generated", title_justify="left")
    table.add_column("")
    columns = ["requests", "at most", "tokens each", "tokens", "at most"]
    speed = settings.tokens_per_second
    if speed is not None:
        columns += ["GPU hours", "at most"]
    for column in columns:
        table.add_column(column, justify="right")

    def cells(requests: float, most_requests: int, each: str, tokens: float, most_tokens: int) -> list[str]:
        shown = [_count(requests), _count(most_requests), each, _tokens(tokens), _tokens(most_tokens)]
        if speed is not None:
            shown += [f"{number / speed / 3600:,.1f}" for number in (tokens, most_tokens)]
        return shown

    for line in lines:
        each = _count(line.mean_tokens)
        table.add_row(line.what, *cells(line.requests, line.most_requests, each, line.tokens, line.most_tokens))
    requests, most = sum(line.requests for line in lines), sum(line.most_requests for line in lines)
    tokens, most_tokens = sum(line.tokens for line in lines), sum(line.most_tokens for line in lines)
    table.add_section()
    table.add_row("all", *cells(requests, most, "", tokens, most_tokens), style="bold")
    if speed is not None:
        hours = tokens / speed / 3600 / gpus
        table.caption = f"{hours:,.1f} hours on {gpus} GPUs at {speed:,.0f} tokens/s each"
    return table


def assumptions(lines: Sequence[Line], known: Known, settings: EstimateSettings) -> list[str]:
    """Where the figures of the table come from, a sentence each."""

    def rate(name: str, of: str) -> str:
        source = f"of {known.measured[name]:,} in this folder" if name in known.measured else "the paper"
        return f"{getattr(known.rates, name):.1%} of the {of} ({source})"

    if not lines:
        return ["Nothing is asked of a model: everything is given."]
    last = UNTIL.index(lines[-1].stage)
    rates = [rate("incorrect", "attempts incorrect and verified")] if last >= UNTIL.index("propose") else []
    if last >= UNTIL.index("guide"):
        rates += [rate("proposed", "proposals accepted"), rate("correct", "guided rollouts correct")]
    drawn = [line.what for line in lines if line.table in known.tokens]
    other = [line.what for line in lines if line.table not in known.tokens]
    if settings.completion_tokens:
        lengths = ["estimate.completion_tokens"]
    else:
        lengths = [f"the mean of the rows in this folder for {', '.join(drawn)}"] if drawn else []
        lengths += [f"the paper's mean of {PAPER_TOKENS:,} for {', '.join(other)}"] if other else []
    return [
        *([f"Expected: {', '.join(rates)}."] if rates else []),
        f"Tokens each: {'; '.join(lengths)}; never more than max_tokens.",
        "At most: every attempt incorrect, every proposal accepted, no wave saved, every completion max_tokens long.",
    ]


def _count(number: float) -> str:
    return f"{number:,.0f}"


def _tokens(number: float) -> str:
    """1,234,567 as ``1.23 million``."""
    for size, unit in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return _count(number)
