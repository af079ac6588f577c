"""Likelihood, entropy and what comes next against what a model of known probabilities must give."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from domain import Problem, own_solution, reference_solution, solve_prompt

from int_verl.evaluate.likelihood import next_token_probabilities, token_statistics
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
    measured = token_statistics(uniform, [([1, 2], [3, 4, 5]), ([6], [7])])
    assert measured.tokens == 4
    assert measured.nll == pytest.approx(math.log(len(codec.tokenizer)), rel=1e-5)
    assert measured.entropy == pytest.approx(measured.nll, rel=1e-5)


def test_tokens_count_alike_whatever_their_sequence(model_folder: Path, codec: ChatCodec) -> None:
    """Two sequences together are the mean over their tokens; a longer context is the same as counted tokens less."""
    problem = Problem(16, (("plus", 2), ("minus", 1), ("plus", 3), ("plus", 1)))
    prompt = list(codec.prompt_ids(solve_prompt(problem)))
    own = codec.encode(own_solution(problem, problem.values))
    foreign = codec.encode(reference_solution(problem, problem.values))
    a, b = (token_statistics(model_folder, [(prompt, text)]) for text in (own, foreign))
    both = token_statistics(model_folder, [(prompt, own), (prompt, foreign)])
    assert both.nll == pytest.approx((a.nll * len(own) + b.nll * len(foreign)) / (len(own) + len(foreign)), rel=1e-4)
    assert a.nll < 0.2 < b.nll, "what the model would write itself is likelier than what it would not"
    rest = token_statistics(model_folder, [([*prompt, *own[:4]], own[4:])])
    first = token_statistics(model_folder, [(prompt, own[:4])])
    assert rest.nll * (len(own) - 4) + first.nll * 4 == pytest.approx(a.nll * len(own), rel=1e-4)


def test_nothing_to_count(model_folder: Path) -> None:
    with pytest.raises(ValueError, match="no tokens"):
        token_statistics(model_folder, [])


def test_what_comes_next(uniform: Path, model_folder: Path, codec: ChatCodec) -> None:
    """A model that knows nothing gives every token the same; the quickstart's ends an answer where it has its end."""
    tokens = len(codec.tokenizer)
    assert next_token_probabilities(uniform, [[1, 2], [3]], [4, 7, 9]) == pytest.approx([3 / tokens] * 2, rel=1e-5)
    problem = Problem(16, (("plus", 2), ("minus", 1), ("plus", 3), ("plus", 1)))
    answer = [*codec.prompt_ids(solve_prompt(problem)), *codec.encode(own_solution(problem, problem.values))]
    end, before_the_end = next_token_probabilities(model_folder, [answer, answer[:-3]], codec.end_ids)
    assert before_the_end < 0.01 < 0.9 < end
    nll = token_statistics(model_folder, [(answer, [codec.tokenizer.eos_token_id])]).nll
    assert end == pytest.approx(math.exp(-nll), rel=1e-4)
    with pytest.raises(ValueError, match="a context"):
        next_token_probabilities(uniform, [[]], [4])
