"""The schedule: which stages there are, what is still to be done, and doing it.

A stage is done when its manifest says so, its outputs are there, and neither its settings nor the content of its
inputs have changed since. A changed setting reruns the stages that depend on it, and says so.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

from int_verl.errors import UserError
from int_verl.progress import StageProgress
from int_verl.run.folder import FolderInUseError, Manifest
from int_verl.run.run import IDENTITY, Run
from int_verl.run.stage import Stage
from int_verl.settings.generation import UNTIL
from int_verl.stages.evaluate import EvaluationStage
from int_verl.stages.generate import GuideStage, ProposeStage, SampleStage
from int_verl.stages.report import ReportStage, write_report
from int_verl.stages.rl import RLStage
from int_verl.stages.sft import SFTStage
from int_verl.stages.sft_data import SFTDataStage

STAGES: tuple[Stage, ...] = (
    SampleStage(),
    ProposeStage(),
    GuideStage(),
    SFTDataStage(),
    SFTStage(),
    RLStage("rl", "GRPO from the SFT checkpoint (stock verl.trainer.main_ppo)", reads=("sft",)),
    RLStage("rl_baseline", "the same GRPO from the base model, to compare with", reads=("sample",)),
    EvaluationStage(),
    ReportStage(),
)
BY_NAME = {stage.name: stage for stage in STAGES}


@dataclass(frozen=True, slots=True)
class Step:
    """A stage with what is to be done about it, and why."""

    stage: Stage
    action: Literal["start", "resume", "skip"]
    reason: str


def wanted(run: Run, target: str | None) -> list[Stage]:
    """All stages, or `target` and the stages it reads from; in order, their settings checked. Of a shard, those of the
    generator.

    Raises:
        UserError: a shard is asked for a stage that needs all problems, or a stage refuses its settings.
    """
    names = {stage.name for stage in STAGES} if target is None else _upstream(run, target)
    if run.shard is not None and target not in (None, *UNTIL, "report"):
        raise UserError(
            f"run.shard={run.shard}: {target} needs all problems; `int-verl merge RUN_FOLDER... --into FOLDER` joins "
            f"the shards, then run {target} in that folder, without run.shard"
        )
    if run.shard is not None and target is None:
        names = set(UNTIL)
    if run.baseline.rl and "eval" in names:
        names.add("rl_baseline")
    elif target != "rl_baseline":
        names.discard("rl_baseline")
    if not run.sft_data.is_made:
        names.discard("sft_data")
    stages = [stage for stage in STAGES if stage.name in names]
    for stage in stages:
        stage.check(run)
    return stages


def _upstream(run: Run, name: str) -> set[str]:
    return {name}.union(*(_upstream(run, earlier) for earlier in BY_NAME[name].reads_in(run)))


def decide(run: Run, stage: Stage) -> Step:
    """Whether a stage is done, judged by what lies in the folder now.

    Raises:
        UserError: the model is no longer that of the folder's rows.
    """
    manifest = run.folder.manifest(stage.name)
    if manifest is None:
        return Step(stage, "start", "not run yet")
    inputs = stage.inputs(run)
    for part in stage.fixed:
        if manifest.inputs.get(part, inputs[part]) != inputs[part]:
            raise UserError(
                f"run.dir={run.folder.path}: the {part} of {run.config.model.path} changed since this folder's rows "
                "were made; use another run.dir or put it back"
            )
    changes = manifest.changes(inputs, stage.settings_in(run))
    if changes:
        return Step(stage, "start", "runs again: " + "; ".join(changes))
    if manifest.status != "done":
        return Step(stage, "resume", "was interrupted, goes on")
    missing = [path for path in stage.outputs(run).values() if not (run.folder / path).exists()]
    if missing:
        return Step(stage, "resume", f"{missing[0]} is missing")
    return Step(stage, "skip", f"done in {manifest.seconds:.0f} s, unchanged")


def _decide(run: Run, stage: Stage, force: bool) -> Step:
    """`decide`, with --force; what is passed over must still have its tables.

    Raises:
        UserError: see `decide`; or a table was changed or damaged since.
    """
    step = decide(run, stage)
    if step.action != "skip":
        return step
    if force:
        return Step(stage, "start", "forced")
    manifest = run.folder.manifest(stage.name)
    if manifest is not None and (damaged := manifest.damaged(run.folder.path)):
        raise UserError(
            f"{run.folder / damaged[0]}: no longer what the stage {stage.name} left; put it back, or make it again "
            f"with `int-verl {stage.name} --force`"
        )
    return step


def plan(run: Run, target: str | None, force: bool = False) -> list[Step]:
    """What `execute` would do, as far as that can be told before the earlier stages have run."""
    steps: list[Step] = []
    running: set[str] = set()
    for stage in wanted(run, target):
        step = _decide(run, stage, force and target in (None, stage.name))
        earlier = [name for name in stage.reads_in(run) if name in running]
        if step.action == "skip" and earlier:
            step = Step(stage, "start", f"after {' and '.join(earlier)}, unless that leaves the same files")
        if step.action != "skip":
            running.add(stage.name)
        steps.append(step)
    return steps


def execute(run: Run, target: str | None, force: bool = False) -> None:
    """Run the schedule, or one stage with what it needs. What is done is passed over, what was interrupted goes on.

    A report needs nothing and disturbs nobody, so it is written while another run is at work in the folder, too.

    Raises:
        FolderInUseError: anything else is asked for while another run is at work there.
    """
    try:
        _execute(run, target, force)
    except FolderInUseError:
        if target != "report":
            raise
        write_report(run)  # the manifest is for the run at work to write


def _execute(run: Run, target: str | None, force: bool) -> None:
    stages = wanted(run, target)
    run.until = next((name for name in reversed(UNTIL) if name in {stage.name for stage in stages}), run.until)
    with run.folder.lock():
        run.folder.remember(run.config, IDENTITY)
        generated = False
        for stage in stages:
            step = _decide(run, stage, force and target in (None, stage.name))
            if step.action == "skip":
                # The first generator stage that runs makes all of them.
                reason = "made with the stage before" if generated and stage.name in UNTIL else step.reason
                run.console.print(f"[green]✓[/] {stage.name}: {reason}", highlight=False)
                continue
            run.console.print(f"[bold]▸ {stage.name}[/]: {stage.does} ({step.reason})", highlight=False)
            _execute_one(run, step)
            generated |= stage.name in UNTIL
        if run.shard is not None and target is None:
            run.console.print(f"shard {run.shard} is done; `int-verl merge` joins all {run.shard.count} for sft and rl")


def _execute_one(run: Run, step: Step) -> None:
    stage, started = step.stage, time.monotonic()
    if step.action == "start":
        stage.start_over(run)
    before = run.folder.manifest(stage.name)
    spent = before.seconds if before and step.action == "resume" else 0.0
    manifest = Manifest(stage.name, "running", stage.inputs(run), stage.settings_in(run), seconds=spent)
    run.folder.write_manifest(manifest)
    try:
        with StageProgress(run.console, stage.name, stage.total(run), stage.counts_events) as progress:
            manifest.counts = stage.execute(run, progress)
        manifest.seal(run.folder.path, stage.outputs(run))
    finally:
        manifest.seconds = round(spent + time.monotonic() - started, 1)
        run.folder.write_manifest(manifest)
    run.console.print(f"[green]✓[/] {stage.name}: {manifest.seconds:.0f} s", highlight=False)
