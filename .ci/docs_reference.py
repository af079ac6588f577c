"""A hook of mkdocs: the pages `settings.md` and `commands.md`, made from the program whenever the site is built."""

from __future__ import annotations

from collections.abc import Iterator

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    for name, content in (("settings.md", _settings()), ("commands.md", _commands())):
        files.append(File.generated(config, name, content=content))
    return files


def _settings() -> str:
    """A heading and the commented YAML of every section."""
    from int_verl.settings.describe import describe
    from int_verl.settings.sections import KINDS

    about = "What `int-verl settings` prints: every setting with its meaning and default, which is the paper's.\n"
    parts = (f"## {name}\n\n```yaml\n{describe(name)}```\n" for name in KINDS)
    return "\n".join(["# Settings\n", about, *parts])


def _commands() -> str:
    """A heading and the `--help` of every command."""
    from int_verl.cli import cli

    parts = (f"## {path}\n\n```text\n{text}\n```\n" for path, text in _help(cli, "int-verl"))
    return "\n".join(["# Commands\n", "What `--help` says of each.\n", *parts])


def _help(command: click.Command, path: str, above: click.Context | None = None) -> Iterator[tuple[str, str]]:
    context = click.Context(command, info_name=path.rpartition(" ")[2], parent=above, max_content_width=100)
    yield path, command.get_help(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None and not below.hidden:
                yield from _help(below, f"{path} {name}", context)
