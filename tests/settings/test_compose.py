"""Settings: composed, overridden, checked, each mistake in one line that names the key."""

from __future__ import annotations

from dataclasses import is_dataclass
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from int_verl.errors import UserError
from int_verl.run.run import Run
from int_verl.settings.compose import compose, flatten, section
from int_verl.settings.describe import describe
from int_verl.settings.generation import GuideSettings, SampleSettings
from int_verl.settings.sections import KINDS
from tests.quickstart_files import QUICKSTART

NEEDED = ["model.path=m", "problems.train=t", "problems.heldout=h"]


def test_defaults_are_the_papers_settings() -> None:
    """Section 4 and appendix of arXiv 2601.14209."""
    config = compose(None, NEEDED)
    sample = section(config, "sample", SampleSettings)
    assert sample.attempts == 4
    for stage in (config.sample, config.propose, config.guide):
        assert dict(stage.sampling) == {"max_tokens": 16384, "temperature": 0.7, "top_p": 0.8, "top_k": 20}
    assert config.engine.context_length == 32768
    assert (config.propose.proposals, config.guide.rollouts) == (4, 32)
    sft = config.sft
    assert (sft.learning_rate, sft.epochs, sft.batch_size, sft.max_length) == (1e-6, 4, 64, 16384)
    assert (sft.warmup_ratio, sft.min_lr_ratio) == (0.1, 0.1)
    rl = config.rl
    assert (rl.prompts_per_step, rl.rollouts, rl.mini_batch, rl.total_steps) == (32, 8, 16, 400)
    assert (rl.learning_rate, rl.temperature, rl.max_response_length) == (1e-6, 1.0, 16384)


def test_sampling_is_shared_unless_a_stage_says_otherwise() -> None:
    config = compose(None, [*NEEDED, "sampling.temperature=0.5", "propose.sampling.temperature=0.1"])
    assert config.sample.sampling.temperature == 0.5
    assert config.propose.sampling.temperature == 0.1


def test_a_recipe_knows_its_own_folder() -> None:
    config = compose(QUICKSTART / "quickstart.yaml", ["run.name=other"])
    assert Path(config.model.path) == QUICKSTART / "model"
    assert config.problems.train == "runs/other/problem_sets/train.jsonl"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ([], "model.path is not set"),
        ([*NEEDED, "sft.epoch=2"], "sft.epoch: no such key"),
        ([*NEEDED, "sft"], "sft"),
        ([*NEEDED, "+sft.epochs=2"], "write key=value"),
        ([*NEEDED, "~sft.epochs"], "write key=value"),
        ([*NEEDED, "sft.epochs=${nowhere}"], "nowhere"),
    ],
)
def test_mistakes_name_the_key(overrides: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message.replace("$", r"\$").replace("+", r"\+")) as caught:
        compose(None, overrides)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("sample.attempts=four", "sample.attempts='four'"),
        ("guide.sampling.top_k=x", "guide.sampling.top_k='x'"),
        ("engine.name=sglang", "engine.name='sglang'"),
        ("select.interventions=some", "select.interventions='some'"),
        ("steps.by=paragraph", "steps.by='paragraph'"),
        ("sample.thinking=none", "sample.thinking='none'"),
        ("propose.outcomes=[truncatd]", "propose.outcomes.0='truncatd'"),
        ("propose.max_steps=0", "propose.max_steps=0"),
        ("guide.waves=[4,-8]", "guide.waves.1=-8"),
        ("grader.reward_kwargs=[]", "grader.reward_kwargs"),
        ("platform=tpu", "platform=tpu"),
    ],
)
def test_values_of_the_wrong_kind_name_the_key(override: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        _ = Run(compose(None, [*NEEDED, override]), Console()).platform


def test_a_recipe_with_an_unknown_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("sample:\n  attemps: 3\n")
    with pytest.raises(UserError, match="attemps"):
        compose(tmp_path / "recipe.yaml", NEEDED)
    with pytest.raises(UserError, match="no such file"):
        compose(tmp_path / "none.yaml", NEEDED)


def test_the_printed_settings_are_a_recipe(tmp_path: Path) -> None:
    (tmp_path / "saved.yaml").write_text(describe())
    assert compose(tmp_path / "saved.yaml", NEEDED) == compose(None, NEEDED)
    changed = [*NEEDED, "sampling.top_k=5", "run.shard=1/4"]
    assert compose(tmp_path / "saved.yaml", changed) == compose(None, changed)


def test_every_section_is_printed_with_its_sentences() -> None:
    text = describe()
    assert list(yaml.safe_load(text)) == list(KINDS)
    assert max(map(len, text.splitlines())) <= 120
    assert "\n\n# auto, cpu or gpu. auto: gpu where an NVIDIA device is present.\nplatform: auto\n\nmodel:\n" in text
    assert describe("select") in text
    assert describe("select") == (
        "select:\n  # all or one_per_problem.\n  interventions: all\n"
        "  # Keep only interventions with at least one correct guided rollout.\n  need_success: true\n"
    )
    with pytest.raises(UserError, match=r"^gide: no such section; is it guide\? `int-verl settings` lists them$"):
        describe("gide")


def test_defaults_are_within_their_bounds() -> None:
    config = compose(None, NEEDED)
    for name, kind in KINDS.items():
        if is_dataclass(kind):
            section(config, name, kind)


def test_a_recipe_has_keys_of_its_own_where_they_are_the_users(tmp_path: Path) -> None:
    recipe = {
        "problems": {"columns": {"reference_solution": "solution"}},
        "proposer": {"engine": {"name": "openai", "base_urls": ["http://node2:8000/v1"]}},
        "grader": {"reward_kwargs": {"limits": {"tokens": 5}}},
    }
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    config = compose(tmp_path / "recipe.yaml", [*NEEDED, "problems.columns.answer=gold"])
    assert config.problems.columns == {"reference_solution": "solution", "answer": "gold"}
    assert config.proposer.engine == recipe["proposer"]["engine"]
    assert config.grader.reward_kwargs == recipe["grader"]["reward_kwargs"]
    with pytest.raises(AttributeError, match=r"sample\.atempts"):
        _ = config.sample.atempts


def test_lists_can_be_set() -> None:
    config = compose(None, [*NEEDED, "guide.waves=[4,8]", "guide.controls=[prefix]"])
    guide = section(config, "guide", GuideSettings)
    assert guide.controls == ("prefix",)
    assert guide.wave_sizes() == [4, 8, 20]


def test_flatten_keeps_empty_sections() -> None:
    assert flatten({"a": {"b": 1, "c": {}}, "d": [1]}) == {"a.b": 1, "a.c": {}, "d": [1]}
