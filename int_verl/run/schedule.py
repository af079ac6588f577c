"""Which stages of a run are still to be done, and doing them.

A stage is done when its manifest says so, its outputs are there, and neither its settings nor the content of its
inputs have changed since. A changed setting reruns the stages that depend on it, and says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from omegaconf import DictConfig

from int_verl.console import SafeConsole, marked
from int_verl.errors import UserError
from int_verl.progress import StageProgress
from int_verl.run.folder import Manifest, RunFolder
from int_verl.run.origin import origin
from int_verl.run.stage import Stage
from int_verl.run_files import STATUS
from int_verl.settings.compose import flatten
from int_verl.settings.environment import plain
from int_verl.settings.secrets import is_below
from int_verl.settings.written import recorded

IDENTITY = ("model.path", "problems.train", "problems.heldout")
"A folder keeps to one model and one problem set; for others, another folder."


@dataclass(frozen=True, slots=True)
class Task:
    """A stage with what is to be done about it, and why."""

    stage: Stage
    action: Literal["start", "resume", "skip"]
    reason: str


def recorded_settings(stage: Stage | type[Stage], config: DictConfig) -> dict[str, Any]:
    """Dotted key -> value of everything that a stage's outputs depend on, as manifests hold it."""
    chosen: dict[str, Any] = {}
    for key in stage.depends_on:
        chosen |= flatten({key: recorded(key, plain(config, key))})
    return {key: value for key, value in chosen.items() if not is_below(key, stage.indifferent)}


@dataclass(frozen=True, slots=True)
class Schedule:
    """The stages that are wanted of a run.

    Args:
        config: the run's settings as composed.
        stages: in order, each after those that it reads from.
        forced: names of those that run again even if they are done.
        is_same: whether another value of an `IDENTITY` key means what the folder holds.
        command: what was typed, for the manifests (`origin.command_line`).
        look: called with the stages that are to be done, before the first of them begins; it refuses them with a
            `UserError`.
    """

    folder: RunFolder
    config: DictConfig
    console: SafeConsole
    stages: tuple[Stage, ...]
    forced: frozenset[str] = frozenset()
    is_same: Callable[[str], bool] = lambda _: False
    command: tuple[str, ...] = ()
    look: Callable[[Sequence[Stage]], None] = lambda _: None

    def plan(self) -> list[Task]:
        """What `execute` would do, as far as that can be told before the earlier stages have run."""
        tasks: list[Task] = []
        running: set[str] = set()
        for stage in self.stages:
            task = self._task(stage)
            earlier = [name for name in stage.reads if name in running]
            if task.action == "skip" and earlier:
                task = Task(stage, "start", f"after {' and '.join(earlier)}, unless that leaves the same files")
            if task.action != "skip":
                running.add(stage.name)
            tasks.append(task)
        return tasks

    def execute(self) -> None:
        """Run the stages. What is done is passed over, what was interrupted goes on.

        Raises:
            FolderInUseError: another run is at work in the folder.
            UserError: a stage that is to come could only fail on this machine.
        """
        with self.folder.lock():
            self.look([task.stage for task in self.plan() if task.action != "skip"])
            self.folder.remember(self.config, IDENTITY, self.is_same)
            made: set[str] = set()
            for number, stage in enumerate(self.stages):
                if stage.name in made:
                    self.console.print(marked("✓", f" {stage.name}: made with the stage before"))
                    continue
                task = self._task(stage)
                if task.action == "skip":
                    self.console.print(marked("✓", f" {stage.name}: {task.reason}"))
                    continue
                for later in self.stages[number:]:
                    later.check_host()
                self.console.print(marked(f"▸ {stage.name}", f": {stage.does} ({task.reason})"))
                if ray := stage.which_ray():
                    self.console.print(f"  Ray: {ray}", soft_wrap=True)
                made |= self._execute(task)

    def decide(self, stage: Stage) -> Task:
        """Whether a stage is done, judged by what lies in the folder now.

        Raises:
            UserError: the model is no longer that of the folder's rows.
        """
        manifest = self.folder.manifest(stage.name)
        if manifest is None:
            return Task(stage, "start", "not run yet")
        inputs = stage.inputs()
        for part in stage.fixed:
            if manifest.inputs.get(part, inputs[part]) != inputs[part]:
                raise UserError(
                    f"run.dir={self.folder.path}: the {part} of {self.config.model.path} changed since this folder's "
                    "rows were made; use another run.dir or put it back"
                )
        changes = manifest.changes(inputs, recorded_settings(stage, self.config))
        if changes:
            return Task(stage, "start", "runs again: " + "; ".join(changes))
        if manifest.status != "done":
            return Task(stage, "resume", "was interrupted, goes on")
        missing = [path for path in stage.outputs().values() if not (self.folder / path).exists()]
        if missing:
            return Task(stage, "resume", f"{missing[0]} is missing")
        if reason := stage.goes_on(manifest.counts):
            return Task(stage, "resume", reason)
        return Task(stage, "skip", f"done in {manifest.seconds:.0f} s, unchanged")

    def _task(self, stage: Stage) -> Task:
        """`decide`, with what is forced; what is passed over must still have its tables.

        Raises:
            UserError: see `decide`; or a table was changed or damaged since.
        """
        task = self.decide(stage)
        if task.action != "skip":
            return task
        if stage.name in self.forced:
            return Task(stage, "start", "forced")
        manifest = self.folder.manifest(stage.name)
        if manifest is not None and (damaged := manifest.damaged(self.folder.path)):
            raise UserError(
                f"{self.folder / damaged[0]}: no longer what the stage {stage.name} left; put it back, or make it "
                f"again with `int-verl {stage.name} --force`"
            )
        return task

    def _execute(self, task: Task) -> set[str]:
        """Execute a stage, and return which other stages of its dataflow were made with it."""
        stage, started = task.stage, time.monotonic()
        if task.action == "start":
            stage.start_over()
        before = self.folder.manifest(stage.name)
        spent = before.seconds if before and task.action == "resume" else 0.0
        manifest = self._manifest(stage)
        manifest.seconds = spent
        self.folder.write_manifest(manifest)
        others: set[str] = set()
        try:
            status = self.folder / STATUS
            with StageProgress(self.console, stage.name, stage.total(), stage.counts_events, status) as progress:
                counts = stage.execute(progress)
            others = self.seal({name: found for name, found in counts.items() if name != stage.name})
            manifest.counts = counts[stage.name]
            manifest.seal(self.folder.path, stage.outputs())
        finally:
            manifest.seconds = round(spent + time.monotonic() - started, 1)
            self.folder.write_manifest(manifest)
        self.console.print(marked("✓", f" {stage.name}: {manifest.seconds:.0f} s"))
        return others

    def seal(self, counts: Mapping[str, dict[str, Any]]) -> set[str]:
        """Write that the stages with these counts are done: their outputs are in place. Returns their names."""
        for stage in self.stages:
            if stage.name in counts:
                before = self.folder.manifest(stage.name)
                manifest = self._manifest(stage)
                manifest.counts = counts[stage.name]
                manifest.seal(self.folder.path, stage.outputs())
                manifest.seconds = before.seconds if before else 0.0
                self.folder.write_manifest(manifest)
        return set(counts)

    def _manifest(self, stage: Stage) -> Manifest:
        recorded = recorded_settings(stage, self.config)
        return Manifest(stage.name, "running", stage.inputs(), recorded, origin=origin(self.command))
