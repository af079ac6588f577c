"""GRPO as a stage of the schedule: from the SFT checkpoint, or from the base model to compare with."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from int_verl.doctor import require_verl
from int_verl.errors import UserError
from int_verl.files import file_hash, write_text
from int_verl.generate.chat import model_revision
from int_verl.generate.prompts import Prompt, load_prompt
from int_verl.problems.sets import Problem
from int_verl.progress import StageProgress
from int_verl.records import RL, read_rows, write_rows
from int_verl.rl.helped_rows import guided_prefixes, helped_rows
from int_verl.rl.rows import RL_WITH_PREFIX, rl_rows
from int_verl.run.run import Run
from int_verl.run.stage import Stage
from int_verl.stages.sft import GUIDED, MODEL, trained_model, trainer_progress, write_metrics
from int_verl.stages.sft_data import ATTEMPTS, KEPT
from int_verl.trainers.export import BestCheckpoint, export_model
from int_verl.trainers.launch import train
from int_verl.trainers.process import FinishedStep
from int_verl.trainers.rl import RLLaunch
from int_verl.trainers.verl_folder import mean_validation_scores

SHOWN = {"critic/rewards/mean": "reward", "response_length/mean": "response tokens"}
FILES = {"train": "train.parquet", "heldout": "heldout.parquet", "hard": "hard.parquet"}


class RLStage(Stage):
    """Runs verl's stock PPO trainer with GRPO; validates before and after.

    Args:
        name: `rl` starts from the SFT checkpoint, `rl_baseline` from the base model.
    """

    settings = ("run.seed", "problems", "prompts.solve", "rl", "eval")
    indifferent = ("rl.dump_rollouts", "rl.save_freq", "rl.stall_minutes")

    def __init__(self, name: str, does: str, reads: tuple[str, ...]) -> None:
        self.name, self.does, self.reads = name, does, reads
        self.from_base = name == "rl_baseline"

    def reads_in(self, run: Run) -> tuple[str, ...]:
        with_interventions = run.rl.problems == "with_intervention" or run.rl.prefix == "intervention"
        return (*self.reads, "guide") if with_interventions else self.reads

    def inputs(self, run: Run) -> dict[str, str]:
        if self.from_base:
            start = run.model_revision
        else:
            start = model_revision(trained_model(run)) if (run.folder / MODEL).is_file() else "missing"
        return {
            "start": start,
            "train": run.train.digest,
            "heldout": run.heldout.digest,
            "attempts": file_hash(run.folder / ATTEMPTS),
            **({"interventions": file_hash(run.folder / KEPT)} if run.rl.problems == "with_intervention" else {}),
            **({"hint": _hint_prompt(run).version} if run.rl.hint_share else {}),
            **({"prefixes": file_hash(run.folder / GUIDED)} if run.rl.prefix == "intervention" else {}),
        }

    def outputs(self, run: Run) -> dict[str, str]:
        return {
            "model": f"{self.name}/model.txt",
            "exported": f"{self.name}/model/config.json",
            "metrics": f"{self.name}/metrics.jsonl",
            "before": f"{self.name}/validation/0.jsonl",
            "after": f"{self.name}/validation/{run.rl.total_steps}.jsonl",
        }

    def check(self, run: Run) -> None:
        self._launch(run, run.model_in_plan).check_settings()

    def total(self, run: Run) -> int:
        return run.rl.total_steps

    def execute(self, run: Run, progress: StageProgress) -> dict[str, Any]:
        require_verl()
        counts = self._write_data(run)
        home = run.folder / self.name
        best = BestCheckpoint(home / "checkpoints", home / "best") if run.rl.export == "best" else None
        show = trainer_progress(progress, SHOWN)

        def on_progress(now: FinishedStep) -> None:
            show(now)
            if best is not None:
                best.look()

        if best is not None:
            best.look()  # at what a killed run left, before the trainer removes it
        done = train(self._launch(run, run.model_folder).command(), on_progress)
        score = mean_validation_scores(home / "checkpoints").get(done.steps)
        step, score, model = (best.kept() if best else None) or (done.steps, score, done.model_path)
        export_model(model, home / "model", step, score)
        write_metrics(home / "checkpoints", home / "metrics.jsonl")
        write_text(home / "model.txt", f"{(home / 'model').resolve()}\n")
        return {"steps": done.steps, "exported_step": step, **counts}

    def plan(self, run: Run) -> list[str]:
        return [self._launch(run, run.model_in_plan).shell()]

    def start_over(self, run: Run) -> None:
        for leftover in ("checkpoints", "validation", "rollouts", "best", "model"):
            shutil.rmtree(run.folder / self.name / leftover, ignore_errors=True)

    def _launch(self, run: Run, base: Path) -> RLLaunch:
        home = run.folder / self.name
        # verl takes no empty file, and before the data is written it is not known whether there are hard problems.
        hard = home / FILES["hard"]
        sets = ("heldout", "hard") if not hard.is_file() or pq.read_metadata(hard).num_rows else ("heldout",)
        return RLLaunch(
            settings=run.rl,
            evaluation=run.eval,
            model_path=base if self.from_base else trained_model(run),
            base_model=None if self.from_base else base,
            train_files=(home / FILES["train"],),
            val_files=tuple(home / FILES[name] for name in sets),
            output_dir=home / "checkpoints",
            validation_dir=home / "validation",
            rollout_dir=home / "rollouts",
            seed=run.seed + 1,
            platform=run.platform,
        )

    def _write_data(self, run: Run) -> dict[str, int]:
        """verl's rows for training and validation; returns the number of each."""
        sets = {
            "train": _training_rows(run),
            "heldout": rl_rows(run.heldout, run.prompts.solve),
            "hard": rl_rows(hard_problems(run), run.prompts.solve),
        }
        schema = RL_WITH_PREFIX if run.rl.prefix == "intervention" else RL
        counts = {name: write_rows(run.folder / self.name / FILES[name], schema, rows) for name, rows in sets.items()}
        if not counts["train"]:
            raise UserError(f"rl.problems={run.rl.problems}: there is no such problem; use rl.problems=all")
        return counts


def _training_rows(run: Run) -> Iterator[dict[str, Any]]:
    """Every training problem, and those with a hint or a guided prefix a second time."""
    prompt, prefixes = _hint_prompt(run), None
    if run.rl.prefix == "intervention":
        files = (run.folder / KEPT, run.folder / ATTEMPTS, run.folder / GUIDED)
        if missing := [file for file in files if not file.is_file()]:
            raise UserError(f"rl.prefix=intervention: {missing[0]} is not there; run the stage guide first")
        prefixes = guided_prefixes(*files, longest=run.rl.max_response_length - 1)

    def with_hint(problem: str, hint: str) -> str | None:
        content = prompt.render(problem=problem, hint=hint)
        # verl would cut a longer prompt from the left, with no more than a warning.
        return content if len(run.codec.prompt_ids(content)) <= run.rl.max_prompt_length else None

    return helped_rows(
        training_problems(run),
        run.prompts.solve,
        hint_share=run.rl.hint_share,
        hint_fraction=run.rl.hint_fraction,
        with_hint=with_hint,
        prefixes=prefixes,
    )


def _hint_prompt(run: Run) -> Prompt:
    return load_prompt("hint", run.config.prompts.hint)


def training_problems(run: Run) -> Iterable[Problem]:
    """The problems that RL trains on, as `rl.problems` says."""
    if run.rl.problems == "with_intervention":
        ids = {row["problem_id"] for row in read_rows(run.folder / KEPT, ["problem_id"])}
        return (problem for problem in run.train if problem.id in ids)
    return run.train if run.rl.problems == "all" else unsolved_problems(run)


def unsolved_problems(run: Run) -> Iterator[Problem]:
    """Training problems that none of the run's attempts solved."""
    rows = read_rows(run.folder / ATTEMPTS, ["problem_id", "correct"])
    attempts = groupby(rows, key=itemgetter("problem_id"))  # attempts are in the order of the problems
    for problem, (problem_id, drawn) in zip(run.train, attempts, strict=True):
        assert problem.id == problem_id
        if not any(row["correct"] for row in drawn):
            yield problem


def hard_problems(run: Run) -> list[Problem]:
    """The hard set of the evaluation: the first `eval.hard_limit` unsolved training problems."""
    return list(islice(unsolved_problems(run), run.eval.hard_limit))
