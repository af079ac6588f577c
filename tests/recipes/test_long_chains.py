"""The long chains: what the domain says is true is true, its truth about a run's rows, and its committed model."""

from __future__ import annotations

import importlib.util
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from int_verl.generate.chat import ChatCodec
from int_verl.interventions import guided_prefix, parse_intervention
from int_verl.interventions.verification_log import first_error as first_error_said
from int_verl.records import read_rows
from int_verl.run_files import ATTEMPTS, INTERVENTIONS
from int_verl.settings.compose import compose
from int_verl.steps import split_steps
from tests.long_chains_script import LONG_CHAINS

import chains  # isort: skip - from the path that the line above sets
import truth  # isort: skip
from pretraining import build_model  # isort: skip

CONFIG = LONG_CHAINS / "long_chains.yaml"
SEEDS = st.integers(0, 2**32)


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What pretraining begins with: the tokenizer, and a model that knows nothing."""
    pretrain, folder = load("pretrain"), tmp_path_factory.mktemp("untrained")
    tokenizer = pretrain.train_tokenizer(pretrain.corpus())
    tokenizer.save_pretrained(folder)
    build_model(tokenizer, 0).save_pretrained(folder)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("INT_VERL_TEST_LONG_CHAINS", str(folder))
        yield folder


@pytest.fixture(scope="module")
def chains_run(untrained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the generator with the scripted engine on 40 problems."""
    from int_verl.cli import cli

    folder = tmp_path_factory.mktemp("long_chains")
    for split in ("train", "heldout"):
        rows = "".join(json.dumps(row) + "\n" for row in chains.problem_rows(split, 40))
        (folder / f"{split}.jsonl").write_text(rows)
    settings = {
        "engine.name": "scripted",
        "engine.script": f"{LONG_CHAINS.parents[1]}/tests/long_chains_script.py:script",
        "problems.train": folder / "train.jsonl",
        "problems.heldout": folder / "heldout.jsonl",
        "model.path": untrained,
        "run.dir": folder / "run",
        "platform": "cpu",
    }
    overrides = [f"{key}={value}" for key, value in settings.items()]
    cli.main(["guide", "--config", str(CONFIG), *overrides], standalone_mode=False)
    return folder / "run"


def row(problem: chains.Problem) -> dict[str, str]:
    reference = chains.reference_solution(problem, problem.values)
    return {"problem": problem.text, "answer": str(problem.answer), "reference_solution": reference}


def wrong_at(problem: chains.Problem, solution: str) -> int | None:
    return chains.first_error(row(problem), split_steps(solution))


@given(SEEDS, st.data())
def test_the_first_error_is_the_step_that_was_made_wrong(seed: int, data: st.DataObject) -> None:
    rng = random.Random(seed)
    problem = chains.draw_problem(rng)
    values = problem.values
    assert wrong_at(problem, chains.own_solution(rng, problem, values)) is None
    assert wrong_at(problem, chains.reference_solution(problem, values)) is None
    assert wrong_at(problem, chains.own_solution(rng, problem, values, problem.answer + 1)) == len(values) + 1
    wrong = data.draw(st.integers(1, len(values)))
    values[wrong - 1] = (values[wrong - 1] + data.draw(st.integers(1, chains.MODULUS - 1))) % chains.MODULUS
    solution = chains.own_solution(rng, problem, values)
    assert wrong_at(problem, solution) == wrong
    steps = solution.split("\n\n")
    assert wrong_at(problem, "\n\n".join([*steps[: wrong - 1], "Let me see.", *steps[wrong:]])) == wrong


@given(SEEDS)
def test_a_verifier_that_reads_well_finds_the_first_error(seed: int) -> None:
    rng = random.Random(seed)
    problem = chains.draw_problem(rng)
    attempt = chains.own_solution(rng, problem, chains.base_misbeliefs().run(problem, rng))
    error = wrong_at(problem, attempt)
    values = [step[4] for step in chains.steps_in(attempt)]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(chains, "MISREADING", 0.0)
        text = chains.verification(rng, problem, problem.values, values)
    if error is None:
        assert text.endswith("<intervention>\n</intervention>")
        return
    intervention = parse_intervention(text)
    assert first_error_said(text) == intervention.location == error
    assert wrong_at(problem, guided_prefix(attempt, intervention)) is None


def test_rewriter_and_verifier_misread_alike() -> None:
    """As often a number, though a rewriter reads more of them before it is done."""
    rng = random.Random(0)
    misread: Counter[str] = Counter()
    lines: Counter[str] = Counter()
    for _ in range(600):
        problem = chains.draw_problem(rng)
        values = problem.values
        for name, text in (
            ("rewriter", chains.rewritten(rng, problem, values)),
            ("verifier", chains.verification(rng, problem, values, values)),
        ):
            if name == "rewriter":
                found = [step[4] for step in chains.steps_in(text)]
            else:
                found = [int(line.split()[8]) for line in text.split("\n\n")[0].splitlines()]
            lines[name] += len(found)
            misread[name] += sum(value != right for value, right in zip(found, values, strict=False))
    shares = {name: misread[name] / lines[name] for name in lines}
    # A neighbour with the same number is no error, which is rare.
    for share in shares.values():
        assert share == pytest.approx(chains.MISREADING, abs=0.006)


def test_problem_sets_are_disjoint_and_hard_enough() -> None:
    sets = chains.problem_sets()
    assert not set(sets["train"]) & set(sets["heldout"])
    assert {len(problem.operations) for problem in sets["train"]} == set(range(15, 21))
    rng, believed = random.Random(1), chains.base_misbeliefs()
    right = [believed.run(problem, rng)[-1] == problem.answer for problem in sets["heldout"]]
    assert 0.12 < sum(right) / len(right) < 0.25


def test_the_longest_fits(untrained: Path, tmp_path: Path) -> None:
    """Prompts and answers of 20 steps are within the recipe's limits, all-textbook attempts too."""
    settings = compose(CONFIG, [f"problems.{split}={tmp_path}" for split in ("train", "heldout")])
    codec = ChatCodec(untrained)
    longest = max(chains.problem_sets()["train"], key=lambda problem: (len(problem.operations), len(problem.text)))
    assert len(longest.operations) == chains.LONGEST
    rng = random.Random(0)
    reference = chains.reference_solution(longest, longest.values)
    attempt = chains.own_solution(rng, longest, longest.values)
    for solution in (reference, attempt):
        assert len(codec.encode(solution)) < settings.sampling.max_tokens == settings.rl.max_response_length
    assert len(codec.prompt_ids(chains.solve_prompt(longest))) <= settings.rl.max_prompt_length
    prompt = codec.prompt_ids(chains.verify_prompt(longest, reference, attempt))
    answer = codec.encode(chains.verification(rng, longest, longest.values, longest.values))
    assert len(answer) + 45 < settings.propose.sampling.max_tokens
    assert len(prompt) + settings.propose.sampling.max_tokens <= settings.engine.context_length


def test_truth_about_a_run(chains_run: Path) -> None:
    """The figures are those of the script's misbeliefs and misreadings, and agree with the rows."""
    figures = truth.measure(chains_run)
    attempts, proposals, kept = (figures[name] for name in ("attempts", "proposals", "rows of interventions"))
    rows = list(read_rows(chains_run / ATTEMPTS))
    assert attempts["pass@1"]["value"] == pytest.approx(sum(row["correct"] for row in rows) / len(rows))
    assert 0.05 < attempts["errors a step reached"]["value"] < 0.2
    assert proposals["parsed"]["value"] > 0.9
    assert 0.6 < proposals["the right step at its place"]["value"] < 0.95, "3 % of the numbers are misread"
    interventions = list(read_rows(chains_run / INTERVENTIONS))
    assert kept["rows"]["value"] == sum(row["kept"] for row in interventions)
    assert kept["rows with a wrong step"]["value"] < 0.1 < 1 - proposals["the right step at its place"]["value"], (
        "guided rollouts find out most of the wrong ones"
    )


def test_first_errors_for_the_analysis(chains_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`int-verl analyse` takes the domain's own first errors: proposals are mostly at them."""
    from int_verl.cli import cli

    how = ["--first-errors", f"{LONG_CHAINS}/chains.py:first_error"]
    cli.main(["analyse", "interventions", str(chains_run), *how], standalone_mode=False)
    assert "the true first error" in capsys.readouterr().out


def test_wrong_steps_of_a_whole_solution() -> None:
    """A rewriting with two wrong numbers has two wrong steps, or more where the next step starts from them."""
    rng = random.Random(3)
    problem = chains.draw_problem(rng)
    values = problem.values
    values[4] = (values[4] + 1) % chains.MODULUS
    content = chains.own_solution(rng, problem, values, problem.answer)
    assert truth.wrong_steps({"problem_id": "p", "content": content, "location": 1}, {"p": row(problem)}) == 2


def test_steps_are_split_as_int_verl_splits_them() -> None:
    rng = random.Random(5)
    problem = chains.draw_problem(rng)
    solution = chains.own_solution(rng, problem, problem.values)
    assert len(split_steps(solution)) == len(chains.steps_in(solution)) + 1


@pytest.mark.verl
def test_the_committed_model_is_what_its_record_says() -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = LONG_CHAINS / "model"
    record = json.loads((folder / "pretraining.json").read_text())
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    assert model.config.vocab_size == len(tokenizer)
    assert (folder / "model.safetensors").stat().st_size < 5e6
    figures = load("pretrain").check(model, tokenizer, chains.base_misbeliefs(record["seed"]))
    assert figures == pytest.approx(record["figures"], abs=0.01)
    hardest = figures.pop("read at the first error")  # where the attempt has another number
    assert hardest > 0.85
    assert min(figures.values()) > 0.95, "lowest: numbers read by the verifier, which the data misreads too"


def load(name: str) -> ModuleType:
    """A script of the recipe that another recipe has by the same name."""
    spec = importlib.util.spec_from_file_location(f"long_chains_{name}", LONG_CHAINS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
