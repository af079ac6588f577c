"""`int-verl doctor`: would a run work on this machine, and if not, which command mends it."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option(
    "--config", "config_file", type=click.Path(path_type=Path), metavar="FILE", help="The recipe that is to be run."
)
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE]...")
def doctor(config_file: Path | None, overrides: tuple[str, ...]) -> None:
    """Say what is installed, what verl will use, and what is missing. Exit code 1 if a run would fail.

    With the settings of a run, as `int-verl run` takes them, what they ask for is looked at as well.
    """
    from int_verl.doctor import DEFAULT_ATTENTIONS, report

    checks = report(_attentions(config_file, overrides) if config_file or overrides else DEFAULT_ATTENTIONS)
    width = max(len(check.name) for check in checks)
    for check in checks:
        click.echo(f"{'ok  ' if check.ok else 'FAIL'} {check.name:<{width}}  {check.detail}")
        if check.remedy and not check.ok:
            click.echo(f"     {'':<{width}}  -> {check.remedy}")
    failed = [check.name for check in checks if not check.ok]
    click.echo("A run will work." if not failed else f"A run would fail: {', '.join(failed)}.")
    if failed:
        raise SystemExit(1)


def _attentions(config_file: Path | None, overrides: tuple[str, ...]) -> dict[str, str]:
    """Stage -> the attention that it would train with."""
    from int_verl.console import standard_output
    from int_verl.run.run import Run
    from int_verl.settings.compose import compose
    from int_verl.stages.assemble import Stages

    stages = Stages(Run(compose(config_file, overrides), standard_output()))
    return {stage.name: stage.attention() for stage in (stages.sft, stages.rl)}
