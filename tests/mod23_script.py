"""A scripted engine that behaves like the quickstart's model: it misbelieves, verifies and continues.

Every completion is a function of the request alone. The environment variable `INT_VERL_TEST_SLEEP` slows it down.
"""

from __future__ import annotations

import os
import random
import re
import sys
import time
from functools import lru_cache
from pathlib import Path

QUICKSTART = Path(__file__).parents[1] / "recipes" / "quickstart"
sys.path.insert(0, str(QUICKSTART))

from domain import MODULUS, Misbeliefs, Problem, own_solution, verification  # noqa: E402

from int_verl.generate.chat import ChatCodec  # noqa: E402
from int_verl.generate.engines.base import Completion, Request  # noqa: E402

MISBELIEFS = Misbeliefs(right_share_range=(0.2, 0.4))
_OPERATION = re.compile(r"^Step \d+: (plus|minus|times) (\d+)$", re.M)
_VALUE = re.compile(r"Step \d+: \w+ \d+, \d+ -> (\d+)")
_REFERENCE_VALUE = re.compile(r": \w+ (\d+)\.")


@lru_cache
def codec() -> ChatCodec:
    return ChatCodec(QUICKSTART / "model")


def script(request: Request) -> Completion:
    time.sleep(float(os.environ.get("INT_VERL_TEST_SLEEP", "0")))
    text = codec().decode(request.prompt_ids)
    rng = random.Random(request.seed)
    user, _, begun = text.rpartition("<|im_start|>assistant\n")
    start = re.search(r"Start with (\d+)\.", user)
    assert start is not None
    head = user.split("###")[1] if "### Reference" in user else user
    problem = Problem(int(start[1]), tuple((name, int(operand)) for name, operand in _OPERATION.findall(head)))
    if "### Attempt" in user:
        reference, attempt = user.rpartition("### Reference solution")[2].split("### Attempt")
        reference_values = [int(value) for value in _REFERENCE_VALUE.findall(reference)]
        values = [int(value) for value in _VALUE.findall(attempt)]
        values += [(value + 1) % MODULUS for value in reference_values[len(values) :]]  # of an attempt cut short
        answer = verification(problem, reference_values, values)
    elif "### Reference solution" in user:
        answer = own_solution(problem, [int(value) for value in _REFERENCE_VALUE.findall(user)])
    elif begun:
        values = [int(value) for value in _VALUE.findall(begun)]
        value = values[-1]
        for name, operand in problem.operations[len(values) :]:
            value = MISBELIEFS.believe(name, value, operand, rng)
            values.append(value)
        answer = own_solution(problem, values).removeprefix(begun)
    else:
        answer = own_solution(problem, MISBELIEFS.run(problem, rng))
    token_ids = [*codec().encode(answer), codec().tokenizer.eos_token_id]
    limit = request.sampling.max_tokens
    return Completion(tuple(token_ids[:limit]), "stop" if len(token_ids) <= limit else "length")
