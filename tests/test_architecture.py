"""Imports between the rooms go one way."""

from __future__ import annotations

from importlinter.cli import lint_imports

from tests.quickstart_files import ROOT


def test_no_import_runs_up_and_no_rooms_form_a_circle() -> None:
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0
