"""A group of commands whose list in `--help` cuts no description off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click


class Group(click.Group):
    """click's own would end a description with dots where a line of the terminal ends."""

    def sections(self, ctx: click.Context) -> Mapping[str, Sequence[str]]:
        """Title -> names of commands, in the order in which they are shown."""
        return {"Commands": self.list_commands(ctx)}

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, names in self.sections(ctx).items():
            commands = [(name, self.get_command(ctx, name)) for name in names]
            with formatter.section(title):
                formatter.write_dl(
                    [(name, command.get_short_help_str(limit=1_000)) for name, command in commands if command]
                )
