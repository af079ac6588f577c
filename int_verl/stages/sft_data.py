"""Other data for SFT than prefix + intervention, as a stage of the schedule between the generator and SFT."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

from int_verl.errors import UserError
from int_verl.files import file_hash
from int_verl.generate.dataflow import request_seed
from int_verl.generate.engines.base import Request
from int_verl.generate.journal import Journal
from int_verl.generate.prompts import Prompt, load_prompt
from int_verl.interruption import run_until_interrupted
from int_verl.problems.sets import Problem
from int_verl.progress import StageProgress
from int_verl.records import SFT, read_rows, write_rows
from int_verl.run.run import Run
from int_verl.run.stage import Stage
from int_verl.sft.baseline_rows import reference_row, shifted_row, solution_row

KEPT = "guide/sft.parquet"
ATTEMPTS = "sample/attempts.parquet"
MADE = "sft_data/sft.parquet"

Row = dict[str, Any]


def sft_file(run: Run) -> str:
    """The file that SFT trains on, in the run's folder."""
    return MADE if run.sft_data.is_made else KEPT


class SFTDataStage(Stage):
    """Puts another row in the place of every kept intervention, so that all arms of a comparison have equal budgets."""

    name = "sft_data"
    does = "make the rows of an SFT baseline in place of the interventions"
    reads = ("guide",)
    settings = ("run.seed", "sft_data", "sft.suffix", "select.need_success", "prompts.self_reflection", "steps")

    def inputs(self, run: Run) -> dict[str, str]:
        return {
            "interventions": file_hash(run.folder / KEPT),
            "attempts": file_hash(run.folder / ATTEMPTS),
            "problems": run.train.digest,
            "model": run.model_revision,
            "prompt": _prompt(run).version,
        }

    def outputs(self, run: Run) -> dict[str, str]:  # noqa: ARG002
        return {"sft": MADE}

    def total(self, run: Run) -> int | None:  # noqa: ARG002
        return None

    def execute(self, run: Run, progress: StageProgress) -> dict[str, Any]:
        kept = list(read_rows(run.folder / KEPT))
        if run.sft.suffix:
            raise UserError(
                "sft.suffix=true: only interventions have one; leave sft_data as it is, or sft.suffix=false"
            )
        if run.sft_data.kind == "interventions":
            rows = list(_shifted(run, kept))
        elif run.sft_data.kind == "reference":
            problems = _problems(run, kept)
            version = run.prompts.solve_version
            rows = [
                reference_row(row, problems[row["problem_id"]].reference_solution, run.codec, version) for row in kept
            ]
        else:
            rows = _self_reflections(run, kept, progress)
        if not rows:
            raise UserError(
                f"{run.folder / KEPT}: none of its {len(kept)} rows gave a row for sft_data.kind={run.sft_data.kind}, "
                f"sft_data.location_shift={run.sft_data.location_shift}; more attempts or proposals may help"
            )
        write_rows(run.folder / MADE, SFT, rows)
        return {"kept_interventions": len(kept), "rows": len(rows), "left_out": len(kept) - len(rows)}

    def plan(self, run: Run) -> list[str]:
        shift = f", location {run.sft_data.location_shift:+d} steps" if run.sft_data.location_shift else ""
        return [f"{run.sft_data.kind}{shift}: a row in the place of every kept intervention"]


def _prompt(run: Run) -> Prompt:
    return load_prompt("self_reflection", run.config.prompts.self_reflection)


def _problems(run: Run, kept: Sequence[Row]) -> dict[str, Problem]:
    wanted = {row["problem_id"] for row in kept}
    return {problem.id: problem for problem in run.train if problem.id in wanted}


def _attempts(run: Run, kept: Sequence[Row]) -> dict[tuple[str, int], Row]:
    wanted = {(row["problem_id"], row["attempt"]) for row in kept}
    columns = ["problem_id", "attempt", "text", "steps_begin", "token_ids", "prompt_ids"]
    rows = read_rows(run.folder / ATTEMPTS, columns)
    return {key: row for row in rows if (key := (row["problem_id"], row["attempt"])) in wanted}


def _shifted(run: Run, kept: Sequence[Row]) -> Iterator[Row]:
    attempts = _attempts(run, kept)
    for row in kept:
        attempt = attempts[row["problem_id"], row["attempt"]]
        shifted = shifted_row(row, attempt, run.sft_data.location_shift, run.codec, run.steps.by)
        if shifted is not None:
            yield shifted


def _self_reflections(run: Run, kept: Sequence[Row], progress: StageProgress) -> list[Row]:
    """Every kept intervention's attempt, rewritten as a whole by the model with the reference in view.

    As with interventions, `select.need_success` leaves out what does not reach the right answer.
    """
    prompt, problems, attempts = _prompt(run), _problems(run, kept), _attempts(run, kept)
    sampling = run.sft_data.sampling

    async def rewrite(engine: Any, grader: Any, row: Row) -> Row | None:
        problem = problems[row["problem_id"]]
        attempt = attempts[row["problem_id"], row["attempt"]]["text"]
        content = prompt.render(problem=problem.problem, reference_solution=problem.reference_solution, attempt=attempt)
        prompt_ids = run.codec.prompt_ids(content)
        if len(prompt_ids) + sampling.max_tokens > run.context_length:
            return None
        seed = request_seed(run.seed, "self_reflection", problem.id, row["attempt"], row["proposal"])
        completion = await engine.generate(Request(prompt_ids, sampling, seed))
        progress.count("rewritten")
        if completion.finish_reason != "stop":
            return None
        solution = run.codec.decode(run.codec.without_end(completion.token_ids))
        if run.select.need_success:
            grade = await grader.agrade_response(solution, problem.answer, problem.source, problem.id)
            if not grade.correct:
                return None
        return solution_row(row, solution, list(completion.token_ids), prompt.version)

    async def rewrite_all() -> list[Row | None]:
        with Journal(run.folder.journal) as journal, run.grader() as grader:
            async with run.journaled_engine(journal) as engine:
                return await asyncio.gather(*(rewrite(engine, grader, row) for row in kept))

    return [row for row in run_until_interrupted(rewrite_all()) if row is not None]
