"""What `--dry-run` shows of the generator before it asks for anything: the first prompts, and what all will cost.

Nothing here starts an engine or loads a tokenizer: prompts are shown as user messages, before the chat template.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.markup import escape
from rich.rule import Rule

from int_verl.generate.thinking import answer_in
from int_verl.problems.sets import Problem
from int_verl.records import read_rows
from int_verl.run.run import Run
from int_verl.settings.generation import UNTIL, Until
from int_verl.stages.estimate import assumptions, estimate, estimate_table, known_from
from int_verl.steps import cut_steps

PLACEHOLDER_STEPS = ["[the first step of an attempt]", "[the second step]", "[and so on]"]
PLACEHOLDER_SOLUTION = "[the model's own solution, written with the reference in view]"


def show_generation(run: Run, until: Until) -> None:
    """Print the first prompts and the estimate of the stages up to `until`."""
    console = run.console
    for title, text in first_prompts(run, until):
        console.print(Rule(f"[bold]{title}[/]", align="left"))
        console.print(text, highlight=False, markup=False, soft_wrap=True)
    console.print(Rule())
    settings = run.estimate
    known = known_from(run.folder.path)
    lines = estimate(run.share_size, until, run.sample, run.propose, run.guide, known, settings.completion_tokens)
    engine = run.engine_settings
    console.print(estimate_table(lines, settings, engine.nnodes * engine.gpus_per_node))
    for sentence in assumptions(lines, known, settings):
        console.print(escape(sentence), highlight=False, soft_wrap=True)
    if settings.tokens_per_second is None:
        console.print("For GPU hours say what one GPU generates: estimate.tokens_per_second=...", highlight=False)


def first_prompts(run: Run, until: Until) -> Iterator[tuple[str, str]]:
    """(What it is, its text) of the first prompt of each kind.

    The verification is of the first attempt that the folder holds and that is to be verified; before there is one, of
    an attempt that is marked as a placeholder.
    """
    prompts = run.prompts
    first = next(iter(run.train))
    yield f"solve ({prompts.solve_version}), problem {first.id}", prompts.solve(first.problem)
    if UNTIL.index(until) < UNTIL.index("propose"):
        return
    attempt = _first_row(run, "sample/attempts.parquet", ["problem_id", "text", "steps_begin"], "skipped", "")
    problem = _problem(run, attempt["problem_id"]) if attempt else None
    steps, of = PLACEHOLDER_STEPS, "a placeholder for the attempt"
    if attempt and problem:
        steps, of = cut_steps(attempt["text"], run.steps.by, attempt["steps_begin"]).texts, "a recorded attempt"
    problem = problem or first
    guided_solution, turn = None, ""
    if run.propose.two_turns:
        text = prompts.guided_solution(problem.problem, problem.reference_solution)
        yield f"guided solution ({prompts.guided_solution_version}), problem {problem.id}", text
        written = _first_row(run, "propose/guided_solutions.parquet", ["text"], "problem_id", problem.id)
        guided_solution = answer_in(written["text"] or "", "") if written else None
        guided_solution, turn = guided_solution or PLACEHOLDER_SOLUTION, ", the turn after that"
    text = prompts.verify(problem.problem, problem.reference_solution, steps, guided_solution)
    yield f"verify ({prompts.verify_version}){turn}, problem {problem.id}, with {of}", text


def _first_row(run: Run, file: str, columns: list[str], where: str, equals: str) -> dict[str, Any] | None:
    """The first row of a table of this run in which a column has that value; None without one."""
    path = run.folder / file
    if not path.is_file():
        return None
    return next((row for row in read_rows(path, [*columns, where]) if row[where] == equals), None)


def _problem(run: Run, problem_id: str) -> Problem | None:
    return next((problem for problem in run.train if problem.id == problem_id), None)
