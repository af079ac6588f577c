"""The commands of the schedule: the whole of it, or a stage with those that it reads from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from int_verl.run.run import Run
    from int_verl.run.schedule import Schedule
    from int_verl.run.stage import Stage

EPILOG = """
Settings are Hydra's key=value, for example sample.attempts=8 sft.epochs=2. `int-verl settings` lists all of them
with their meaning and default. Run a command again to go on where it stopped: finished stages whose inputs and
settings have not changed are passed over, interrupted ones go on, and a changed setting reruns what depends on it.
"""


config_option = click.option(
    "--config",
    "config_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A recipe's YAML, laid over the defaults.",
)


def schedule_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """What every command of the schedule takes."""
    for add in (
        click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]..."),
        click.option("--force", is_flag=True, help="Run the stage again even if it is done."),
        click.option("--dry-run", is_flag=True, help="Print what would be done: prompts, an estimate, commands."),
        config_option,
    ):
        function = add(function)
    return function


def schedule_command(name: str, does: str, target: str | None) -> click.Command:
    """The command of a stage, or of all of them without a `target`."""

    @click.command(name, help=does, epilog=EPILOG)
    @schedule_options
    def command(config_file: Path | None, dry_run: bool, force: bool, overrides: tuple[str, ...]) -> None:
        run_schedule(target, config_file, dry_run, force, overrides)

    return command


def run_schedule(
    target: str | None, config_file: Path | None, dry_run: bool, force: bool, overrides: tuple[str, ...]
) -> None:
    """Run a stage and those that it reads from, or show what would be done."""
    from dataclasses import replace
    from functools import partial

    from int_verl.commands.rounds import planned_rounds, run_rounds
    from int_verl.console import marked, standard_output
    from int_verl.run.folder import check_is_run
    from int_verl.run.origin import command_line
    from int_verl.run.rounds import check_rounds
    from int_verl.run.run import Run
    from int_verl.settings.compose import compose
    from int_verl.settings.fidelity import described
    from int_verl.stages.assemble import report_of, schedule_of
    from int_verl.stages.budget_table import show_budget
    from int_verl.stages.look_before import look_before, show_checks

    console = standard_output()
    if target == "report" and config_file is None and (folder := _folder_of(overrides)):
        check_is_run(folder)
        schedule = report_of(folder, console, force)
        _print_tasks(schedule) if dry_run else _execute(schedule)
        return
    run = Run(compose(config_file, overrides), console)
    for line in described(run.settings.fidelity, run.config):
        console.print(line, soft_wrap=True)
    if target == "report":
        check_is_run(run.folder.path)
    rounds = run.settings.rounds if target is None else 1
    if rounds > 1:
        check_rounds(run.settings)
    command = command_line(target or "run", config_file, overrides, run.config)
    look = partial(look_before, run)
    schedule = replace(schedule_of(run, target, force), command=tuple(command), look=look)
    if dry_run:
        run.try_parts()
        console.print(marked(str(run.folder.path), f" on {run.platform}{_remark_on_platform(run)}"), soft_wrap=True)
        pending = _print_tasks(schedule)
        show_budget(console, run, [stage.name for stage in pending])
        if rounds > 1:
            console.print(planned_rounds(run), soft_wrap=True)
        show_checks(run, pending)
        return
    _execute(schedule)
    if rounds > 1:
        run_rounds(run, config_file, overrides, force)
    if run.problems.shard is not None and target is None:
        shard = run.problems.shard
        console.print(f"shard {shard} is done; `int-verl merge` joins all {shard.count} for sft and rl")


def _remark_on_platform(run: Run) -> str:
    if run.platform == "cpu" and run.settings.platform == "auto":
        return ", for there is no NVIDIA device here; with platform=gpu the commands are those of a GPU host"
    return ""


def _folder_of(overrides: tuple[str, ...]) -> Path | None:
    """The run's folder where nothing else is said, as RUN, run.dir=RUN or run.name=NAME.

    A report needs no settings but those that its run remembers.
    """
    if len(overrides) == 1 and "=" not in overrides[0]:
        return Path(overrides[0])
    said = dict(override.partition("=")[::2] for override in overrides)
    if not said or not said.keys() <= {"run.dir", "run.name"}:
        return None
    return Path(said.get("run.dir") or f"runs/{said['run.name']}")


def _execute(schedule: Schedule) -> None:
    """A report needs nothing and disturbs nobody, so it is written while another run is at work in the folder, too."""
    from int_verl.run.folder import FolderInUseError
    from int_verl.stages.report import ReportStage

    try:
        schedule.execute()
    except FolderInUseError:
        first = schedule.stages[0]
        if not isinstance(first, ReportStage):
            raise
        first.write()  # the manifest is for the run at work to write


def _print_tasks(schedule: Schedule) -> list[Stage]:
    """What each stage would do; returns those that are not done."""
    from int_verl.console import marked
    from int_verl.settings.generation import UNTIL

    console, tasks = schedule.console, schedule.plan()
    for task in tasks:
        mark = "✓" if task.action == "skip" else "▸"
        console.print(marked(mark, f" {task.stage.name}: {task.stage.does} ({task.reason})"))
        if task.action != "skip":
            for line in task.stage.plan():
                console.print("    " + line, soft_wrap=True)
    # One dataflow: what its last stage shows includes what the others would.
    if generated := [task.stage for task in tasks if task.action != "skip" and task.stage.name in UNTIL]:
        generated[-1].preview(console)
    return [task.stage for task in tasks if task.action != "skip"]
