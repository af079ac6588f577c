"""`int-verl`: one command a stage, the whole schedule as `run`, and a few helpers."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from typing import Any

import click

from int_verl import __version__
from int_verl.commands.group import Group
from int_verl.commands.schedule import schedule_command
from int_verl.errors import EngineError, TrainerError, UserError
from int_verl.interruption import PREEMPTED, Preempted, preemptible
from int_verl.ray_cluster import workers_in_this_environment
from int_verl.terminal import guard_output, visible_line

_OF_PATHS = (
    *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST),
    *(errno.ELOOP, errno.ENAMETOOLONG, errno.ENODEV, errno.ENXIO),
)


_SCHEDULE = ("run", "sample", "propose", "guide", "sft", "ending", "rl", "rl_baseline", "eval", "report")


class _Group(Group):
    """Loads a command's module only when the command is asked for, so that --help stays light."""

    lazy: dict[str, tuple[str, str]] = {  # noqa: RUF012 - a constant
        "analyse": ("int_verl.commands.analyse", "analyse"),
        "compare": ("int_verl.commands.compare", "compare"),
        "doctor": ("int_verl.commands.doctor", "doctor"),
        "eval": ("int_verl.commands.evaluate", "evaluate"),
        "init": ("int_verl.commands.init", "init"),
        "install": ("int_verl.commands.install", "install"),
        "import": ("int_verl.commands.import_set", "import_set"),
        "merge": ("int_verl.commands.merge", "merge"),
        "problems": ("int_verl.commands.problems", "problems"),
        "push": ("int_verl.commands.push", "push"),
        "reward": ("int_verl.commands.reward", "reward"),
        "sft show": ("int_verl.commands.sft_show", "show"),
        "status": ("int_verl.commands.status", "status"),
        "tables": ("int_verl.commands.tables", "tables"),
    }

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return [*_SCHEDULE, *sorted({*self.commands, *self.lazy} - set(_SCHEDULE))]

    def sections(self, ctx: click.Context) -> dict[str, list[str]]:
        names = self.list_commands(ctx)
        return {"Schedule, in the order of its stages": names[: len(_SCHEDULE)], "More": names[len(_SCHEDULE) :]}

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self.lazy:
            from importlib import import_module

            module, name = self.lazy[cmd_name]
            command: click.Command = getattr(import_module(module), name)
            return command
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """`sft show` is a command of two words: `sft` itself takes settings and has no room for commands below it."""
        two_words = " ".join(args[:2])
        if two_words in self.lazy:
            return two_words, self.get_command(ctx, two_words), args[2:]
        return super().resolve_command(ctx, args)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def cli() -> None:
    """Intervention Training (InT) for verl: attempts, self-proposed interventions, SFT, RL, evaluation."""


for _name, _does, _target in (
    ("run", "The whole schedule, from problems to report.", None),
    ("sample", "Draw attempts at every problem and grade them.", "sample"),
    ("propose", "Have the model find its first error and write an intervention.", "propose"),
    ("guide", "Continue from every intervention; keep those that can lead to the answer.", "guide"),
    ("sft", "Train on prefix + intervention.", "sft"),
    ("ending", "Compare how often answers end before and after SFT.", "ending"),
    ("rl", "GRPO from the SFT checkpoint.", "rl"),
    ("rl_baseline", "GRPO from the base model, to compare with.", "rl_baseline"),
    ("report", "Write the run's report.html.", "report"),
):
    cli.add_command(schedule_command(_name, _does, _target))


@cli.command()
@click.argument("section", required=False)
def settings(section: str | None) -> None:
    """All settings with their meaning and default, or those of one SECTION."""
    from int_verl.settings.describe import describe

    click.echo(describe(section), nl=False)


def main(arguments: list[str] | None = None) -> None:
    """The console script. Exit codes: 0 done, 1 failed, 2 the user can mend it, 75 preempted, 130 stopped."""
    guard_output()
    workers_in_this_environment()
    sys.exit(_guarded(lambda: cli.main(arguments, prog_name="int-verl", standalone_mode=False)))


def _guarded(call: Callable[[], Any]) -> int:
    try:
        with preemptible():
            result = call()
    except Preempted as preempted:
        return _complain(f"stopped by {preempted.signal}; run the same command to go on", PREEMPTED)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except UserError as error:
        return _complain(str(error), 2)
    except (KeyboardInterrupt, click.Abort):
        return _complain("stopped; run the same command to go on", 130)
    except ModuleNotFoundError as error:
        from int_verl.doctor import not_installed

        if (said := not_installed(error.name)) is None or os.environ.get("INT_VERL_TRACEBACK"):
            raise
        return _complain(said, 2)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            where = error.filename or "the disk"
            return _complain(f"{where}: no space left; free some and run the same command again", 2)
        if error.filename is None or error.errno not in _OF_PATHS or os.environ.get("INT_VERL_TRACEBACK"):
            raise
        return _complain(f"{error.filename}: {os.strerror(error.errno).lower()}; is the path right, and yours?", 2)
    except (EngineError, TrainerError) as error:
        if os.environ.get("INT_VERL_TRACEBACK"):
            raise
        return _complain(f"{error}; what is finished is kept, the same command goes on from there", 1)
    return result if isinstance(result, int) else 0


def _complain(message: str, code: int) -> int:
    click.echo(f"int-verl: {visible_line(message)}", err=True)
    return code


if __name__ == "__main__":
    main()
