"""The examples of CONTRIBUTING.md do what it says."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from int_verl.cli import cli, main
from int_verl.records import read_rows
from int_verl.settings.compose import compose
from int_verl.turns.pool import EnvironmentPool, EnvironmentSettings, Score
from tests.quickstart_files import QUICKSTART, ROOT, scripted_run, write_problem_sets

EXAMPLE = re.compile(r"^```(?:python|yaml)\n# ([\w.]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLES = dict(EXAMPLE.findall((ROOT / "CONTRIBUTING.md").read_text()))


@pytest.fixture
def example(tmp_path: Path) -> Path:
    for name, code in EXAMPLES.items():
        (tmp_path / name).write_text(code)
    return tmp_path


def test_the_reward_function_can_be_relied_on(example: Path) -> None:
    row = {"data_source": "d", "reward_model": {"ground_truth": "42"}, "responses": ["It is 42.", "It is 41.", ""]}
    (example / "rows.jsonl").write_text(json.dumps(row) + "\n")
    arguments = ["reward", "check", "--fn", f"{example}/last_word.py:compute_score", "--file", f"{example}/rows.jsonl"]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.output


def test_the_program_is_asked_in_the_models_place(example: Path) -> None:
    write_problem_sets(example, train=3, heldout=2)
    settings = [one for one in scripted_run(example) if not one.startswith("engine.script")]
    script = f"engine.script={example}/always_one.py:answer"
    with pytest.raises(SystemExit) as done:
        main(["sample", "--config", str(QUICKSTART / "quickstart.yaml"), *settings, script])
    assert not done.value.code
    texts = {row["text"] for row in read_rows(example / "run/sample/attempts.parquet")}
    assert texts
    assert all(re.fullmatch(r"I was asked \d+ characters, and say \\boxed\{1\}\.", text) for text in texts), texts


@pytest.mark.slow
def test_the_environment_answers_alike_in_another_process(example: Path) -> None:
    case = {"price": 50, "least": 40}

    async def haggle(offers: list[str]) -> tuple[list[Any], Score]:
        pool = EnvironmentPool(EnvironmentSettings(f"{example}/haggle.py:Seller", workers=1))
        said, state = await pool.open(case)
        for turn, offer in enumerate(offers, 1):
            messages, state = await pool.reply(case, state, offer, turn)
            said = [*said, messages]
        score = await pool.score(state)
        pool.close()
        return said, score

    offers = ["Would you take 20?", "Or 30, please?", "42, then."]
    said, score = asyncio.run(haggle(offers))
    assert said[0] == {"role": "user", "content": "It costs 50."}
    assert re.fullmatch(r"Not for that\. 4\d\?", said[2][0]["content"])
    assert said[-1] is None
    assert (score.reward, score.parts) == (1.0, {"sold": 1.0})
    assert asyncio.run(haggle(offers)) == (said, score)
    assert asyncio.run(haggle(["50."]))[1].reward == 0.0, "sold, but dear"


def test_the_recipe_is_settings(example: Path) -> None:
    recipe = compose(example / "my_recipe.yaml", [])
    assert recipe.sample.attempts == 8
    assert recipe.problems.train == f"{example.resolve()}/train.jsonl"
