"""What a request costs the driver, on an engine that takes only virtual time; see `generation.py`."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from dataflow_runs import Figures, InLoop, dataflow, mod23_script, new_run, training_problems
from virtual_time import run_in_virtual_time

from int_verl.generate.engines.base import Completion, Request
from int_verl.generate.engines.scripted import ScriptedEngine
from int_verl.grading import Grader


class Timed:
    """An object whose methods' seconds are added up, for those named."""

    def __init__(self, inner: Any, *names: str) -> None:
        self.inner, self.seconds = inner, 0.0
        for name in names:
            setattr(self, name, self._timed(getattr(inner, name)))

    def _timed(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            started = time.process_time()
            try:
                return method(*arguments, **named)
            finally:
                self.seconds += time.process_time() - started

        return call

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def overhead(folder: Path, problems: int, in_flight: int, rounds: int) -> Figures:
    rows = training_problems(problems)
    long_tokens: tuple[int, ...] = ()

    def long(request: Request) -> Completion:
        return Completion((*long_tokens[:-1], request.seed % 500, long_tokens[-1]), "stop")

    figures: Figures = {"rows": {}}
    with Grader(workers=1) as grader:
        for name, until in (("whole dataflow, short", "guide"), ("attempts of 7,000 tokens", "sample")):
            settings = (f"engine.in_flight={in_flight}", "guide.rollouts=32")
            run = new_run(folder, *settings, context_length=4096)
            if until == "sample":
                run = new_run(folder, *settings, "sample.sampling.max_tokens=7200", context_length=8192)
                body = run.model.codec.encode("\n\n".join(f"Step {n}: times 9, 13 -> 10" for n in range(1, 800)))
                end = run.model.codec.encode("\n\nThe answer is \\boxed{7}.")
                long_tokens = (*body[: 7_000 - len(end)], *end)
            # The first pass fills the cache, so that the others do not pay for making up answers.
            answers = cache(mod23_script.script if until == "guide" else long)
            passes = []
            for turn in range(rounds + 1):
                codec = Timed(run.model.codec, "encode", "decode", "prompt_ids")
                run.model.__dict__["codec"] = codec
                timed_grader = Timed(grader, "grade_response")
                started = time.process_time()
                engine, in_loop = ScriptedEngine(answers, 1.0), InLoop(timed_grader)
                journaled, _ = run_in_virtual_time(
                    dataflow(run, engine, rows, in_loop, folder / f"{until}{turn}", until)
                )
                seconds = time.process_time() - started
                run.model.__dict__["codec"] = codec.inner
                passes.append((seconds, codec.seconds, timed_grader.seconds))
            total, tokenizer, grading = min(passes[1:])
            each = 1e3 / journaled.drawn
            figures["rows"][name] = {
                "requests": journaled.drawn,
                "tokens each": journaled.drawn_tokens / journaled.drawn,
                "ms in all": total * each,
                "ms of tokenizer": tokenizer * each,
                "ms of grading": grading * each,
                "ms of the rest": (total - tokenizer - grading) * each,
            }
    return figures
