"""A scripted engine that behaves like the model of the long chains: it misbelieves, misreads, verifies and continues.

Every completion is a function of the request alone. `INT_VERL_TEST_LONG_CHAINS` names a folder with the tokenizer.
"""

from __future__ import annotations

import os
import random
import re
import sys
from functools import lru_cache
from pathlib import Path

LONG_CHAINS = Path(__file__).parents[1] / "recipes" / "long_chains"
sys.path.insert(0, str(LONG_CHAINS))

from chains import (  # noqa: E402
    MODULUS,
    Problem,
    base_misbeliefs,
    own_solution,
    rewritten,
    steps_in,
    verification,
)

from int_verl.generate.chat import ChatCodec  # noqa: E402
from int_verl.generate.engines.base import Completion, Request  # noqa: E402

_OPERATION = re.compile(r"^Step \d+: (plus|minus|times) (\d+)$", re.M)


@lru_cache
def codec() -> ChatCodec:
    return ChatCodec(Path(os.environ["INT_VERL_TEST_LONG_CHAINS"]))


def script(request: Request) -> Completion:
    user, _, begun = codec().decode(request.prompt_ids).rpartition("<|im_start|>assistant\n")
    rng = random.Random(request.seed)
    start = re.search(r"Start with (\d+)\.", user)
    assert start is not None
    problem = Problem(int(start[1]), tuple((name, int(by)) for name, by in _OPERATION.findall(user)), MODULUS)
    reference, _, attempt = user.partition("### Reference solution\n")[2].partition("### Attempt\n")
    if attempt:
        answer = verification(rng, problem, values_in(reference), values_in(attempt))
    elif reference:
        answer = rewritten(rng, problem, values_in(reference))
    else:
        values = values_in(begun)
        believed = base_misbeliefs()
        for name, operand in problem.operations[len(values) :]:
            values.append(believed.believe(name, values[-1] if values else problem.start, operand, rng))
        steps = own_solution(rng, problem, values).split("\n\n")
        answer = "\n\n".join(steps[len(values_in(begun)) :])
    token_ids = [*codec().encode(answer), codec().tokenizer.eos_token_id]
    limit = request.sampling.max_tokens
    return Completion(tuple(token_ids[:limit]), "stop" if len(token_ids) <= limit else "length")


def values_in(solution: str) -> list[int]:
    return [step[4] for step in steps_in(solution)]
