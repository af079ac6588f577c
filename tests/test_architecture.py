"""Imports between the rooms go one way, and no files import each other in a loop."""

from __future__ import annotations

import ast

import grimp
from importlinter.cli import lint_imports

from tests import rooms
from tests.quickstart_files import ROOT


def test_no_import_runs_up_and_no_rooms_form_a_circle() -> None:
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


def test_only_the_safe_console_prints() -> None:
    """rich's own console takes text for markup and lets a terminal obey it."""
    makers = {
        file.name
        for file in (ROOT / "int_verl").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == "rich.console"
    }
    assert makers == {"console.py"}


def test_no_files_import_each_other_in_a_loop() -> None:
    assert rooms.circles(rooms.imports_of_files(grimp.build_graph(rooms.PACKAGE, cache_dir=None))) == []
