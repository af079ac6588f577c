"""Imports between the rooms go one way, and no files import each other in a loop."""

from __future__ import annotations

import ast

import grimp
from importlinter.cli import lint_imports

from tests import rooms
from tests.quickstart_files import ROOT


def test_no_import_runs_up_and_no_rooms_form_a_circle() -> None:
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


def test_nothing_is_loaded_that_can_run_code() -> None:
    """Beside ruff's rules on pickle, marshal, eval and YAML: what other libraries have in the way of pickles."""
    sources = [file for folder in ("int_verl", "recipes", "benchmarks") for file in (ROOT / folder).rglob("*.py")]
    calls = [
        (file.name, ast.unparse(node.func), {word.arg: ast.unparse(word.value) for word in node.keywords})
        for file in sources
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    ]
    assert len(calls) > 1000
    for file, function, words in calls:
        assert words.get("allow_pickle", "False") == words.get("trust_remote_code", "False") == "False", file
        assert function != "torch.load" or words.get("weights_only") == "True", file
        assert function.split(".")[0] not in ("pickle", "joblib", "dill", "cloudpickle", "shelve"), file


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
