"""`fidelity=released`: many settings at once, each of which can be said otherwise."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from int_verl.errors import UserError
from int_verl.settings.compose import checked, compose
from int_verl.settings.describe import describe
from int_verl.settings.fidelity import PRESETS, described
from tests.quickstart_files import ROOT

NEEDED = ["model.path=m", "problems.train=t", "problems.heldout=h"]
RELEASED = PRESETS["released"]


def recipe(folder: Path, text: str) -> Path:
    (folder / "recipe.yaml").write_text(text)
    return folder / "recipe.yaml"


def test_every_value_is_a_setting_and_differs_from_the_default() -> None:
    paper, released = compose(None, NEEDED), compose(None, [*NEEDED, "fidelity=released"])
    assert {key: OmegaConf.select(released, key) for key in RELEASED} == RELEASED
    assert not [key for key in RELEASED if OmegaConf.select(paper, key) == OmegaConf.select(released, key)]
    changed = {**OmegaConf.to_container(released), "fidelity": "paper"}  # type: ignore[dict-item]
    for key in RELEASED:
        OmegaConf.update(released, key, OmegaConf.select(paper, key))
    released.fidelity = "paper"
    assert released == paper, "nothing else changes"
    assert checked(OmegaConf.create(changed)).rl.temperature == 0.8


def test_the_command_line_goes_over_the_recipe_and_what_is_said_beside_it_over_both(tmp_path: Path) -> None:
    file = recipe(tmp_path, "rl:\n  temperature: 0.9\n  max_grad_norm: 2.0\n  rollouts: 16\n")
    config = compose(file, [*NEEDED, "rl.max_grad_norm=0.5", "fidelity=released"])
    assert (config.rl.temperature, config.rl.max_grad_norm, config.rl.rollouts) == (0.8, 0.5, 16)


def test_in_a_recipe_it_lies_below_the_others_of_its_keys(tmp_path: Path) -> None:
    file = recipe(tmp_path, "rl:\n  temperature: 0.9\nfidelity: released\n")
    config = compose(file, NEEDED)
    assert (config.rl.temperature, config.rl.max_grad_norm) == (0.9, 0.3)
    paper = compose(file, [*NEEDED, "fidelity=paper"])
    assert (paper.rl.temperature, paper.rl.max_grad_norm) == (0.9, 1.0)


def test_a_folders_settings_come_back_as_they_are(tmp_path: Path) -> None:
    config = compose(None, [*NEEDED, "fidelity=released", "propose.use=all"])
    OmegaConf.save(config, tmp_path / "config.yaml")
    assert compose(tmp_path / "config.yaml", []) == config


def test_what_holds_and_what_is_said_otherwise_is_shown() -> None:
    assert described("paper", compose(None, NEEDED)) == []
    config = compose(None, [*NEEDED, "fidelity=released", "guide.separator=' '", "rl.temperature=1"])
    holds, otherwise = described("released", config)
    assert holds.startswith("fidelity=released: prompts.solve=math/bare, ")
    assert "guide.separator" not in holds
    assert otherwise == "  said otherwise: guide.separator= , rl.temperature=1"


def test_an_unknown_one_is_refused(tmp_path: Path) -> None:
    for wrong in ([*NEEDED, "fidelity=exact"], [*NEEDED, "fidelity=[released]"], [*NEEDED, "fidelity=null"]):
        with pytest.raises(UserError, match=r"fidelity=.*: expected paper or released"):
            checked(compose(None, wrong))
    with pytest.raises(UserError, match="expected paper or released"):
        compose(recipe(tmp_path, "fidelity: exact"), NEEDED)


def test_the_settings_and_the_docs_name_every_value() -> None:
    printed = describe("fidelity")
    docs = (ROOT / "docs" / "paper-to-code.md").read_text()
    for key, value in RELEASED.items():
        shown = "''" if value == "" else str(value).replace("'", "")
        assert f"#   {key}={shown}\n" in printed
        assert re.search(rf"`'?{re.escape(key)}={re.escape(shown)}'?`", docs), f"{key}={shown}"
