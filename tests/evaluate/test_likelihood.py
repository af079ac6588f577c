"""Likelihood, entropy and what comes next against what a model of known probabilities must give."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from domain import Problem, own_solution, reference_solution, solve_prompt

import int_verl.evaluate.likelihood as likelihood
from int_verl.evaluate.likelihood import next_token_probabilities, score_tokens
from int_verl.generate.chat import ChatCodec

pytestmark = pytest.mark.verl


@pytest.fixture(scope="module")
def uniform(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The quickstart's model with all weights 0: every token is as likely as any other."""
    import torch
    from transformers import AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("uniform")
    model = AutoModelForCausalLM.from_pretrained(model_folder)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    model.save_pretrained(folder)
    return folder


def test_a_model_that_knows_nothing(uniform: Path, codec: ChatCodec) -> None:
    first, second = score_tokens(uniform, [([1, 2], [3, 4, 5]), ([6], [7])])
    chance = math.log(len(codec.tokenizer))
    assert first.log_probs_T == pytest.approx([-chance] * 3, rel=1e-5)
    assert second.log_probs_T == pytest.approx([-chance], rel=1e-5)
    assert [*first.entropies_T, *second.entropies_T] == pytest.approx([chance] * 4, rel=1e-5)


def rows_of_a_problem(codec: ChatCodec) -> tuple[list[int], list[int], list[int]]:
    problem = Problem(16, (("plus", 2), ("minus", 1), ("plus", 3), ("plus", 1)))
    prompt = list(codec.prompt_ids(solve_prompt(problem)))
    texts = (own_solution(problem, problem.values), reference_solution(problem, problem.values))
    return prompt, *map(codec.encode, texts)


def test_tokens_count_alike_wherever_the_context_ends(model_folder: Path, codec: ChatCodec) -> None:
    prompt, own, foreign = rows_of_a_problem(codec)
    whole, other, rest = score_tokens(model_folder, [(prompt, own), (prompt, foreign), ([*prompt, *own[:4]], own[4:])])
    assert -whole.log_probs_T.mean() < 0.2 < -other.log_probs_T.mean(), "what it would write itself is likelier"
    assert rest.log_probs_T == pytest.approx(whole.log_probs_T[4:], abs=1e-4)
    assert rest.entropies_T == pytest.approx(whole.entropies_T[4:], abs=1e-4)


@pytest.mark.parametrize("piece", [1, 7, 30])
def test_a_long_sequence_in_pieces_is_the_same(
    model_folder: Path, codec: ChatCodec, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    prompt, own, foreign = rows_of_a_problem(codec)
    rows = [(prompt, own), (prompt, foreign), (prompt[:1], own), (prompt, [])]
    whole = list(score_tokens(model_folder, rows))
    monkeypatch.setattr(likelihood, "_PIECE", piece)
    for expected, found in zip(whole, score_tokens(model_folder, rows), strict=True):
        assert found.log_probs_T == pytest.approx(expected.log_probs_T, abs=1e-3)
        assert found.entropies_T == pytest.approx(expected.entropies_T, abs=1e-3)
    assert len(whole[-1].log_probs_T) == 0


def test_no_context(model_folder: Path) -> None:
    with pytest.raises(ValueError, match="a context"):
        list(score_tokens(model_folder, [([], [1])]))


def test_what_comes_next(uniform: Path, model_folder: Path, codec: ChatCodec) -> None:
    """A model that knows nothing gives every token the same; the quickstart's ends an answer where it has its end."""
    tokens = len(codec.tokenizer)
    assert next_token_probabilities(uniform, [[1, 2], [3]], [4, 7, 9]) == pytest.approx([3 / tokens] * 2, rel=1e-5)
    problem = Problem(16, (("plus", 2), ("minus", 1), ("plus", 3), ("plus", 1)))
    answer = [*codec.prompt_ids(solve_prompt(problem)), *codec.encode(own_solution(problem, problem.values))]
    end, before_the_end = next_token_probabilities(model_folder, [answer, answer[:-3]], codec.end_ids)
    assert before_the_end < 0.01 < 0.9 < end
    (scores,) = score_tokens(model_folder, [(answer, [codec.tokenizer.eos_token_id])])
    assert end == pytest.approx(math.exp(scores.log_probs_T[0]), rel=1e-4)
    with pytest.raises(ValueError, match="a context"):
        next_token_probabilities(uniform, [[]], [4])
