"""Where a run loses most, in words that name the setting."""

from __future__ import annotations

from dataclasses import replace

from int_verl.generate.advice import EarlyWarning, losses
from int_verl.generate.funnel import context_length_needed
from int_verl.settings.generation import (
    GeneratorSettings,
    GuideSettings,
    ProposeSettings,
    SampleSettings,
    SelectSettings,
)
from int_verl.settings.sampling import Sampling

SETTINGS = GeneratorSettings(
    seed=0,
    in_flight=8,
    sample=SampleSettings(4, Sampling(512)),
    propose=ProposeSettings(1, Sampling(320), two_turns=False),
    guide=GuideSettings(4, Sampling(512)),
    select=SelectSettings(),
)


def test_the_largest_share_comes_first_and_names_its_setting() -> None:
    said = losses(
        {
            "attempts": {"no_answer": 29, "correct": 2, "incorrect": 1},
            "proposals": {"truncated": 43, "no_block": 10, "proposed": 5},
            "guided": {},
        },
        SETTINGS,
    )
    assert [str(loss) for loss in said] == [
        "29 of 32 attempts gave no answer that could be read: a prompts.solve that asks for \\boxed{}, or a "
        "grader.reward_path that reads this model's answers",
        "43 of 58 verifications were cut at propose.sampling.max_tokens=320: raise that",
        "10 of 58 verifications held no block that could be read: another prompts.verify, or a stronger proposer.path",
    ]


def test_what_is_small_or_meant_is_no_loss() -> None:
    assert not losses({"attempts": {"incorrect": 100, "truncated": 5}, "proposals": {"proposed": 50}}, SETTINGS)
    assert not losses({"attempts": {"no_answer": 2}}, SETTINGS)


def test_a_guided_solution_has_its_own_limit_where_it_is_set() -> None:
    cut = {"guided_solutions": {"truncated": 9}}
    (loss,) = losses(cut, SETTINGS)
    assert "propose.sampling.max_tokens=320" in str(loss)
    own = replace(SETTINGS, propose=replace(SETTINGS.propose, guided_solution_sampling=Sampling(99)))
    (loss,) = losses(cut, own)
    assert "propose.guided_solution_sampling.max_tokens=99" in str(loss)


def early(outcomes: list[str]) -> list[str]:
    heard: list[str] = []
    warning = EarlyWarning(SETTINGS, heard.append)
    for outcome in outcomes:
        warning.see("attempts", outcome)
    return heard


def test_the_worst_loss_is_said_once_after_a_hundred() -> None:
    assert not early(["truncated"] * 99)
    (said,) = early(["truncated"] * 300)
    assert said == "100 of 100 attempts were cut at sample.sampling.max_tokens=512: raise that"
    assert not early(["correct"] * 300), "an easy problem set is no fault of the set-up"
    assert not early(["truncated", "incorrect", "incorrect"] * 100)


def test_the_limit_that_binds_is_named() -> None:
    assert context_length_needed({"sample": {}}) is None
    lower = context_length_needed({"sample": {"context_length_needed": 2814, "model_allows": 4096}})
    assert lower is not None
    assert "engine.context_length=2814 would have let all of them fit" in lower
    models_own = context_length_needed({"sample": {"context_length_needed": 2814, "model_allows": 1024}})
    assert models_own is not None
    assert "engine.context_length" not in models_own
    assert "the model itself allows 1,024 tokens" in models_own
