"""All stages in the order of work, each made of the parts of the run that it uses; and which of them are wanted."""

from __future__ import annotations

from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

from int_verl.console import SafeConsole
from int_verl.errors import UserError
from int_verl.generate.heldout_answers import HeldoutAnswers
from int_verl.generate.prompts import Prompt, load_prompt
from int_verl.rl.online.plan import Plan
from int_verl.run.folder import RunFolder
from int_verl.run.run import Run
from int_verl.run.schedule import Schedule, recorded_settings
from int_verl.run.stage import Stage
from int_verl.run_files import BASELINE_ROWS, CONFIG, KEPT
from int_verl.settings.compose import load_yaml
from int_verl.settings.generation import UNTIL, GeneratorSettings, Until
from int_verl.stages.conversations import check_schedule
from int_verl.stages.dataflow import Dataflow
from int_verl.stages.ending import EndingStage
from int_verl.stages.evaluate import EvaluationStage
from int_verl.stages.generate import GuideStage, ProposeStage, SampleStage
from int_verl.stages.report import ReportStage
from int_verl.stages.rl import RLStage
from int_verl.stages.sft import SFTStage
from int_verl.stages.sft_data import SFTDataStage
from int_verl.trainers.trackers import trackers_of

NAMES = ("sample", "propose", "guide", "sft_data", "sft", "ending", "rl", "rl_baseline", "eval", "report")


class Stages:
    """The stages of a run; each is made when it is first asked for, so that a report needs no model.

    Args:
        until: the last generator stage that is wanted; the dataflow runs up to it at once.
        looks_at_endings: whether the stage `ending` is wanted, too.
    """

    def __init__(self, run: Run, until: Until = "guide", looks_at_endings: bool = False) -> None:
        self.run, self.until, self.looks_at_endings = run, until, looks_at_endings

    def __getitem__(self, name: str) -> Stage:
        if name not in NAMES:
            raise KeyError(name)
        stage: Stage = getattr(self, name)
        return stage

    @cached_property
    def dataflow(self) -> Dataflow:
        run, settings, recorded = self.run, self.run.settings, dict[str, Any]()
        for stage in (SampleStage, ProposeStage, GuideStage):
            recorded |= recorded_settings(stage, run.config)
        if settings.turns.environment is not None:
            recorded |= {f"turns.{key}": value for key, value in asdict(settings.turns).items() if key != "options"}
        return Dataflow(
            folder=run.folder,
            console=run.console,
            problems=run.problems,
            policy=run.policy,
            proposer=run.proposer,
            prompts=run.prompts,
            new_grader=run.grader,
            grader=settings.grader,
            settings=GeneratorSettings(
                seed=settings.run.seed,
                in_flight=settings.engine.places,
                sample=settings.sample,
                propose=settings.propose,
                guide=settings.guide,
                select=settings.select,
                steps=settings.steps,
            ),
            estimate=settings.estimate,
            until=self.until,
            turns=settings.turns,
            trackers=trackers_of(settings.sft.overrides, settings.rl.overrides),
            heldout=self.heldout_answers if self.looks_at_endings else None,
            recorded=recorded,
        )

    @cached_property
    def sample(self) -> SampleStage:
        return SampleStage(self.dataflow)

    @cached_property
    def propose(self) -> ProposeStage:
        return ProposeStage(self.dataflow)

    @cached_property
    def guide(self) -> GuideStage:
        return GuideStage(self.dataflow)

    @cached_property
    def sft_data(self) -> SFTDataStage:
        run = self.run
        return SFTDataStage(
            folder=run.folder,
            problems=run.problems,
            policy=run.policy,
            settings=run.settings.sft_data,
            prompt=self._prompt("self_reflection"),
            solve_version=run.prompts.solve_version,
            steps_by=run.settings.steps.by,
            need_success=run.settings.select.need_success,
            with_suffix=run.settings.sft.suffix,
            new_grader=run.grader,
            seed=run.settings.run.seed,
        )

    @cached_property
    def sft(self) -> SFTStage:
        run = self.run
        rows = BASELINE_ROWS if run.settings.sft_data.is_made else KEPT
        return SFTStage(run.folder, run.model, run.settings.sft, rows, run.settings.run.seed, run.platform)

    @cached_property
    def heldout_answers(self) -> HeldoutAnswers:
        """What models are asked before and after SFT: as RL and the evaluation will ask them."""
        run, settings = self.run, self.run.settings
        return HeldoutAnswers(
            problems=lambda: run.problems.heldout,
            most_problems=settings.sft.ending_problems,
            samples=settings.sft.ending_samples,
            prompts=run.prompts,
            sampling=settings.eval.sampling(settings.rl.max_response_length),
            seed=settings.run.seed,
        )

    @cached_property
    def ending(self) -> EndingStage:
        run = self.run
        return EndingStage(
            folder=run.folder,
            console=run.console,
            problems=run.problems,
            base=run.policy,
            answers=self.heldout_answers,
            new_grader=run.grader,
            settings=run.settings.sft,
            rl=run.settings.rl,
        )

    @cached_property
    def rl(self) -> RLStage:
        return self._rl("rl", "GRPO from the SFT checkpoint (stock verl.trainer.main_ppo)")

    @cached_property
    def rl_baseline(self) -> RLStage:
        return self._rl("rl_baseline", "the same GRPO from the base model, to compare with")

    def _rl(self, name: str, does: str) -> RLStage:
        run = self.run
        return RLStage(
            name=name,
            does=does,
            folder=run.folder,
            model=run.model,
            problems=run.problems,
            prompts=run.prompts,
            hint=self._prompt("hint"),
            settings=run.settings.rl,
            online_plan=self._online_plan(),
            evaluation=run.settings.eval,
            turns=run.settings.turns,
            seed=run.settings.run.seed,
            platform=run.platform,
        )

    def _online_plan(self) -> Plan:
        settings = self.run.settings
        return Plan(
            online=settings.rl.online,
            propose=settings.propose,
            steps_by=settings.steps.by,
            thinking=settings.sample.thinking,
            prompts=settings.prompts,
            date=self.run.today.isoformat(),
            keep_texts=settings.rl.dump_rollouts,
        )

    @cached_property
    def eval(self) -> EvaluationStage:
        run = self.run
        return EvaluationStage(
            folder=run.folder,
            console=run.console,
            problems=run.problems,
            policy=run.policy,
            prompts=run.prompts,
            new_grader=run.grader,
            settings=run.settings.eval,
            rl=run.settings.rl,
            with_baseline=run.settings.baseline.rl,
            with_controls=bool(run.settings.guide.controls),
            of_conversations=run.settings.turns.environment is not None,
            seed=run.settings.run.seed,
        )

    @cached_property
    def report(self) -> ReportStage:
        return ReportStage(self.run.folder, self.run.console)

    def _prompt(self, name: str) -> Prompt:
        return load_prompt(name, getattr(self.run.settings.prompts, name))


def schedule_of(run: Run, target: str | None, force: bool = False) -> Schedule:
    """All stages, or `target` and the stages it reads from, their settings checked. Of a shard, those of the generator.

    Args:
        force: run `target` (without one: every stage) again even if it is done.

    Raises:
        UserError: a shard is asked for a stage that needs all problems, or a stage refuses its settings.
    """
    stages = stages_of(run, target)
    if run.settings.turns.environment is not None:
        check_schedule(run.settings, [stage.name for stage in stages])
    for stage in stages:
        stage.check()
    forced = frozenset(NAMES if target is None else [target]) if force else frozenset[str]()

    def is_same(key: str) -> bool:
        return key.startswith("problems.") and run.problems.are_those_of(run.folder.path, key)

    return Schedule(run.folder, run.config, run.console, stages, forced, is_same)


def stages_of(run: Run, target: str | None) -> tuple[Stage, ...]:
    """The stages of `schedule_of`, their settings not yet checked."""
    names = _wanted(run, target)
    until = next((name for name in reversed(UNTIL) if name in names), UNTIL[-1])
    made = Stages(run, until, looks_at_endings="ending" in names)
    return tuple(made[name] for name in NAMES if name in names)


def report_of(folder: Path, console: SafeConsole, force: bool = False) -> Schedule:
    """The report of a run's folder, with the settings that it remembers."""
    home = RunFolder(folder)
    forced = frozenset(["report"]) if force else frozenset[str]()
    return Schedule(home, load_yaml(home / CONFIG), console, (ReportStage(home, console),), forced)


def _wanted(run: Run, target: str | None) -> set[str]:
    shard = run.problems.shard
    if shard is not None and target not in (None, *UNTIL, "report"):
        raise UserError(
            f"run.shard={shard}: {target} needs all problems; `int-verl merge RUN_FOLDER... --into FOLDER` joins "
            f"the shards, then run {target} in that folder, without run.shard"
        )
    everything = NAMES if shard is None else UNTIL
    names = set(everything) if target is None else _upstream(Stages(run), target)
    if run.settings.baseline.rl and "eval" in names:
        names.add("rl_baseline")
    elif target != "rl_baseline":
        names.discard("rl_baseline")
    in_one_piece = run.settings.turns.environment is None
    if run.settings.sft.ending_problems and "rl" in names and in_one_piece:
        names.add("ending")
    elif target != "ending":
        names.discard("ending")
    if not run.settings.sft_data.is_made:
        names.discard("sft_data")
    return names


def _upstream(stages: Stages, name: str) -> set[str]:
    return {name}.union(*(_upstream(stages, earlier) for earlier in stages[name].reads))
