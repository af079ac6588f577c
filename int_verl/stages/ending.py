"""Before RL: does SFT's model still end its answers? It was trained on no end token behind an intervention.

Both models answer held-out problems through the journal, and both say how probable the end token is behind right
answers that the base ended by itself. From a model that does not end RL would draw to the length limit every time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from int_verl.console import SafeConsole
from int_verl.errors import UserError
from int_verl.evaluate import ending_table, format_table
from int_verl.evaluate.ending import END_PROBABILITIES, MODELS, rise_in_words, rose_too_far
from int_verl.evaluate.likelihood import next_token_probabilities
from int_verl.generate.engines.journaled import engines_state
from int_verl.generate.heldout_answers import HeldoutAnswers, Row
from int_verl.generate.journal import Journal
from int_verl.generate.sampler import Sampler
from int_verl.grading import BaseGrader
from int_verl.interruption import run_until_interrupted
from int_verl.progress import StageProgress
from int_verl.records import ANSWER, write_rows
from int_verl.run.folder import RunFolder
from int_verl.run.problem_sets import ProblemSets
from int_verl.run.run import Policy
from int_verl.run.stage import Stage
from int_verl.run_files import ENDING_ANSWERS, SFT_MODEL
from int_verl.settings.training import RLSettings, SFTSettings
from int_verl.stages.sft import sft_model, sft_model_revision
from int_verl.supervision.apart import call_apart


@dataclass(frozen=True)
class EndingStage(Stage):
    """Measures how many answers do not end before and after SFT, and stops the run where they have become too many."""

    folder: RunFolder
    console: SafeConsole
    problems: ProblemSets
    base: Policy
    answers: HeldoutAnswers
    new_grader: Callable[[], BaseGrader]
    settings: SFTSettings
    rl: RLSettings

    name = "ending"
    does = "compare how often answers end before and after SFT"
    reads = ("sft",)
    depends_on = (
        "run.seed",
        *(f"engine.{name}" for name in ("name", "script", "tokens", "context_length")),
        *(f"problems.{name}" for name in ("heldout", "columns", "heldout_limit")),
        *(f"grader.{name}" for name in ("decimals", "reward_path", "reward_name", "reward_kwargs")),
        *(f"sft.{name}" for name in ("ending_problems", "ending_samples", "max_truncation_rise")),
        *(f"eval.{name}" for name in ("temperature", "top_p", "top_k")),
        "rl.max_response_length",
    )
    counts_events = "answers"

    def inputs(self) -> dict[str, str]:
        return {
            "base": self.base.model.revision,
            "model": sft_model_revision(self.folder),
            "heldout": self.problems.heldout.digest,
            "prompts": self.answers.prompts.solve_version,
        }

    def outputs(self) -> dict[str, str]:
        return {"answers": ENDING_ANSWERS}

    def check(self) -> None:
        if not self.settings.ending_problems:
            raise UserError("sft.ending_problems=0: no answers are drawn; set it to how many held-out problems to ask")

    def total(self) -> int:
        return len(self.answers.chosen()) * self.settings.ending_samples * len(MODELS)

    def execute(self, progress: StageProgress) -> dict[str, dict[str, Any]]:
        rows = run_until_interrupted(self._draw(progress))
        self._add_end_probabilities(rows, progress)
        write_rows(self.folder / ENDING_ANSWERS, ANSWER, rows)
        table = ending_table(rows)
        self.console.print(format_table(table, "rich"))
        self._judge(table, progress)
        return {self.name: {"problems": table["problems"], "answers": len(rows), **_figures(table)}}

    def plan(self) -> list[str]:
        settings, models = self.settings, " and ".join(MODELS.values())
        return [
            f"at most {settings.ending_problems} held-out problems x {settings.ending_samples} answers of {models}; RL "
            f"does not start if the share that does not end rises by more than {settings.max_truncation_rise * 100:g} "
            "points"
        ]

    def _policies(self) -> dict[str, Policy]:
        folder = sft_model(self.folder)
        trained = replace(self.base.model, name=str(folder), key=SFT_MODEL, written=SFT_MODEL)
        return {"before": self.base, "after": self.base.of_model(trained, self.rl)}

    async def _draw(self, progress: StageProgress) -> list[Row]:
        """The answers of one model after the other: each takes the whole machine."""
        rows: list[Row] = []
        with Journal(self.folder.journal) as journal, self.new_grader() as grader:
            for when, policy in self._policies().items():
                engine = policy.open(journal, progress.warn)
                progress.more = partial(engines_state, [engine])
                async with engine:
                    sampler = Sampler(engine, policy.model)
                    rows += await self.answers.graded(sampler, grader, when, lambda: progress.count("answers"))
        return rows

    def _add_end_probabilities(self, rows: list[Row], progress: StageProgress) -> None:
        """For the first right answer to each problem that the base ended by itself, under both models."""
        ended = [row for row in rows if row["when"] == "before" and row["correct"] and row["finish_reason"] == "stop"]
        right = list({row["problem_id"]: row for row in reversed(ended)}.values())
        codec = self.base.model.codec
        contexts = [[*row["prompt_ids"], *codec.without_end(row["token_ids"])] for row in right]
        device = "cuda" if self.base.platform == "gpu" else "cpu"
        folders = [policy.model.folder for policy in self._policies().values()]
        try:
            found = call_apart(_end_probabilities, folders, contexts, codec.end_ids, device) if right else []
        except ChildProcessError as error:  # whether RL may start is told by the answers
            progress.warn(f"the probability of the end token is not known: {error}")
            return
        for row, probabilities in zip(right, found, strict=True):
            row |= zip(END_PROBABILITIES.values(), probabilities, strict=True)

    def _judge(self, table: Mapping[str, Any], progress: StageProgress) -> None:
        """Raises UserError where too many answers do not end any more."""
        limit, rise = self.settings.max_truncation_rise, table["rise"]
        if rose_too_far(table, limit):
            raise UserError(
                f"{rise_in_words(table)}, more than sft.max_truncation_rise={limit:g}, so RL is not started; "
                f"{'; '.join(self._remedies())}"
            )
        if rise and rise["value"] > limit:
            progress.warn(
                f"{rise_in_words(table)}, more than sft.max_truncation_rise={limit:g}, but within chance; "
                "a larger sft.ending_problems tells more"
            )

    def _remedies(self) -> Iterator[str]:
        settings = self.settings
        fewer = f"fewer sft.epochs than {settings.epochs} or " if settings.epochs > 1 else ""
        yield f"train less: {fewer}a lower sft.learning_rate than {settings.learning_rate:g}"
        if not settings.suffix:
            yield "or to the end token: sft.suffix=true"
        yield "or raise sft.max_truncation_rise to go on with this model"


def _end_probabilities(
    models: Sequence[Path], contexts: Sequence[Sequence[int]], end_ids: Collection[int], device: str
) -> list[tuple[float, ...]]:
    """Of each context: the probability of its end under each model."""
    found = [next_token_probabilities(model, contexts, end_ids, device) for model in models]
    return list(zip(*found, strict=True))


def _figures(table: Mapping[str, Any]) -> dict[str, float]:
    """For the manifest: shares and probabilities, as far as they are known."""
    named = {"truncation_rise": table["rise"]}
    for when, entry in zip(MODELS, table["endings"], strict=True):
        named |= {f"truncated_{when}": entry["truncated"], f"end_probability_{when}": entry["end_probability"]}
    return {name: round(estimate["value"], 4) for name, estimate in named.items() if estimate}
