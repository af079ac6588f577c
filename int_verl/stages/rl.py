"""GRPO as a stage of the schedule: from the SFT checkpoint, or from the base model to compare with."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from int_verl.doctor import require_verl
from int_verl.errors import UserError
from int_verl.files import file_hash, text_hash, write_text
from int_verl.generate.model import LocalModel
from int_verl.generate.prompts import Prompt, Prompts
from int_verl.problems.sets import Problem
from int_verl.progress import StageProgress
from int_verl.records import RL, RL_OF_TURNS, read_rows, write_rows
from int_verl.rl.alarms import AlarmWatch
from int_verl.rl.online.plan import Plan
from int_verl.rl.rows import (
    RL_WITH_PREFIX,
    begun_conversations,
    case_rows,
    guided_prefixes,
    rl_rows,
    with_loop,
    with_online_loop,
)
from int_verl.run.folder import RunFolder
from int_verl.run.problem_sets import ProblemSets
from int_verl.run.stage import Stage
from int_verl.run_files import ATTEMPTS, GUIDED_ROLLOUTS, KEPT, ONLINE, validation_dump
from int_verl.settings.evaluation import EvalSettings
from int_verl.settings.training import RLSettings
from int_verl.settings.turns import TurnsSettings
from int_verl.stages.conversations import conversations_version, turns_registry
from int_verl.stages.sft import sft_model, sft_model_revision
from int_verl.stages.training import trainer_progress, write_metrics
from int_verl.trainers.export import BestCheckpoint, export_model
from int_verl.trainers.launch import train
from int_verl.trainers.reward import try_to_load
from int_verl.trainers.rl import RLLaunch
from int_verl.trainers.verl_folder import mean_validation_scores, read_metrics

SHOWN = {"critic/rewards/mean": "reward", "response_length/mean": "response tokens"}
AGENT_LOOPS = "agent_loops.yaml"
FILES = {"train": "train.parquet", "heldout": "heldout.parquet", "hard": "hard.parquet"}


@dataclass(frozen=True)
class RLStage(Stage):
    """Runs verl's stock PPO trainer with GRPO; validates before and after."""

    name: str
    "`rl` starts from the SFT checkpoint, `rl_baseline` from the base model."
    does: str
    folder: RunFolder
    model: LocalModel
    "The base model."
    problems: ProblemSets
    prompts: Prompts
    hint: Prompt
    settings: RLSettings
    online_plan: Plan
    "Of interventions while RL samples, if `rl.online.enabled`."
    evaluation: EvalSettings
    turns: TurnsSettings
    seed: int
    platform: Literal["cpu", "gpu"]

    depends_on = ("run.seed", "problems", "prompts.solve", "rl", "eval")
    indifferent = (
        *("rl.dump_rollouts", "rl.save_freq", "rl.stall_minutes", "rl.start_minutes", "rl.trust_checkpoint"),
        *("rl.reward_workers", "rl.val_samples", "rl.val_before_train", "eval.samples"),
        *("eval.k_by_source", "eval.max_tokens"),
        *("problems.calculator_marks", "problems.made_by"),  # the inputs have the problems' content
    )

    @property
    def from_base(self) -> bool:
        return self.name == "rl_baseline"

    @property
    def home(self) -> Path:
        return self.folder / self.name

    @property
    def reads(self) -> tuple[str, ...]:
        start = "sample" if self.from_base else "sft"
        with_interventions = self.settings.problems == "with_intervention" or self.settings.prefix == "intervention"
        return (start, "guide") if with_interventions else (start,)

    def inputs(self) -> dict[str, str]:
        start = self.model.revision if self.from_base else sft_model_revision(self.folder)
        settings = self.settings
        kept, guided = self.folder / KEPT, self.folder / GUIDED_ROLLOUTS
        return {
            "start": start,
            "train": self.problems.train.digest,
            "heldout": self.problems.heldout.digest,
            "attempts": file_hash(self.folder / ATTEMPTS),
            **({"interventions": file_hash(kept)} if settings.problems == "with_intervention" else {}),
            **({"hint": self.hint.version} if settings.hint_share else {}),
            **({"prefixes": file_hash(guided)} if settings.prefix == "intervention" else {}),
            **({"online": self._plan_version()} if settings.online.enabled else {}),
            **conversations_version(self.turns),
        }

    def outputs(self) -> dict[str, str]:
        return {
            "model": f"{self.name}/model.txt",
            "exported": f"{self.name}/model/config.json",
            "metrics": f"{self.name}/metrics.jsonl",
            "after": validation_dump(self.name, self.settings.total_steps),
        }

    def check(self) -> None:
        self._launch(self.model.folder_in_plan).check_settings()

    def check_problems(self, progress: StageProgress) -> None:  # noqa: ARG002
        settings, problems = self.settings, len(self.problems.train)
        twice = "" if not settings.hint_share and settings.prefix == "none" else ", even with all of them twice,"
        if problems * (2 if twice else 1) < settings.prompts_per_step:
            raise UserError(
                f"{self.problems.settings.train}: {problems} problems{twice} are fewer than one batch of "
                f"rl.prompts_per_step={settings.prompts_per_step}; lower it, to no more than that and a multiple of "
                "rl.mini_batch"
            )

    def check_host(self) -> None:
        self._launch(self.model.folder_in_plan).check_host()

    def which_ray(self) -> str:
        return str(self._launch(self.model.folder_in_plan).ray)

    def attention(self) -> str:
        """See `Launch.attention`."""
        return self._launch(self.model.folder_in_plan).attention()

    def total(self) -> int:
        return self.settings.total_steps

    def execute(self, progress: StageProgress) -> dict[str, dict[str, Any]]:
        require_verl()
        counts = self._write_data()
        if self.settings.online.enabled:
            write_text(self.home / AGENT_LOOPS, json.dumps(self.online_plan.registry(), indent=1))
        if self.turns.environment is not None:
            write_text(self.home / AGENT_LOOPS, json.dumps(turns_registry(self.turns), indent=1))
        checkpoints, home = self.home / "checkpoints", self.home
        base = self.model.folder
        best = BestCheckpoint(checkpoints, home / "best", base) if self.settings.export == "best" else None
        show = trainer_progress(progress, SHOWN)
        alarms = AlarmWatch()
        for known in read_metrics(checkpoints):
            alarms.look(known["step"], known)

        def on_progress(step: int, metrics: dict[str, Any]) -> None:
            show(step, metrics)
            for line in alarms.look(step, metrics):
                progress.warn(line)
            if best is not None:
                best.look()

        if best is not None:
            best.look()  # at what a killed run left, before the trainer removes it
        try_to_load(self.settings)
        model = train(self._launch(base).command(), on_progress, progress.wait_for)
        steps = self.settings.total_steps
        score = mean_validation_scores(checkpoints).get(steps)
        step, score, model = (best.kept() if best else None) or (steps, score, model)
        export_model(model, home / "model", base, step, score)
        write_metrics(checkpoints, home / "metrics.jsonl")
        write_text(home / "model.txt", f"{(home / 'model').resolve()}\n")
        return {self.name: {"steps": steps, "exported_step": step, **counts}}

    def plan(self) -> list[str]:
        return [self._launch(self.model.folder_in_plan).shell()]

    def start_over(self) -> None:
        for leftover in ("checkpoints", "validation", "rollouts", "best", "model", ONLINE):
            shutil.rmtree(self.home / leftover, ignore_errors=True)

    def _launch(self, base: Path) -> RLLaunch:
        home = self.home
        # verl takes no empty file, and before the data is written it is not known whether there are hard problems.
        hard = home / FILES["hard"]
        sets = ("heldout", "hard") if not hard.is_file() or pq.read_metadata(hard).num_rows else ("heldout",)
        return RLLaunch(
            settings=self.settings,
            evaluation=self.evaluation,
            model_path=base if self.from_base else sft_model(self.folder),
            base_model=None if self.from_base else base,
            train_files=(home / FILES["train"],),
            val_files=tuple(home / FILES[name] for name in sets),
            output_dir=home / "checkpoints",
            validation_dir=home / "validation",
            rollout_dir=home / "rollouts",
            **self._other_loop(),
            seed=self.seed + 1,
            platform=self.platform,
        )

    def _other_loop(self) -> dict[str, Any]:
        """What the launch is told of conversations or `rl.online`."""
        if self.turns.environment is not None:
            return {"agent_loops": self.home / AGENT_LOOPS}
        if not self.settings.online.enabled:
            return {}
        settings, propose = self.settings, self.online_plan.propose
        solution = (propose.guided_solution_sampling or propose.sampling).max_tokens if propose.two_turns else 0
        enough = 2 * settings.max_prompt_length + settings.max_response_length + solution + propose.sampling.max_tokens
        allowed = self.model.context_length_in_plan
        context = settings.online.context_length or (min(enough, allowed) if allowed else enough)
        return {
            "agent_loops": self.home / AGENT_LOOPS,
            "context_length": context,
            "online_dir": self.home / ONLINE,
        }

    def _plan_version(self) -> str:
        """A hash of the settings and prompts that interventions depend on."""
        templates = self.online_plan.templates
        versions = [templates.verify_version, templates.guided_solution_version]
        return text_hash(
            json.dumps([replace(self.online_plan, keep_texts=False, date=None).written(), versions], sort_keys=True)
        )

    def _write_data(self) -> dict[str, int]:
        """verl's rows for training and validation; returns the number of each."""
        hard = self.problems.hard(self.folder / ATTEMPTS, self.evaluation.hard_limit)
        if self.turns.environment is not None:
            return self._write_cases(hard)
        sets = {
            "train": self._training_rows(),
            "heldout": rl_rows(self.problems.heldout, self.prompts.solve),
            "hard": rl_rows(hard, self.prompts.solve),
        }
        schema = RL_WITH_PREFIX if self.settings.prefix == "intervention" else RL
        if self.settings.online.enabled:
            schema = with_loop(schema)
            shares = {"train": self.settings.online.row_share, "heldout": 0.0, "hard": 0.0}
            sets = {name: with_online_loop(rows, shares[name]) for name, rows in sets.items()}
        return self._written(schema, sets)

    def _write_cases(self, hard: Iterable[Problem]) -> dict[str, int]:
        """The same of conversations, for the agent loop `int_turns`."""
        settings, begun = self.settings, None
        if settings.prefix == "intervention":
            begun = begun_conversations(self._guided_file(KEPT), longest=settings.max_response_length - 1)
        sets = {
            "train": case_rows(self.training_problems(), self.prompts.solve, self.turns.told_as, begun),
            "heldout": case_rows(self.problems.heldout, self.prompts.solve, self.turns.told_as),
            "hard": case_rows(hard, self.prompts.solve, self.turns.told_as),
        }
        return self._written(with_loop(RL_OF_TURNS), sets)

    def _written(self, schema: pa.Schema, sets: Mapping[str, Iterable[dict[str, Any]]]) -> dict[str, int]:
        counts = {name: write_rows(self.home / FILES[name], schema, rows) for name, rows in sets.items()}
        if not counts["train"]:
            raise UserError(f"rl.problems={self.settings.problems}: there is no such problem; use rl.problems=all")
        return counts

    def _guided_file(self, name: str) -> Path:
        file = self.folder / name
        if not file.is_file():
            raise UserError(f"rl.prefix=intervention: {file} is not there; run the stage guide first")
        return file

    def _training_rows(self) -> Iterator[dict[str, Any]]:
        """Every training problem, and those with a hint or a guided prefix a second time."""
        settings, prefixes = self.settings, None
        if settings.prefix == "intervention":
            kept, attempts, guided = map(self._guided_file, (KEPT, ATTEMPTS, GUIDED_ROLLOUTS))
            prefixes = guided_prefixes(kept, attempts, guided, longest=settings.max_response_length - 1)

        def with_hint(problem: str, hint: str) -> str | None:
            content = self.hint.render(problem=problem, hint=hint)
            # verl would cut a longer prompt from the left, with no more than a warning.
            return content if len(self.model.codec.prompt_ids(content)) <= settings.max_prompt_length else None

        return rl_rows(
            self.training_problems(),
            self.prompts.solve,
            hint_share=settings.hint_share,
            hint_fraction=settings.hint_fraction,
            with_hint=with_hint,
            prefixes=prefixes,
        )

    def training_problems(self) -> Iterable[Problem]:
        """The problems that RL trains on, as `rl.problems` says."""
        train = self.problems.train
        if self.settings.problems == "with_intervention":
            ids = {row["problem_id"] for row in read_rows(self.folder / KEPT, ["problem_id"])}
            return (problem for problem in train if problem.id in ids)
        return train if self.settings.problems == "all" else self.problems.unsolved(self.folder / ATTEMPTS)
