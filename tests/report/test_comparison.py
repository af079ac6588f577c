"""Runs side by side: entries, curves and the page."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from int_verl.errors import UserError
from int_verl.report.compared import compared, entries
from int_verl.report.comparison import write_comparison
from tests.report.pages import Page
from tests.report.run_folders import write_run


@pytest.fixture(scope="module")
def two(small: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("two")
    other = write_run(folder / "other" / "quickstart", problems=6, rl_steps=4, evaluated=5, seed=1)
    return [small, other]


def test_models_of_a_run_are_compared_with_the_same_models_of_the_first(two: list[Path]) -> None:
    those = compared(two)
    assert [one.label for one in those] == [f"{path.parent.name}/quickstart" for path in two]
    first, second = (one.label for one in those)
    against = {entry.name: entry.against for entry in entries(those)}
    for model in ("base", "base + RL", "InT SFT", "InT SFT + RL"):
        assert against[f"{second}: {model}"] == f"{first}: {model}"
        assert against[f"{first}: {model}"] is None


def test_the_models_of_one_run_are_compared_with_its_base(two: list[Path], tmp_path: Path) -> None:
    write_comparison(tmp_path, compared(two[:1]), {})
    found = json.loads((tmp_path / "compare.json").read_text())
    differences = found["sets"][0]["differences"]
    assert [one["entry"].partition(": ")[2] for one in differences] == ["base + RL", "InT SFT", "InT SFT + RL"]
    assert {one["against"].partition(": ")[2] for one in differences} == {"base"}


def test_the_page_has_the_curves_of_both_and_needs_no_network(two: list[Path], tmp_path: Path) -> None:
    write_comparison(tmp_path, compared(two), {})
    page = Page((tmp_path / "compare.html").read_text())
    labels = [tag for tag in page.tags if tag[0] == "svg"]
    shown = [attributes["aria-label"] for _, attributes in labels]
    assert [name.partition(" over")[0] for name in shown if name] == [
        "pass@k",
        "pass@k",
        "Mean training reward",
        "Zero-advantage ratio: share of groups with equal rewards",
        "Held-out pass@1 while training",
    ]
    assert not [attributes for _, attributes in page.tags if (attributes.get("src") or "").startswith("http")]
    assert "minus" in page.text
    found = json.loads((tmp_path / "compare.json").read_text())
    assert set(found["curves"]) == {"reward", "zero_advantage", "validation"}
    assert len(found["curves"]["reward"]) == 4


def test_a_model_that_the_first_has_not_is_compared_with_its_last(two: list[Path], tmp_path: Path) -> None:
    one = shutil.copytree(two[1], tmp_path / "one")
    first, other = compared([two[0], one])
    other.__dict__["models"] = {"new": first.models["base"]}
    assert entries([first, other])[-1].against == f"{first.label}: InT SFT + RL"


def test_a_run_that_was_not_evaluated_is_named(two: list[Path], tmp_path: Path) -> None:
    run = shutil.copytree(two[1], tmp_path / "run")
    (run / "eval/scores.parquet").unlink()
    with pytest.raises(UserError, match="no scores there; give a run whose stage eval is done"):
        write_comparison(tmp_path / "c", compared([two[0], run]), {})
    (run / "eval/scores.parquet").write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"eval/scores\.parquet cannot be read"):
        write_comparison(tmp_path / "c", compared([two[0], run]), {})


def test_a_folder_named_twice_is_refused(two: list[Path]) -> None:
    with pytest.raises(UserError, match="named twice"):
        compared([two[0], two[1], two[0]])
