"""Values as Hydra reads them back."""

from __future__ import annotations

from pathlib import Path

import pytest

from int_verl.hydra_overrides import quote


@pytest.mark.parametrize(
    "name", ["plain", "with space", "it's", "a=b", "a,b", "{x}", "$(x)", "é", "数学", "~x", "#&!;<>`"]
)
def test_paths_survive_hydras_grammar(name: str) -> None:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    parsed = OverridesParser.create().parse_override(f"key={quote(Path('/tmp') / name)}")
    assert str(parsed.value()) == f"/tmp/{name}"
