"""The parts of `recipes/smollm2` that need no weights: problems, the program that proposes, the check of tokens."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from fractions import Fraction
from itertools import islice
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from int_verl.generate.engines.base import Request
from int_verl.interventions import parse_intervention
from int_verl.interventions.verification_log import first_error, wrong_steps
from int_verl.records import read_rows, write_rows
from int_verl.settings.sampling import Sampling
from tests.quickstart_files import QUICKSTART, ROOT

RECIPE = ROOT / "recipes" / "smollm2"
sys.path.insert(0, str(RECIPE))

from exact_tokens import token_checks  # noqa: E402
from proposer import calculations, propose, value_of  # noqa: E402
from stories import stories  # noqa: E402


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("So 3 * 4 = 12.", [(12, 12)]),
        ("5 apples + 3 apples = 9 apples", [(8, 9)]),
        ("4 boxes x 6 = 24, and $2.50 + $1.25 = $3.75", [(24, 24), (Fraction(15, 4), Fraction(15, 4))]),
        (r"$12 \times 3 = 36$ and 1,000 ÷ 8 = 125", [(36, 36), (125, 125)]),
        ("2 + 3 * 4 - 1 = 13", [(13, 13)]),
        ("He pays 12-5 = 8", [(7, 8)]),
        ("3 / 0 = 3", [(None, 3)]),
        ("x = 3 and 7 = 7, step 2: add 5", []),
    ],
)
def test_calculations_are_read_and_worked_out(text: str, found: list[tuple[Fraction | None, Fraction]]) -> None:
    assert [(value_of(each.left), each.right) for each in calculations(text)] == found


REFERENCE = "Ana has 7 + 5 = 12 shells.\n\nThen she has 12 - 4 = 8 shells.\n\nThe answer is \\boxed{8}."
IN_GSM8K = "Ana has 7+5=<<7+5=12>>12 shells.\nThen she has 12-4=<<12-4=8>>8 shells.\n#### 8"


@pytest.mark.parametrize("reference", [REFERENCE, IN_GSM8K])
@pytest.mark.parametrize(
    ("steps", "location", "content"),
    [
        (["Ana has 7 + 5 = 13 shells.", "She has 13 - 4 = 9 shells.", "The answer is \\boxed{9}."], 1, "first line"),
        (["Ana has 7 + 5 = 12 shells.", "She has 12 - 4 = 9 shells.", "The answer is \\boxed{9}."], 2, "Now we have"),
        (["Let us see.", "Ana has 7 + 4 = 11 shells.", "The answer is \\boxed{11}."], 2, "first line"),
        (["She has 7 + 5 = 12 shells.", "So the answer is \\boxed{12}."], 2, "Now we have"),
        (["She has shells."], 1, "first line"),
    ],
    ids=["slip at once", "slip later", "wrong numbers", "stops early", "no calculation"],
)
def test_the_program_finds_the_first_wrong_step(reference: str, steps: list[str], location: int, content: str) -> None:
    said = verification(reference, steps)
    intervention = parse_intervention(said)
    assert intervention.location == location == first_error(said)
    assert wrong_steps(said) == [location]
    line = reference.replace("<<7+5=12>>", "").splitlines()[0]
    assert intervention.content.startswith(line if content == "first line" else content)
    assert "8" not in intervention.content.replace("12-4", "").replace("12 - 4", "")


def verification(reference: str, steps: list[str]) -> str:
    from int_verl.generate.prompts import load_prompts

    prompts = load_prompts(verify=str(RECIPE / "prompts/verify.jinja"))
    prompt = prompts.verify("Ana has 7 shells ...", reference, steps, None)
    return propose(Request((1,), Sampling(512), 0, turns=(prompt,)))


def test_problems_have_the_answer_that_their_sentences_say() -> None:
    """Worked out from the sentences alone, by another way than the reference's."""
    for row in islice(stories(0), 300):
        assert retold(row["problem"]) == int(row["answer"]), row
        assert row["reference_solution"].endswith(f"The answer is \\boxed{{{row['answer']}}}.")
        lines = [found for line in row["reference_solution"].splitlines() for found in calculations(line)]
        assert [value_of(each.left) for each in lines] == [each.right for each in lines]
        assert row["source"].split()[0] == str(len(lines))


def retold(problem: str) -> int:
    first, *events, _ = problem.split(". ")
    numbers = [int(word) for word in first.split() if word.isdigit()]
    left = numbers[0] * (numbers[1] if len(numbers) > 1 else 1)
    for event in events:
        [number] = [int(word) for word in event.split() if word.isdigit()]
        left += -number if event.startswith("Then") else number
    return left


def forgetful(request: Request) -> str:
    """A policy that makes a slip in the last calculation, unless what it goes on from says what is to be calculated."""
    question, begun = request.turns[0], request.turns[1] if len(request.turns) > 1 else ""
    told = question.rpartition("Problem: ")[2].partition("\n")[0]
    [row] = [row for row in islice(stories(0), 8) if row["problem"] == told]
    *lines, answer = row["reference_solution"].split("\n\n")
    if "Now we have to calculate" in begun:
        return f"{lines[-1]}\n\n{answer}"
    wrong = str(int(row["answer"]) + 1 + random.Random(request.seed).randrange(3))
    slip = [lines[-1].replace(f"= {row['answer']} ", f"= {wrong} "), answer.replace(row["answer"], wrong)]
    return "\n\n".join([*lines[:-1], *slip])


def test_a_whole_generation_with_the_program_and_the_check_of_its_tokens(tmp_path: Path) -> None:
    """With the quickstart's tokenizer, which has bytes for what it does not know."""
    from int_verl.cli import cli

    rows = list(islice(stories(0), 8))
    for split, of_split in (("train", rows), ("heldout", islice(stories(1_000), 2))):
        (tmp_path / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in of_split))
    settings = {
        "platform": "cpu",
        "run.dir": tmp_path / "run",
        "model.path": QUICKSTART / "model",
        "problems.train": tmp_path / "train.jsonl",
        "problems.heldout": tmp_path / "heldout.jsonl",
        "engine": f"{{name: scripted, script: '{__file__}:forgetful', context_length: 4096, overrides: []}}",
        "sample.attempts": 1,
        "sampling.max_tokens": 600,
        "propose.sampling.max_tokens": 1500,
    }
    overrides = [f"{key}={value}" for key, value in settings.items()]
    cli.main(["guide", "--config", str(RECIPE / "smollm2.yaml"), *overrides], standalone_mode=False)
    proposals = list(read_rows(tmp_path / "run/propose/proposals.parquet"))
    assert {row["status"] for row in proposals} == {"proposed"}
    kept = list(read_rows(tmp_path / "run/guide/sft.parquet"))
    assert len(kept) == len(proposals)
    assert {row["location"] for row in kept} == {row["reference_solution"].count("=") for row in rows}

    run = tmp_path / "run"
    (run / "rl").mkdir()
    (run / "guide/rl.parquet").rename(run / "rl/train.parquet")
    assert [(check.name, check.ok) for check in token_checks(run, QUICKSTART / "model") if not check.ok] == []

    table = pq.read_table(run / "guide/sft.parquet")
    spoilt = [row | {"prefix_ids": [*row["prefix_ids"][:-1], 1]} for row in table.to_pylist()]
    write_rows(run / "guide/sft.parquet", table.schema, spoilt)
    failed = {check.name for check in token_checks(run, QUICKSTART / "model") if not check.ok}
    assert failed == {
        "tokens: SFT's prefixes are what was attempted",
        "tokens: guided rollouts continue what SFT trains on",
    }


@pytest.mark.parametrize("program", ["run_real_check", "make_model", "make_problems", "rates"])
def test_programs_say_what_they_take(program: str) -> None:
    """Whatever they import is there."""
    command = [sys.executable, str(RECIPE / f"{program}.py"), "--help"]
    assert "--" in subprocess.run(command, check=True, capture_output=True, text=True).stdout
