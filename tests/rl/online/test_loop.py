"""The agent loop as verl starts it, with a scripted model behind verl's client: masks, tokens, rewards, whom it asks.

The trainer with the real engine is in test_online_run.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from int_verl.errors import UserError
from int_verl.generate.engines.base import Request
from int_verl.rl.online.plan import Plan
from int_verl.rl.online.record import Record
from int_verl.rl.online.worker import this_worker
from int_verl.rl.rows import rl_rows
from int_verl.settings.generation import ProposeSettings
from int_verl.settings.inputs import PromptSettings
from int_verl.settings.online import OnlineSettings
from int_verl.settings.sampling import Sampling
from tests.quickstart_files import QUICKSTART

pytestmark = pytest.mark.verl

GROUP = 4
_UIDS = count()


def log_prob(token: int) -> float:
    return -(token + 1) / 1_000


class Server:
    """Stands where verl's client of the rollout servers stands; the model is `tests/mod23_script.py`."""

    def __init__(self) -> None:
        self.requests: list[tuple[list[int], dict[str, Any]]] = []

    async def generate(self, *, prompt_ids: list[int], sampling_params: dict[str, Any], **_: Any) -> Any:
        from verl.workers.rollout.replica import TokenOutput

        from tests.mod23_script import script

        self.requests.append((prompt_ids, sampling_params))
        seed = len(self.requests)
        await asyncio.sleep(0)
        limit = sampling_params.get("max_tokens", 96)
        drawn = script(Request(tuple(prompt_ids), Sampling(limit), seed))
        fields = {}
        if sampling_params.get("prompt_logprobs") == 0:
            fields = {
                "prompt_logprobs": [[log_prob(token)] for token in prompt_ids[1:]] + [[0.0]],
                "prompt_ids": [[token] for token in prompt_ids[1:]] + [[0]],
            }
        return TokenOutput(
            token_ids=list(drawn.token_ids),
            log_probs=[log_prob(token) for token in drawn.token_ids],
            extra_fields=fields,
        )


Rolled = Callable[..., tuple[list[Any], Server]]


@pytest.fixture
def roll_out(model_folder: Path) -> Rolled:
    """`roll_out(row, plan settings)`: the outputs of a whole group of one row, started as verl's worker starts it."""
    from hydra.utils import instantiate
    from omegaconf import OmegaConf
    from transformers import AutoTokenizer
    from verl.experimental.agent_loop.agent_loop import DictConfigWrap
    from verl.utils.dataset.rl_dataset import RLHFDataset

    from tests.config.test_configs import compose

    def roll(row: dict[str, Any], *overrides: str, two_turns: bool = False, step: int = 1, **online: Any) -> Any:
        sizes = ("data.max_prompt_length=96", "data.max_response_length=96", f"actor_rollout_ref.rollout.n={GROUP}")
        longest = "actor_rollout_ref.rollout.max_model_len=1024"
        model = f"actor_rollout_ref.model.path={model_folder}"
        config = compose(
            "int_grpo", model, *sizes, longest, "actor_rollout_ref.rollout.agent.num_workers=1", *overrides
        )
        roles = ("solve", "verify", "guided_solution")
        plan = Plan(
            OnlineSettings(enabled=True, **online),
            ProposeSettings(two_turns=two_turns, sampling=Sampling(224)),
            prompts=PromptSettings(**{role: str(QUICKSTART / "prompts" / f"{role}.jinja") for role in roles}),
            keep_texts=True,
        )
        (entry,) = [each for each in OmegaConf.create(plan.registry()) if each.name == "int_online"]
        server, uid = Server(), str(next(_UIDS))
        this_worker.cache_clear()

        async def rollout(session: int) -> Any:
            loop = instantiate(
                entry,
                trainer_config=DictConfigWrap(config),
                server_manager=server,
                tokenizer=AutoTokenizer.from_pretrained(model_folder),
                processor=None,
                dataset_cls=RLHFDataset,
                data_config=DictConfigWrap(config.data),
            )
            return await loop.run(
                {"temperature": 1.0, "logprobs": True},
                raw_prompt=row["prompt"],
                **{key: value for key, value in row.items() if key != "prompt"},
                uid=uid,
                session_id=session,
                global_steps=step,
            )

        async def group() -> list[Any]:
            return await asyncio.gather(*[asyncio.create_task(rollout(session)) for session in range(GROUP)])

        return asyncio.run(group()), server

    return roll


def rows(number: int) -> list[dict[str, Any]]:
    from domain import problem_rows

    from int_verl.generate.prompts import load_prompts
    from int_verl.problems.sets import Problem

    solve = load_prompts(str(QUICKSTART / "prompts" / "solve.jinja")).solve
    return list(rl_rows([Problem(**row) for row in problem_rows("train", number)], solve))


def records(outputs: list[Any]) -> list[Record]:
    found = [Record.of(output.extra_fields) for output in outputs]
    assert all(found)
    return [record for record in found if record is not None]


@pytest.mark.parametrize("loss_on", ["own", "all"])
@pytest.mark.parametrize("two_turns", [False, True])
def test_masks_tokens_and_rewards(roll_out: Rolled, codec: Any, loss_on: str, two_turns: bool) -> None:
    spliced = 0
    for row in rows(4):
        outputs, server = roll_out(row, two_turns=two_turns, loss_on=loss_on, max_group_reward=1.0)
        drawn = sum(len(output.response_ids) for output in outputs)
        for output, record in zip(outputs, records(outputs), strict=True):
            assert output.reward_score is None, "verl grades what it is given, as every rollout"
            ids, mask, log_probs = output.response_ids, output.response_mask, output.response_logprobs
            assert len(ids) == len(mask) == len(log_probs) <= 96
            if record.skipped:
                assert (record.skipped, record.reward_without, set(mask)) == ("right", 1, {1})
            returned = [one for one in record.tried if one.returned]
            if not returned:
                continue
            (one,) = returned
            spliced += 1
            text = codec.decode(codec.without_end(tuple(ids)))
            place = text.index(one.content)
            assert record.attempt.startswith(text[:place])
            assert text.endswith(one.continuation)
            assert text[:place].count("Step") == one.location - 1
            untrained = [token for token, trained in zip(ids, mask, strict=True) if not trained]
            if loss_on == "all":
                assert not untrained
                assert log_probs == [log_prob(token) for token in ids], "the intervention's are the servers'"
            else:
                assert codec.decode(untrained).strip() == one.content
                assert log_probs == [log_prob(t) if trained else 0.0 for t, trained in zip(ids, mask, strict=True)]
            assert one.right == (one.reward == 1.0)
            assert not {"prompt_logprobs", "prompt_ids"} & set(output.extra_fields)
        found = records(outputs)
        assert sum(record.attempt_tokens for record in found) <= drawn + sum(record.extra_tokens for record in found)
        asked = [codec.decode(ids) for ids, _ in server.requests]
        first_turns = [text for text in asked if "### Reference solution" in text and "### Attempt" not in text]
        assert len(first_turns) == int(two_turns and any(record.tried for record in found)), "shared by the group"
    assert spliced > 2


def test_only_groups_without_a_right_attempt(roll_out: Rolled) -> None:
    seen = set()
    for row in rows(12):
        found = records(roll_out(row)[0])
        solved = any(record.reward_without for record in found)
        seen.add(solved)
        for record in found:
            assert bool(record.tried) == (not solved)
            assert record.skipped == ("" if not solved else "right" if record.reward_without else "group_reward")
    assert seen == {True, False}


def test_a_share_of_the_group_and_waves(roll_out: Rolled) -> None:
    for row in rows(6):
        found = records(roll_out(row, group_share=0.3, max_group_reward=1.0, waves=(1, 2))[0])
        for number, record in enumerate(found):
            assert record.rollout == number
            if number >= 2:
                assert not record.tried
                assert record.skipped in ("right", "group_share")
            elif record.tried:
                assert len(record.tried) == (1 if record.tried[0].right else 3)
                assert sum(one.returned for one in record.tried) <= 1
                if any(one.right for one in record.tried):
                    assert next(one for one in record.tried if one.returned).right


def test_rows_and_steps_that_are_plain(roll_out: Rolled, codec: Any) -> None:
    (row,) = rows(1)
    without = {**row, "extra_info": {**row["extra_info"], "reference_solution": ""}}
    prefix_ids = codec.encode("Step 1: plus 1, 2 -> 3\n\n")
    begun = {**row, "extra_info": {**row["extra_info"], "assistant_prefix_ids": prefix_ids}}
    for outputs, server in (roll_out(without), roll_out(begun), roll_out(row, step=1, from_step=2)):
        assert len(server.requests) == GROUP
        assert all(Record.of(output.extra_fields) is None for output in outputs)
    outputs, _ = roll_out(begun)
    assert all(
        output.response_mask == [0] * len(prefix_ids) + [1] * drawn_after(output, prefix_ids) for output in outputs
    )


def drawn_after(output: Any, prefix_ids: list[int]) -> int:
    assert output.response_ids[: len(prefix_ids)] == prefix_ids
    return len(output.response_ids) - len(prefix_ids)


def wrong_row(roll_out: Rolled) -> dict[str, Any]:
    """A row of whose attempts some are wrong and put right."""
    return next(row for row in rows(20) if any(r.tried and r.tried[0].right for r in records(roll_out(row)[0])))


def test_a_budget_and_a_context(roll_out: Rolled) -> None:
    row = wrong_row(roll_out)
    found = records(roll_out(row, tokens_per_step=200)[0])
    assert {one.status for record in found for one in record.tried} == {"budget"}
    assert sum(record.extra_tokens for record in found) == 0
    found = records(roll_out(row, tokens_per_step=700)[0])
    assert 0 < sum(record.extra_tokens for record in found) <= 700
    found = records(roll_out(row, "actor_rollout_ref.rollout.max_model_len=300")[0])
    assert {one.status for record in found for one in record.tried} == {"prompt_too_long"}
    found = records(roll_out(row, tokens_per_step=700)[0] + roll_out(row, tokens_per_step=700)[0])
    assert sum(record.extra_tokens for record in found) <= 1_400


def test_what_cannot_be_trained_is_refused(roll_out: Rolled) -> None:
    (row,) = rows(1)
    with pytest.raises(Exception, match=r"rollout\.temperature=1, not 0\.8, or loss_on=own") as raised:
        roll_out(row, "actor_rollout_ref.rollout.temperature=0.8", loss_on="all")
    assert isinstance(raised.value, UserError) or isinstance(raised.value.__cause__, UserError)
    roll_out(row, "actor_rollout_ref.rollout.temperature=0.8", loss_on="own")
    with pytest.raises(UserError, match=r"reward\.reward_model\.enable=true: int_online grades attempts by a function"):
        roll_out(row, "reward.reward_model.enable=true")
