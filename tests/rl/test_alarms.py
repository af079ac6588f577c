"""Alarms while RL runs: each goes off on what it is for, once, and not on an ordinary run."""

from __future__ import annotations

import pytest

from int_verl.rl.alarms import ALARMS, WINDOW, AlarmWatch

HEALTHY = {
    "training/rollout_probs_diff_mean": 0.004,
    "response_length/clip_ratio": 0.12,
    "rollout_corr/training_log_ppl": 0.29,
    "critic/score/max": 1.0,
}


def said(*steps: dict[str, float]) -> list[str]:
    watch = AlarmWatch()
    return [line for step, metrics in enumerate(steps, 1) for line in watch.look(step, HEALTHY | metrics)]


def test_every_alarm_is_of_a_metric_of_a_healthy_run() -> None:
    assert {alarm.metric for alarm in ALARMS} == HEALTHY.keys()
    assert said(*[{}] * 40) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"training/rollout_probs_diff_mean": 0.05},
            ("differs by 0.0", "algorithm.rollout_correction.rollout_is=token"),
        ),
        (
            {"response_length/clip_ratio": 0.4},
            ("of the responses are cut off", "12% at first", "rl.max_response_length"),
        ),
        ({"rollout_corr/training_log_ppl": 0.02}, ("entropy collapses", "0.290 at first", "clip_ratio_high=0.28")),
        ({"critic/score/max": 0.0}, ("no rollout has a reward", "int-verl reward audit")),
        ({"critic/score/max": -1.0}, ("no rollout has a reward",)),
    ],
)
def test_an_alarm_goes_off_once_and_says_what_to_do(change: dict[str, float], words: tuple[str, ...]) -> None:
    (line,) = said(*[{}] * 20, *[change] * 20)
    assert line.startswith("since step 2")
    assert all(word in line for word in words)


def test_one_bad_batch_is_no_alarm() -> None:
    bad = {"training/rollout_probs_diff_mean": 0.06, "response_length/clip_ratio": 0.5, "critic/score/max": 0.0}
    assert said(*[{}] * 20, bad, *[{}] * 20) == []
    assert said(*[bad] * (WINDOW - 1)) == []


def test_what_is_bad_from_the_start_is_said_as_well() -> None:
    lines = said(*[{"response_length/clip_ratio": 0.9375, "critic/score/max": 0.0}] * WINDOW)
    assert [line.partition(":")[0] for line in lines] == [f"since step {WINDOW}"] * 2
    assert "94% of the responses are cut off at rl.max_response_length, 94% at first" in lines[0]


def test_gaps_steps_taken_again_and_what_is_no_number() -> None:
    watch = AlarmWatch()
    assert watch.look(0, {"val-core/x/acc/mean@4": 0.0, "critic/score/max": None}) == []
    for step in (1, 2, 3, 4, 3, 4):  # killed after step 4, resumed from step 2
        assert watch.look(step, {"critic/score/max": 0.0}) == []
    assert len(watch.look(5, {"critic/score/max": 0.0})) == 1


@pytest.mark.verl
def test_what_an_alarm_advises_is_a_key_of_verls() -> None:
    import re

    import verl  # noqa: F401 - loads the plugins
    from hydra import compose, initialize_config_module
    from verl.trainer.config.algorithm import RolloutCorrectionConfig

    advised = re.findall(
        r"\b((?:algorithm|actor_rollout_ref)\.[\w.]+=[\w.]+)", " ".join(alarm.remedy for alarm in ALARMS)
    )
    assert len(advised) == 2
    with initialize_config_module(version_base=None, config_module="verl.trainer.config"):
        config = compose("int_grpo", overrides=advised)
    correction = RolloutCorrectionConfig(**config.algorithm.rollout_correction)
    assert (correction.rollout_is, correction.rollout_is_threshold, correction.bypass_mode) == ("token", 2.0, False)
