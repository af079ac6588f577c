"""Interventions in verl's stock trainer with the real engine and the quickstart's model, which verifies itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from int_verl.records import RL, write_rows
from int_verl.rl.online.plan import Plan
from int_verl.rl.online.proposing import ASKED_FOR_NOTHING
from int_verl.rl.online.record import Record
from int_verl.rl.rows import rl_rows, with_loop, with_online_loop
from int_verl.settings.generation import ProposeSettings
from int_verl.settings.inputs import PromptSettings
from int_verl.settings.online import OnlineSettings
from int_verl.settings.sampling import Sampling
from int_verl.trainers.launch import train
from int_verl.trainers.rl import RLLaunch
from int_verl.trainers.verl_folder import checkpointed_step, read_metrics
from tests.quickstart_files import QUICKSTART, ROOT
from tests.rl.online.dumps import dumped
from tests.trainers.launches import rl_launch

pytestmark = pytest.mark.verl

GROUP, PROMPTS = 4, 8


def launch(folder: Path, steps: int, **online: Any) -> RLLaunch:
    """RL of the quickstart's model on problems that it mostly fails at, with interventions."""
    from domain import problem_rows

    from int_verl.problems.sets import Problem

    # One better step is enough for these.
    rows_of_domain = (row for row in problem_rows("train", 200) if row["source"] == "misbelieved-1")
    problems = [Problem(**row) for row in islice(rows_of_domain, 2 * PROMPTS)]
    templates = {role: str(QUICKSTART / "prompts" / f"{role}.jinja") for role in ("solve", "verify")}
    plan = Plan(
        online=OnlineSettings(enabled=True, **online),
        propose=ProposeSettings(two_turns=False, sampling=Sampling(224, temperature=0.7)),
        prompts=PromptSettings(**templates),
        keep_texts=True,
    )
    rows = {"train": 1.0, "heldout": 0.0}
    for name, share in rows.items():
        made = with_online_loop(rl_rows(problems, plan.templates.solve), share)
        write_rows(folder / f"{name}.parquet", with_loop(RL), made)
    (folder / "agent_loops.yaml").write_text(json.dumps(plan.registry()))
    plain = rl_launch(
        QUICKSTART / "model",
        folder / "train.parquet",
        folder / "out",
        val_files=(folder / "heldout.parquet",),
        online={"enabled": True, **online},
        prompts_per_step=PROMPTS,
        rollouts=GROUP,
        mini_batch=PROMPTS,
        learning_rate=3e-4,
        total_steps=steps,
        max_prompt_length=96,
        max_response_length=96,
        val_samples=1,
        save_freq=1,
        dump_rollouts=True,
        stall_minutes=7,
        overrides=("trainer.val_before_train=false", "algorithm.rollout_correction.bypass_mode=false"),
    )
    return replace(plain, agent_loops=folder / "agent_loops.yaml", online_dir=folder / "online", context_length=512)


def check_step(folder: Path, metrics: dict[str, Any], records: list[Record]) -> None:
    """What verl was given, what it logged and what was dumped agree."""
    rollouts = [json.loads(line) for line in (folder / "rollouts" / f"{metrics['step']}.jsonl").open()]
    assert len(rollouts) == PROMPTS * GROUP
    texts = [row["output"] for row in rollouts]
    returned = [(record, one) for record in records for one in record.tried if one.returned]
    assert returned, "the quickstart's model finds some of its errors"
    for record, one in returned:
        guided = [text for text in texts if text.endswith(one.continuation) and one.content in text]
        assert any(record.attempt.startswith(text[: text.index(one.content)]) for text in guided), (
            "the attempt's own text stands before the intervention"
        )
    asked = [one for record in records for one in record.tried if one.status not in ASKED_FOR_NOTHING]
    assert metrics["int/online/asked"] == len(asked)
    assert metrics["int/online/accepted"] == sum(one.status == "proposed" for one in asked)
    assert metrics["int/online/successful"] == sum(one.right for one in asked) > 0
    assert metrics["int/online/spliced"] == len(returned)
    assert metrics["int/online/extra_tokens"] == sum(record.extra_tokens for record in records)
    gained = sum((one.reward or 0.0) - record.reward_without for record, one in returned)
    assert metrics["int/online/reward_with"] == pytest.approx(sum(row["score"] for row in rollouts) / len(rollouts))
    assert metrics["int/online/reward_with"] - metrics["int/online/reward_without"] == pytest.approx(
        gained / len(rollouts)
    )
    # The actor finds every trained token as probable as its rollout log-probability says, the intervention's, too.
    assert metrics["training/rollout_probs_diff_max"] < 1e-4
    # Help may make whole groups right, which is no advantage either.
    assert (metrics["actor/grad_norm"] > 0) == (metrics["int/zero_advantage_ratio"] < 1)
    assert metrics["response_length/max"] <= 96


@pytest.mark.timeout(900)
def test_interventions_that_are_not_trained_on_within_a_budget(tmp_path: Path) -> None:
    """Only groups that are all wrong, two waves, and no more tokens than allowed."""
    cfg = launch(tmp_path, 1, loss_on="own", waves=(1, 2), tokens_per_step=6_000)
    train(cfg.command())
    (metrics,) = read_metrics(cfg.output_dir)
    records = dumped(tmp_path / "online")
    check_step(tmp_path, metrics, records)
    # A group that is all right has no advantage either, so that it is not the ratio which has to fall.
    assert metrics["int/online/reward_with"] > metrics["int/online/reward_without"]
    assert metrics["int/never_solved"] < metrics["int/online/zero_advantage_without"]
    assert metrics["int/online/extra_tokens"] <= 6_000
    assert all(record.reward_without == 0 for record in records)
    assert (tmp_path / "validation" / "1.jsonl").read_text().count("\n") == 2 * PROMPTS, "and none in validation"


@pytest.mark.nightly
@pytest.mark.timeout(1200)
def test_killed_between_steps_it_goes_on(tmp_path: Path) -> None:
    """With loss on the interventions, wherever an attempt is wrong."""
    settings = {"loss_on": "all", "max_group_reward": 1.0}
    cfg = launch(tmp_path, 3, **settings)
    program = (
        "from pathlib import Path; from tests.rl.online.test_online_run import launch, train; "
        f"train(launch(Path({str(tmp_path)!r}), 3, **{settings!r}).command())"
    )
    paths = os.pathsep.join([str(ROOT), str(QUICKSTART), os.environ.get("PYTHONPATH", "")])
    with (tmp_path / "first.log").open("w") as log:
        first = subprocess.Popen(
            [sys.executable, "-c", program], cwd=ROOT, env={**os.environ, "PYTHONPATH": paths}, stdout=log, stderr=log
        )
        while first.poll() is None and not (checkpointed_step(cfg.output_dir) and read_metrics(cfg.output_dir)):
            time.sleep(0.2)
        killed = first.poll() is None
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert killed, (tmp_path / "first.log").read_text()
    train(cfg.command())

    metrics = read_metrics(cfg.output_dir)
    assert [row["step"] for row in metrics] == [1, 2, 3]
    records = dumped(tmp_path / "online")
    for row in metrics:
        check_step(tmp_path, row, [record for record in records if record.step == row["step"]])
