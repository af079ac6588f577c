"""The interviewing model: what it was trained on, what its record says, and its interviews as rollouts of verl."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import random
import sys
from types import ModuleType
from typing import Any

import pytest

from int_verl.interventions import parse_intervention
from tests.quickstart_files import ROOT

PATIENT_PSI = ROOT / "recipes" / "patient_psi"
sys.path.insert(0, str(PATIENT_PSI))

import cognitive_models as models  # noqa: E402 - from the path that the line above sets
import guidance as guides  # noqa: E402
from habits import Habits  # noqa: E402
from utterances import read_utterance, written  # noqa: E402

pytestmark = pytest.mark.verl
MODEL = PATIENT_PSI / "model"


@pytest.fixture(scope="module")
def pretrain() -> ModuleType:
    """The recipe's script; other recipes have one of the same name."""
    spec = importlib.util.spec_from_file_location("patient_psi_pretrain", PATIENT_PSI / "pretrain.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(MODEL)


def test_guidance_in_training_says_nothing_of_right_turns(pretrain: ModuleType) -> None:
    """Turns, manners and categories of a guidance are at random, whatever the patient in the conversation is like."""
    rng = random.Random(0)
    plans = [pretrain.random_turns(rng, 6) for _ in range(3000)]
    first = [plan[0][1] for plan in plans]
    for kind in models.ORDER:
        assert 0.16 < first.count(kind) / len(first) < 0.24
    formulations = [(read_utterance(pretrain.random_formulation(rng, plan[-1][1])), plan[-1][1]) for plan in plans]
    own = [models.CATEGORY_OF[str(read.formulation.belief)] == category for read, category in formulations]
    assert 0.28 < sum(own) / len(own) < 0.39


def test_verifications_of_training_are_true(pretrain: ModuleType) -> None:
    """Whatever is drawn: what a verification says is so of the conversation that stands in its prompt."""
    rng, places = random.Random(1), []
    for _ in range(400):
        right = pretrain.random_turns(rng, rng.randint(1, 8))
        formulation, messages, said = pretrain.random_conversation(rng, right)
        assert [one["content"] for one in messages if one["role"] == "assistant"] == said
        assert len(said) <= pretrain.MOST_TURNS
        text = guides.verification(said, right, formulation, rng)
        if text.endswith("<intervention>\n</intervention>"):
            assert [guides.turn_of(words) for words in said] == right
            continue
        intervention = parse_intervention(text)
        turns = [guides.turn_of(words) for words in said]
        assert turns[: intervention.location - 1] == right[: intervention.location - 1]
        assert turns[intervention.location - 1] != right[intervention.location - 1]
        assert guides.turn_of(intervention.content) == right[intervention.location - 1]
        places.append(intervention.location)
    assert set(places) == set(range(1, 9))


def test_only_turns_that_the_model_chose_are_trained(pretrain: ModuleType, tokenizer: Any) -> None:
    rng, habits, weigh = random.Random(2), Habits(), pretrain.Weights(tokenizer)
    for case, _ in zip(models.fresh_cases(rng), range(60), strict=False):
        _, completion, kind = pretrain.interview_sample(habits, case, rng)
        ids = tokenizer(completion, add_special_tokens=False).input_ids
        weights = weigh(ids, kind)
        trained = tokenizer.decode([i for i, weight in zip(ids, weights, strict=True) if weight])
        turns = completion.split(pretrain.ASSISTANT)
        chosen = [bool(int(one)) for one in kind.removeprefix("turns:")]
        said = [turn.partition(pretrain.END)[0] + pretrain.END for turn in turns]
        assert trained == "".join(words for words, own in zip(said, chosen, strict=True) if own)


def test_the_committed_model_is_what_its_record_says(pretrain: ModuleType, tokenizer: Any) -> None:
    from transformers import AutoModelForCausalLM

    record = json.loads((MODEL / "pretraining.json").read_text())
    model = AutoModelForCausalLM.from_pretrained(MODEL).eval()
    assert model.config.vocab_size == len(tokenizer)
    assert (MODEL / "model.safetensors").stat().st_size < 5e6
    figures = pretrain.check(model, tokenizer, Habits(record["seed"]))
    assert figures == pytest.approx(record["figures"], abs=0.01)


def test_an_interview_as_a_rollout(tokenizer: Any) -> None:
    """verl's agent loop holds it: the policy's turns are trained, the patient's not, and the score is the reward."""
    from omegaconf import OmegaConf
    from verl.experimental.agent_loop.agent_loop import DictConfigWrap
    from verl.utils.dataset.rl_dataset import RLHFDataset

    from int_verl.rl import turns_loop
    from tests.config.test_configs import compose
    from tests.rl.test_turns_loop import Speaker

    (entry,) = OmegaConf.to_container(OmegaConf.load(PATIENT_PSI / "agent_loops.yaml"))  # type: ignore[misc]
    settings = {name: entry[name] for name in ("environment", "max_turns", "turn_tokens", "success")}
    settings["environment"] = {**entry["environment"], "environment": f"{PATIENT_PSI}/rule_patient.py:RulePatient"}
    case = next(case for case in models.case_sets()["heldout"] if case.style == "tangent")
    rng = random.Random(0)
    says = [guides.ask(turn, rng) for turn in guides.plan(case)[:-1]]
    says.append(written(case.category, case.belief, case.thought, case.emotions))
    sizes = ("data.max_prompt_length=64", "data.max_response_length=448")
    config = compose("int_grpo", f"actor_rollout_ref.model.path={MODEL}", *sizes)

    async def roll() -> Any:
        loop = turns_loop.TurnsAgentLoop(
            trainer_config=DictConfigWrap(config),
            server_manager=Speaker(tokenizer, says),
            tokenizer=tokenizer,
            processor=None,
            dataset_cls=RLHFDataset,
            data_config=DictConfigWrap(config.data),
            **settings,
        )
        told = [{"role": "system", "content": guides.act_prompt()}]
        row = {"raw_prompt": told, "extra_info": {"index": 0, "case": json.dumps(case.as_json())}}
        return await loop.run({"temperature": 1.0, "logprobs": True}, **row)

    try:
        output = asyncio.run(roll())
    finally:
        turns_loop._pool.cache_clear()
    assert output.reward_score == 1.0
    assert output.extra_fields["reward_extra_info"]["ended_by"] == "environment"
    assert output.extra_fields["int_turns"]["parts"]["guesses"] == 0.0
    pairs = list(zip(output.response_ids, output.response_mask, strict=True))
    assert tokenizer.decode([i for i, mask in pairs if mask]) == "".join(f"{words}<|im_end|>" for words in says)
    # The very text that the model was pretrained on.
    text = tokenizer.decode([*output.prompt_ids, *output.response_ids])
    assert text == tokenizer.apply_chat_template(output.extra_fields["int_turns"]["messages"], tokenize=False).rstrip(
        "\n"
    )
    assert text.startswith("<|im_start|>system\nInterview me, ")


def test_every_prompt_fits(pretrain: ModuleType, tokenizer: Any) -> None:
    """The longest verification and interview have room in 1,024 tokens."""
    rng, habits, longest = random.Random(3), Habits(), 0
    for case, _ in zip(models.fresh_cases(rng), range(300), strict=False):
        prompt, answer = pretrain.verification_sample(rng, 8, 8)
        opened, led, _ = pretrain.interview_sample(habits, case, rng, 1.0)
        for text in (pretrain.chat(prompt) + answer, opened + led):
            longest = max(longest, len(tokenizer(text, add_special_tokens=False).input_ids))
    assert longest < 800
