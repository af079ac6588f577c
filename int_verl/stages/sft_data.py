"""Other data for SFT than prefix + intervention, as a stage of the schedule between the generator and SFT."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from int_verl.errors import UserError
from int_verl.files import file_hash
from int_verl.generate.engines.base import Request
from int_verl.generate.journal import Journal
from int_verl.generate.prompts import Prompt
from int_verl.generate.seeds import request_seed
from int_verl.grading import BaseGrader
from int_verl.interruption import run_until_interrupted
from int_verl.problems.sets import Problem
from int_verl.progress import StageProgress
from int_verl.records import SFT, read_rows, write_rows
from int_verl.run.folder import RunFolder
from int_verl.run.problem_sets import ProblemSets
from int_verl.run.run import Policy
from int_verl.run.stage import Stage
from int_verl.run_files import ATTEMPTS, BASELINE_ROWS, INTERVENTIONS, KEPT, PROPOSALS
from int_verl.settings.generation import StepRule
from int_verl.settings.training import SFTDataSettings
from int_verl.sft.ablation_rows import reference_row, shifted_row, solution_row
from int_verl.sft.verification_rows import SFT_WITHOUT_MESSAGES, verification_rows

Row = dict[str, Any]


@dataclass(frozen=True)
class SFTDataStage(Stage):
    """Puts another row in the place of every kept intervention, so that all arms of a comparison have equal budgets."""

    folder: RunFolder
    problems: ProblemSets
    policy: Policy
    settings: SFTDataSettings
    prompt: Prompt
    "Of the rewritten attempts."
    solve_version: str
    "Of the prompt that the kept rows have."
    steps_by: StepRule
    need_success: bool
    "`select.need_success`, for rewritten attempts as for interventions."
    with_suffix: bool
    "`sft.suffix`, which only interventions have."
    new_grader: Callable[[], BaseGrader]
    seed: int

    name = "sft_data"
    does = "make the rows of an SFT baseline in place of the interventions"
    reads = ("guide",)
    depends_on = ("run.seed", "sft_data", "sft.suffix", "select.need_success", "prompts.self_reflection", "steps")

    def inputs(self) -> dict[str, str]:
        return {
            "interventions": file_hash(self.folder / KEPT),
            "attempts": file_hash(self.folder / ATTEMPTS),
            **({"proposals": file_hash(self.folder / PROPOSALS)} if self.settings.has_verifications else {}),
            "problems": self.problems.train.digest,
            "model": self.policy.model.revision,
            "prompt": self.prompt.version,
        }

    def outputs(self) -> dict[str, str]:
        return {"sft": BASELINE_ROWS}

    def execute(self, progress: StageProgress) -> dict[str, dict[str, Any]]:
        kept = list(read_rows(self.folder / KEPT))
        if self.with_suffix:
            raise UserError(
                "sft.suffix=true: only interventions have one; leave sft_data as it is, or sft.suffix=false"
            )
        schema, verifications = SFT, list[Row]()
        if self.settings.has_verifications:
            schema, verifications = SFT_WITHOUT_MESSAGES, list(self._verifications())
        if self.settings.kind == "verifications":
            rows = []
        elif self.settings.kind in ("interventions", "interventions_and_verifications"):
            rows = list(self._shifted(kept))
        elif self.settings.kind == "reference":
            problems, codec = self._problems(kept), self.policy.model.codec
            rows = [
                reference_row(row, problems[row["problem_id"]].reference_solution, codec, self.solve_version)
                for row in kept
            ]
        else:
            rows = self._self_reflections(kept, progress)
        rows = [*rows, *verifications]
        if not rows:
            raise UserError(
                f"{self.folder / KEPT}: none of its {len(kept)} rows gave a row for "
                f"sft_data.kind={self.settings.kind}, sft_data.location_shift={self.settings.location_shift}; "
                "more attempts or proposals may help"
            )
        write_rows(self.folder / BASELINE_ROWS, schema, rows)
        wanted = len(kept) * (2 if self.settings.kind == "interventions_and_verifications" else 1)
        return {self.name: {"kept_interventions": len(kept), "rows": len(rows), "left_out": wanted - len(rows)}}

    def plan(self) -> list[str]:
        shift = f", location {self.settings.location_shift:+d} steps" if self.settings.location_shift else ""
        each = "two rows" if self.settings.kind == "interventions_and_verifications" else "a row"
        return [f"{self.settings.kind}{shift}: {each} in the place of every kept intervention"]

    def _verifications(self) -> Iterator[Row]:
        folder, revision = self.folder, self.policy.model.revision
        return verification_rows(folder / KEPT, folder / INTERVENTIONS, folder / PROPOSALS, revision)

    def _problems(self, kept: Sequence[Row]) -> dict[str, Problem]:
        wanted = {row["problem_id"] for row in kept}
        return {problem.id: problem for problem in self.problems.train if problem.id in wanted}

    def _attempts(self, kept: Sequence[Row]) -> dict[tuple[str, int], Row]:
        wanted = {(row["problem_id"], row["attempt"]) for row in kept}
        columns = ["problem_id", "attempt", "text", "steps_begin", "token_ids", "prompt_ids"]
        rows = read_rows(self.folder / ATTEMPTS, columns)
        return {key: row for row in rows if (key := (row["problem_id"], row["attempt"])) in wanted}

    def _shifted(self, kept: Sequence[Row]) -> Iterator[Row]:
        attempts, codec = self._attempts(kept), self.policy.model.codec
        for row in kept:
            attempt = attempts[row["problem_id"], row["attempt"]]
            shifted = shifted_row(row, attempt, self.settings.location_shift, codec, self.steps_by)
            if shifted is not None:
                yield shifted

    def _self_reflections(self, kept: Sequence[Row], progress: StageProgress) -> list[Row]:
        """Every kept intervention's attempt, rewritten as a whole by the model with the reference in view."""
        problems, attempts = self._problems(kept), self._attempts(kept)
        model, sampling, prompt = self.policy.model, self.settings.sampling, self.prompt

        async def rewrite(engine: Any, grader: BaseGrader, row: Row) -> Row | None:
            problem = problems[row["problem_id"]]
            attempt = attempts[row["problem_id"], row["attempt"]]["text"]
            reference = problem.reference_solution
            content = prompt.render(problem=problem.problem, reference_solution=reference, attempt=attempt)
            prompt_ids = model.codec.prompt_ids(content)
            if len(prompt_ids) + sampling.max_tokens > model.context_length:
                return None
            seed = request_seed(self.seed, "self_reflection", problem.id, row["attempt"], row["proposal"])
            completion = await engine.generate(Request(prompt_ids, sampling, seed, turns=(content,), stage="sft_data"))
            progress.count("rewritten")
            if completion.finish_reason != "stop":
                return None
            solution = model.codec.decode(model.codec.without_end(completion.token_ids))
            if self.need_success:
                grade = await grader.agrade_response(solution, problem.answer, problem.source, problem.reward_info)
                if not grade.correct:
                    return None
            return solution_row(row, solution, list(completion.token_ids), prompt.version)

        async def rewrite_all() -> list[Row | None]:
            with Journal(self.folder.journal) as journal, self.new_grader() as grader:
                async with self.policy.open(journal, progress.warn) as engine:
                    return await asyncio.gather(*(rewrite(engine, grader, row) for row in kept))

        return [row for row in run_until_interrupted(rewrite_all()) if row is not None]
