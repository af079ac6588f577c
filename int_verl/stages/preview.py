"""What `--dry-run` shows of the generator before it asks for anything: the first prompts, and what all will cost.

Nothing here starts an engine: prompts are shown as user messages, before the chat template.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from rich.rule import Rule
from rich.text import Text

from int_verl.console import SafeConsole
from int_verl.generate.conversations.talk import heard_between
from int_verl.generate.model import LocalModel
from int_verl.generate.prompts import Prompts
from int_verl.generate.thinking import answer_in
from int_verl.problems.sets import Problem, ProblemSet
from int_verl.records import read_rows
from int_verl.run.folder import RunFolder
from int_verl.run_files import ATTEMPTS, GUIDED_SOLUTIONS
from int_verl.settings.generation import EstimateSettings, GeneratorSettings, StepRule, Until
from int_verl.stages.estimate import PAPER_TOKENS, assumptions, estimate, estimate_table, known_from
from int_verl.stages.fitting import fit
from int_verl.steps import cut_steps
from int_verl.terminal import visible

PLACEHOLDER_STEPS = ["[the first step of an attempt]", "[the second step]", "[and so on]"]
PLACEHOLDER_HEARD = [["[what the partner said before it]"] for _ in PLACEHOLDER_STEPS] + [["[what came last]"]]
"Of a conversation."
PLACEHOLDER_SOLUTION = "[the model's own solution, written with the reference in view]"


def show_prompts(
    console: SafeConsole,
    folder: RunFolder,
    problems: Iterable[Problem],
    prompts: Prompts,
    by: StepRule,
    two_turns: bool,
    until: Until,
) -> None:
    """Print the first prompt of each kind up to the stage `until`."""
    for title, text in first_prompts(folder, problems, prompts, by, two_turns, until):
        console.print(Rule(Text(visible(title), "bold"), align="left"))
        console.print(text, soft_wrap=True)
    console.print(Rule())


def show_estimate(
    console: SafeConsole,
    folder: RunFolder,
    problems: int,
    until: Until,
    asked: GeneratorSettings,
    settings: EstimateSettings,
    gpus: int,
    given: Mapping[str, int],
) -> None:
    """Print what the stages up to `until` will ask for; `given`: see `Known`."""
    known = replace(known_from(folder.path), given=given)
    lines = estimate(problems, until, asked.sample, asked.propose, asked.guide, known, settings.completion_tokens)
    console.print(estimate_table(lines, settings, gpus))
    for sentence in assumptions(lines, known, settings):
        console.print(sentence, soft_wrap=True)
    if settings.tokens_per_second is None:
        console.print("For GPU hours say what one GPU generates: estimate.tokens_per_second=...")


def show_fit(
    console: SafeConsole,
    folder: RunFolder,
    problems: ProblemSet,
    prompts: Prompts,
    asked: GeneratorSettings,
    settings: EstimateSettings,
    proposer: LocalModel,
) -> None:
    """Print how many verification prompts will not fit."""
    context, propose = proposer.context_length_in_plan, asked.propose
    if context is None:
        return
    first_turn = propose.guided_solution_sampling or propose.sampling
    found = fit(
        problems,
        len(problems),
        prompts,
        propose.two_turns,
        folder.path,
        proposer.folder_in_plan / "tokenizer.json",
        context,
        (asked.sample.sampling.max_tokens, first_turn.max_tokens, propose.sampling.max_tokens),
        settings.completion_tokens or PAPER_TOKENS,
    )
    console.print(str(found), soft_wrap=True)


def first_prompts(
    folder: RunFolder, problems: Iterable[Problem], prompts: Prompts, by: StepRule, two_turns: bool, until: Until
) -> Iterator[tuple[str, str]]:
    """(What it is, its text) of the first prompt of each kind.

    The verification is of the first attempt that the folder holds and that is to be verified; before there is one, of
    an attempt that is marked as a placeholder.
    """
    first = next(iter(problems))
    yield f"solve ({prompts.solve_version}), problem {first.id}", prompts.solve(first.problem)
    if until == "sample":
        return
    table, said = folder / ATTEMPTS, list[str]()
    if table.is_file():
        said = [name for name in ("messages",) if name in pq.read_schema(table).names]
    attempt = _first_row(table, ["problem_id", "text", "steps_begin", *said], "skipped", "")
    problem = _problem(problems, attempt["problem_id"]) if attempt else None
    steps, heard, of = PLACEHOLDER_STEPS, PLACEHOLDER_HEARD, "a placeholder for the attempt"
    if attempt and problem:
        of = "a recorded attempt"
        if said:
            steps = [one["content"] for one in attempt["messages"] if one["role"] == "assistant"]
            heard = heard_between(attempt["messages"])
        else:
            steps = cut_steps(attempt["text"], by, attempt["steps_begin"]).texts
    problem = problem or first
    guided_solution, turn = None, ""
    if two_turns:
        text = prompts.guided_solution(problem.problem, problem.reference_solution)
        yield f"guided solution ({prompts.guided_solution_version}), problem {problem.id}", text
        written = _first_row(folder / GUIDED_SOLUTIONS, ["text"], "problem_id", problem.id)
        guided_solution = answer_in(written["text"] or "", "") if written else None
        guided_solution, turn = guided_solution or PLACEHOLDER_SOLUTION, ", the turn after that"
    text = prompts.verify(problem.problem, problem.reference_solution, steps, guided_solution, heard)
    yield f"verify ({prompts.verify_version}){turn}, problem {problem.id}, with {of}", text


def _first_row(file: Path, columns: list[str], where: str, equals: str) -> dict[str, Any] | None:
    """The first row of a table in which a column has that value; None without one."""
    if not file.is_file():
        return None
    return next((row for row in read_rows(file, [*columns, where]) if row[where] == equals), None)


def _problem(problems: Iterable[Problem], problem_id: str) -> Problem | None:
    return next((problem for problem in problems if problem.id == problem_id), None)
