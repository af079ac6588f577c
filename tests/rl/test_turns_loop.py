"""Rollouts that are conversations: which tokens are whose, and how they end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from omegaconf import OmegaConf

from int_verl.errors import UserError
from int_verl.generate.chat_template import ChatTemplate
from int_verl.generate.text_tokens import TextTokens
from int_verl.sft.chats import encode_conversation
from int_verl.trainers.launch import train
from int_verl.trainers.verl_folder import read_metrics
from tests.sft.chat_models import FAMILIES, save_tokenizer
from tests.trainers.launches import rl_launch

pytestmark = pytest.mark.verl

PARTNERS = str(Path(__file__).parents[1] / "turns" / "partners.py")
SYSTEM = [{"role": "user", "content": "You interview me."}]
CASE = {"opening": "I slept badly.", "secret": "work"}


class Speaker:
    """Stands where verl's client of the rollout servers stands, and says what it is given, one text a request."""

    def __init__(self, tokenizer: Any, says: list[str], ends: bool = True) -> None:
        self.tokenizer, self.says, self.ends = tokenizer, list(says), ends
        self.requests: list[dict[str, Any]] = []

    async def generate(self, **request: Any) -> Any:
        from verl.workers.rollout.replica import TokenOutput

        self.requests.append(request)
        ids = TextTokens(self.tokenizer).exactly(self.says.pop(0))
        ids += [self.tokenizer.eos_token_id] * self.ends
        version = len(self.requests) + 4
        steps = {"min_global_steps": version, "max_global_steps": version}
        return TokenOutput(token_ids=ids, log_probs=[-0.5] * len(ids), extra_fields=steps)


Roll = Callable[..., tuple[Any, Speaker]]


@pytest.fixture
def roll_out(make_model: Callable[[bool], Path]) -> Iterator[Roll]:
    from transformers import AutoTokenizer
    from verl.experimental.agent_loop.agent_loop import DictConfigWrap
    from verl.utils.dataset.rl_dataset import RLHFDataset

    from int_verl.rl import turns_loop
    from tests.config.test_configs import compose

    sizes = ("data.max_prompt_length=128", "data.max_response_length=400")
    config = compose("int_grpo", f"actor_rollout_ref.model.path={make_model(True)}", *sizes)
    tokenizer = AutoTokenizer.from_pretrained(make_model(True))

    def roll(
        says: list[str], partner: str = "Keeper", case: Any = CASE, ends: bool = True, begun: str = "", **settings: Any
    ) -> Any:
        chosen = {"environment": f"{PARTNERS}:{partner}", "workers": 1, "timeout": 1.0}
        settings = {"environment": chosen, **settings}

        async def one() -> tuple[Any, Speaker]:
            server = Speaker(tokenizer, says, ends)
            loop = turns_loop.TurnsAgentLoop(
                trainer_config=DictConfigWrap(config),
                server_manager=server,
                tokenizer=tokenizer,
                processor=None,
                dataset_cls=RLHFDataset,
                data_config=DictConfigWrap(config.data),
                **settings,
            )
            of_case = {"case": case if case is None else json.dumps(case), "begun": begun}
            row = {"raw_prompt": SYSTEM, "extra_info": {"index": 7, "id": "seven", **of_case}}
            return await loop.run({"temperature": 1.0, "logprobs": True}, **row), server

        return asyncio.run(one())

    yield roll
    turns_loop._pool.cache_clear()


def test_the_policys_tokens_are_trained_and_the_environments_are_not(roll_out: Roll) -> None:
    output, server = roll_out(["Why?", "Since when?", "Is it work?"])
    said = output.extra_fields["int_turns"]
    assert output.extra_fields["reward_extra_info"]["ended_by"] == "environment"
    assert [one["role"] for one in said["messages"]] == ["user", "user", *["assistant", "user"] * 2, "assistant"]
    # The very tokens, and the mask, that SFT has of the same conversation.
    messages = [{**one, "loss_mask": int(one["role"] == "assistant")} for one in said["messages"]]
    sft = encode_conversation(server.tokenizer, messages, {})
    assert output.prompt_ids == sft.prompt
    assert output.response_ids == [*sft.prefix, *sft.intervention]
    assert output.response_mask == [*sft.prefix_mask, *[1] * len(sft.intervention)]
    assert output.response_logprobs == [-0.5 * mask for mask in output.response_mask]
    # Every request goes on from all that was said, on one server.
    assert [request["prompt_ids"] for request in server.requests] == [
        [*output.prompt_ids, *output.response_ids[: len(request["prompt_ids"]) - len(output.prompt_ids)]]
        for request in server.requests
    ]
    assert len({request["request_id"] for request in server.requests}) == 1
    assert (output.extra_fields["min_global_steps"], output.extra_fields["max_global_steps"]) == (5, 7)
    assert output.reward_score == 1.0
    assert output.extra_fields["reward_extra_info"]["acc"] == 1.0
    assert output.extra_fields["int_turns"]["parts"] == {"found": 1.0, "turns": 3.0}


def test_a_conversation_that_has_begun_is_gone_on_with(roll_out: Roll) -> None:
    """The same tokens as of one that was held from the start, the beginning masked."""
    whole, server = roll_out(["Why?", "Since when?", "Is it work?"])
    messages = whole.extra_fields["int_turns"]["messages"]
    length = len(server.requests[1]["prompt_ids"]) - len(whole.prompt_ids)
    state = {"said": ["Why?"], "secret": "work", "seed": 3}
    begun = {"ids": whole.response_ids[:length], "messages": messages[1:4], "state": state, "turns": 1, "opened": 1}
    output, server = roll_out(["Since when?", "Is it work?"], begun=json.dumps(begun))
    assert (output.prompt_ids, output.response_ids) == (whole.prompt_ids, whole.response_ids)
    assert output.response_mask == [0] * length + whole.response_mask[length:]
    assert server.requests[0]["prompt_ids"] == [*whole.prompt_ids, *whole.response_ids[:length]]
    assert output.extra_fields["int_turns"]["messages"] == messages
    assert output.reward_score == 1.0
    told = output.extra_fields["reward_extra_info"]
    assert (told["case_id"], told["turns"], told["ended_by"]) == ("seven", 3.0, "environment")
    long = json.dumps(begun | {"ids": [5] * 400})
    with pytest.raises(
        UserError, match=r"extra_info\.begun: 400 tokens leave no room in data\.max_response_length=400"
    ):
        roll_out(["Since when?"], begun=long)


def test_what_the_environment_says_stays_text(roll_out: Roll) -> None:
    """The partner says an end of turn, which must not become one."""
    output, server = roll_out(["Why?", "Since when?", "Is it work?"])
    end, pairs = server.tokenizer.eos_token_id, zip(output.response_ids, output.response_mask, strict=True)
    # Of the policy's three turns, and of the environment's two.
    assert [mask for token, mask in pairs if token == end] == [1, 0, 1, 0, 1]
    assert "<|im_end|>\n<intervention> no" in server.tokenizer.decode(output.response_ids)


@pytest.mark.parametrize(
    ("says", "settings", "ended_by", "reward", "turns"),
    [
        (["Why?", "Is it work?"], {"max_turns": 2}, "max_turns", 1.0, 2),
        (["Why?", "x " * 30], {"turn_tokens": 20}, "turn_tokens", 0.0, 1),
        (["Why?", "x " * 900], {}, "length", 0.0, 1),
        (["y " * 190], {}, "length", 0.0, 1),
    ],
)
def test_how_a_conversation_ends(
    roll_out: Roll, says: list[str], settings: dict[str, Any], ended_by: str, reward: float, turns: int
) -> None:
    from int_verl.rl.turns_loop import ENDS

    output, server = roll_out(says, **settings)
    assert ended_by in ENDS
    assert output.extra_fields["reward_extra_info"]["ended_by"] == ended_by
    assert output.reward_score == reward
    assert output.extra_fields["reward_extra_info"]["turns"] == turns
    assert len(output.response_ids) <= 400
    assert len(output.response_ids) == len(output.response_mask) == len(output.response_logprobs)
    assert output.response_mask[-1] == 1, "nothing stands behind the policy's last turn"
    assert all(request["sampling_params"]["max_tokens"] > 0 for request in server.requests)


@pytest.mark.parametrize("does", ["hang", "raise", "exit", "assistant", "nan"])
def test_a_fault_of_the_environment_rewards_and_trains_nothing(roll_out: Roll, does: str) -> None:
    output, _ = roll_out(["Hello?"], partner="Breaker", case={"does": does})
    assert output.extra_fields["reward_extra_info"]["ended_by"] == "fault"
    assert output.extra_fields["reward_extra_info"]["fault"]
    assert output.reward_score == 0.0
    assert output.extra_fields["reward_extra_info"]["acc"] == 0.0
    assert output.response_ids
    assert not any(output.response_mask)


def test_an_opening_that_fails(roll_out: Roll) -> None:
    output, server = roll_out([], case={"opening": "Hello."})
    assert "KeyError: 'secret'" in output.extra_fields["reward_extra_info"]["fault"]
    assert (len(output.response_ids), output.response_mask) == (1, [0])
    assert output.extra_fields["max_global_steps"] == 0
    assert not server.requests


@pytest.mark.parametrize(
    ("case", "settings", "message"),
    [
        (None, {}, "row 7: extra_info.case must be an object of JSON"),
        ([1], {}, "row 7: extra_info.case must be an object of JSON"),
        ({**CASE, "opening": "long " * 200}, {}, "more than data.max_prompt_length=128"),
        (CASE, {"environment": {}}, "has no environment.environment"),
        (CASE, {"environment": {"environment": "a.py:A", "worker": 2}}, "environment.worker: no such setting"),
    ],
)
def test_mistakes(roll_out: Roll, case: Any, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        roll_out(["Why?"], case=case, **settings)


@pytest.mark.parametrize("name", ["qwen2.5", "llama3"])
def test_what_stands_between_turns_is_what_verl_puts_there(name: str, tmp_path: Path) -> None:
    """verl's continuous tokens and ours, where nobody says anything that looks like control.

    verl 0.9.1 has none for Gemma 2, whose template refuses the chat that verl makes up to find them.
    """
    from transformers import AutoTokenizer
    from verl.utils.tokenizer.continuous_token_wiring import create_continuous_token_builder

    family = FAMILIES[name]
    tokenizer = AutoTokenizer.from_pretrained(save_tokenizer(tmp_path, family))
    kind = {"qwen2.5": "qwen2", "llama3": "llama"}[name]
    builder = create_continuous_token_builder(tokenizer, hf_model_type=kind)
    template = ChatTemplate(tokenizer, TextTokens(tokenizer))
    messages = [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Why?"}]
    both = [*messages, {"role": "user", "content": "I slept badly."}]
    begun = [*template.prompt_ids(messages[:1]), *TextTokens(tokenizer).exactly("Why?")]
    begun.append(tokenizer.convert_tokens_to_ids(family.special[0]))
    merged = builder.merge_context_tokens(messages, both, begun)
    assert [*begun, *template.before_next(both)] == list(merged.token_ids)


@pytest.mark.timeout(600)
def test_the_stock_trainer_learns_from_conversations(tmp_path: Path, make_model: Callable[[bool], Path]) -> None:
    """Two steps; the case that the environment cannot open is a fault in each, and everything else goes on."""
    # Right is whoever ends a turn at all: the model, which speaks at random, does so nearly every other time.
    cases = [*({"opening": opening, "secret": ""} for opening in ("Hello.", "Hi.", "I slept badly.")), {}]
    rows = [
        {
            "data_source": "conversations",
            "prompt": SYSTEM,
            "ability": "talk",
            "reward_model": {"style": "rule", "ground_truth": ""},
            "extra_info": {"index": index, "case": json.dumps(case)},
        }
        for index, case in enumerate(cases)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rl.parquet")
    chosen = {"environment": f"{PARTNERS}:Keeper", "options": {"turns": 2}, "workers": 2, "timeout": 5.0}
    entry = {
        "name": "int_turns",
        "_target_": "int_verl.rl.turns_loop.TurnsAgentLoop",
        "environment": chosen,
        "max_turns": 3,
        "turn_tokens": 150,
    }
    OmegaConf.save([entry], tmp_path / "agent_loops.yaml")
    agent = "actor_rollout_ref.rollout.agent"
    cfg = rl_launch(
        make_model(True),
        tmp_path / "rl.parquet",
        tmp_path / "out",
        prompts_per_step=4,
        rollouts=4,
        mini_batch=4,
        learning_rate=1e-2,
        total_steps=2,
        max_prompt_length=128,
        max_response_length=380,
        save_freq=2,
        dump_rollouts=True,
        stall_minutes=5,
        overrides=(
            f"{agent}.agent_loop_config_path={tmp_path}/agent_loops.yaml",
            f"{agent}.default_agent_loop=int_turns",
            "algorithm.rollout_correction.bypass_mode=false",
        ),
    )
    train(cfg.command())
    before, *steps = read_metrics(cfg.output_dir)
    assert {"val-aux/conversations/turns/mean@4", "val-core/conversations/acc/mean@4"} <= set(before)
    assert len(steps) == 2
    # Rollout and actor agree on what is trained: an environment's token among it would have log-probability 0.
    assert max(step["training/rollout_probs_diff_max"] for step in steps) < 1e-4
    for step in steps:
        assert (step["actor/grad_norm"] > 0) == (step["int/zero_advantage_ratio"] < 1)
        assert step["int/fault/raised"] == 0.25
        assert step["int/reward/conversations"] <= 0.75
    dumped = [json.loads(line) for line in (tmp_path / "rollouts" / "1.jsonl").open()]
    assert len(dumped) == 16
    # Whoever ended a first turn was answered, once, and is right.
    assert [row["score"] for row in dumped] == [row["output"].count("<intervention> no") for row in dumped]
