"""`int-verl doctor`: would a run work on this machine, and if not, which command mends it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from int_verl import __version__

if TYPE_CHECKING:
    from int_verl.run.stage import Stage


@click.command()
@click.option(
    "--config", "config_file", type=click.Path(path_type=Path), metavar="FILE", help="The recipe that is to be run."
)
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON, for a report of a fault.")
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
def doctor(config_file: Path | None, as_json: bool, overrides: tuple[str, ...]) -> None:
    """Say what is installed, what verl will use, and what is missing. Exit code 2 if a run would fail.

    With the settings of a run, as `int-verl run` takes them, its model, its problems, and what it needs of disk, memory
    and GPUs are looked at as well.
    """
    from int_verl.console import standard_output
    from int_verl.doctor import DEFAULT_ATTENTIONS, report
    from int_verl.run.run import Run
    from int_verl.settings.compose import compose
    from int_verl.stages.assemble import stages_of
    from int_verl.stages.readiness import checks_of

    console = standard_output()
    if config_file or overrides:
        run = Run(compose(config_file, overrides), console)
        stages = stages_of(run, None)
        checks = [*report(_attentions(stages)), *checks_of(run, lambda: stages)]
    else:
        checks = report(DEFAULT_ATTENTIONS)
    if as_json:
        click.echo(json.dumps({"int_verl": __version__, "checks": list(map(asdict, checks))}, indent=2))
        raise SystemExit(0 if all(check.ok for check in checks) else 2)
    width = max(len(check.name) for check in checks)
    said = set[str]()
    for check in checks:
        console.print(f"{check.mark:<4} {check.name:<{width}}  {check.detail}", soft_wrap=True)
        if check.remedy and not check.ok and check.remedy not in said:
            said.add(check.remedy)
            console.print(f"     {'':<{width}}  -> {check.remedy}", soft_wrap=True)
    failed = [check.name for check in checks if not check.ok]
    console.print("A run will work." if not failed else f"A run would fail: {', '.join(failed)}.", soft_wrap=True)
    if failed:
        raise SystemExit(2)


def _attentions(stages: Iterable[Stage]) -> dict[str, str]:
    """Stage -> the attention that it would train with."""
    from int_verl.stages.rl import RLStage
    from int_verl.stages.sft import SFTStage

    return {stage.name: stage.attention() for stage in stages if isinstance(stage, SFTStage | RLStage)}
