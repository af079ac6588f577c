"""Which reward function verl is told of, and with which arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from int_verl.errors import UserError
from int_verl.hydra_overrides import hydra_overrides
from int_verl.settings.compose import section
from int_verl.settings.training import RLSettings
from int_verl.trainers.reward import check_reward, reward_settings, try_to_load

KEY = "reward.custom_reward_function"


def settings(**changes: Any) -> RLSettings:
    made: RLSettings = section(OmegaConf.create({"rl": changes}), "rl", RLSettings)
    return made


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text("def f(data_source, solution_str, ground_truth, extra_info=None): return 1.0\n")
    Path("bad.py").write_text("1 / 0")
    return "mine.py"


def test_ours_is_called_by_verl_itself() -> None:
    told = reward_settings(settings(reward_kwargs={"timeout": 1.5}))
    assert told == {
        f"{KEY}.path": "pkg://int_verl.reward_fns.math_answer",
        f"{KEY}.name": "compute_score",
        f"+{KEY}.reward_kwargs.timeout": "1.5",
    }


def test_the_users_is_called_by_the_guard_wherever_that_runs(file: str) -> None:
    told = reward_settings(settings(reward_path=file, reward_name="f", reward_keys=["format"]))
    assert told[f"{KEY}.path"] == "pkg://int_verl.reward_fns.guarded"
    assert told[f"+{KEY}.reward_kwargs.guarded_path"] == f"'{Path(file).resolve()}'"
    assert told[f"+{KEY}.reward_kwargs.guarded_name"] == "'f'"
    assert told[f"+{KEY}.reward_kwargs.guarded_keys"] == "['format']"


def test_or_by_verl_where_asked_for(file: str) -> None:
    told = reward_settings(settings(reward_path=file, reward_name="f", reward_guarded=False))
    assert told == {f"{KEY}.path": Path(file), f"{KEY}.name": "f"}


@pytest.mark.verl
def test_verl_reads_the_arguments_back(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables too: they stand in the trainer's environment, not on its command line."""
    from verl.trainer.ppo.reward import get_custom_reward_fn

    from tests.config.test_configs import compose

    Path("mine.py").write_text(
        "def f(data_source, solution_str, ground_truth, extra_info=None, **kwargs):\n"
        "    return {'score': 1.0, 'pred': repr(kwargs)}\n"
    )
    monkeypatch.setenv("JUDGE_KEY", "canary")
    kwargs = {"text": "it's, 1", "one": "1", "deep": {"list": [1, None, True]}, "key": "${oc.env:JUDGE_KEY}"}
    told = reward_settings(settings(reward_path=file, reward_name="f", reward_kwargs=kwargs))
    assert "canary" not in str(told)
    config = compose("int_grpo", "actor_rollout_ref.model.path=model", *hydra_overrides(told))
    score = get_custom_reward_fn(config)
    assert score is not None
    result = score(data_source="d", solution_str="s", ground_truth="g", extra_info={"index": 1})
    assert result["fault"] == ""
    assert result["pred"] == repr({**kwargs, "key": "canary"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reward_path": "nowhere.py"}, "nowhere.py: no such file"),
        ({"reward_kwargs": {"a b": 1}}, "rl.reward_kwargs: a b is no name of an argument"),
    ],
)
def test_what_cannot_be(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        check_reward(settings(**changes))


def test_what_cannot_be_loaded_is_said_before_the_trainer_starts(file: str) -> None:
    try_to_load(settings(reward_path=file, reward_name="f"))
    with pytest.raises(UserError, match=r"rl.reward_path=mine.py: .* no function 'absent'"):
        try_to_load(settings(reward_path=file, reward_name="absent"))
    with pytest.raises(UserError, match=r"rl.reward_path=bad.py: importing it raised ZeroDivisionError"):
        try_to_load(settings(reward_path="bad.py"))
