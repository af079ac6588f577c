"""Values as Hydra reads them back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from int_verl.hydra_overrides import literal, quote


@pytest.mark.parametrize(
    "name", ["plain", "with space", "it's", "a=b", "a,b", "{x}", "$(x)", "é", "数学", "~x", "#&!;<>`"]
)
def test_paths_survive_hydras_grammar(name: str) -> None:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    parsed = OverridesParser.create().parse_override(f"key={quote(Path('/tmp') / name)}")
    assert str(parsed.value()) == f"/tmp/{name}"


@pytest.mark.parametrize(
    "value",
    [
        *("a", "1", "true", "null", "", " ", "it's", "back\\", "back\\'q", "a,b", "[x]", "{}", "a=b", "é", 'q"q'),
        *("http://h:1/v1", "\\d+{0,2}", '<verdict id="{{ id }}">(in)?correct</verdict>'),
        *(1, 1.5, True, None, [], {"a": {"b": ["1", 1, None, True, 1.5, "x'y"]}}),
    ],
)
def test_a_literal_is_what_it_was(value: Any) -> None:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from omegaconf import OmegaConf

    parsed = OverridesParser.create().parse_override(f"+key={literal(value)}").value()
    assert OmegaConf.to_container(OmegaConf.create({"key": parsed}), resolve=True) == {"key": value}


def test_an_interpolation_in_a_literal_stays_one() -> None:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from omegaconf import OmegaConf

    parsed = OverridesParser.create().parse_override(f"+key={literal({'a': 'it is ${x}'})}").value()
    assert OmegaConf.to_container(OmegaConf.create({"key": parsed, "x": 7}), resolve=True)["key"] == {"a": "it is 7"}
