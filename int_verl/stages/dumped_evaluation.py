"""An evaluation of what a trainer has validated already: verl's `trainer.validation_data_dir`, of whichever run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from int_verl.errors import UserError
from int_verl.evaluate.samples import evaluated_row
from int_verl.files import text_hash
from int_verl.generate.chat import ChatCodec
from int_verl.maths.boxes import extract_answer
from int_verl.problems.sets import Problem, ProblemSet
from int_verl.rl.validation_dump import Dumped, dumped_samples
from int_verl.stages.benchmark import source_in

Row = dict[str, Any]
VALIDATION = "validation"
"The set of samples whose problems no set names."


def dump_of(place: Path, step: int | None) -> Path:
    """The file of a step, by default the last, in a folder of them; or the file that is named.

    Raises:
        UserError: there is none.
    """
    if place.is_file():
        return place
    steps = {int(file.stem): file for file in place.glob("*.jsonl") if file.stem.isdigit()}
    if not steps:
        raise UserError(f"--dumps {place}: no files such as 100.jsonl there; verl writes them with {_SETTING}")
    if step is not None and step not in steps:
        raise UserError(f"--step {step}: {place} has {', '.join(map(str, sorted(steps)))}")
    return steps[max(steps) if step is None else step]


_SETTING = "trainer.validation_data_dir"


def dumped_rows(
    dump: Path, model: str, sets: Mapping[str, ProblemSet], codec: ChatCodec | None, max_tokens: int
) -> Iterator[Row]:
    """`records.EVALUATED` rows of the samples in a dump; what counts as right is what the trainer's reward took for it.

    Args:
        sets: name -> problems; a prompt belongs to the problem that it holds. Without sets every prompt is a problem.
        codec: counts the tokens of responses; None: neither lengths nor what was cut off are known.
        max_tokens: of a response.

    Raises:
        UserError: the file is none of verl's, or holds no problem of the sets.
    """
    of_prompts: dict[tuple[str, str], list[Dumped]] = defaultdict(list)
    for sample in dumped_samples(dump):
        of_prompts[sample.prompt, sample.gold].append(sample)
    problems = [(name, problem) for name, of_set in sets.items() for problem in of_set]
    found = False
    for (prompt, gold), drawn in of_prompts.items():
        samples = [_sample(one, codec, max_tokens) for one in drawn]
        if not sets:
            found = True
            source = drawn[0].source or VALIDATION
            yield evaluated_row(model, VALIDATION, source, text_hash(f"{prompt}\0{gold}")[:12], prompt, samples)
        elif held := _problem_in(prompt, problems):
            found = True
            name, problem = held
            yield evaluated_row(model, name, source_in(name, problem), problem.id, problem.problem, samples)
    if not found:
        raise UserError(f"{dump}: no prompt in it holds a problem of {', '.join(sets) or 'any set'}")


def _problem_in(prompt: str, problems: list[tuple[str, Problem]]) -> tuple[str, Problem] | None:
    holding = [(name, problem) for name, problem in problems if problem.problem.strip() in prompt]
    return max(holding, key=lambda one: len(one[1].problem), default=None)


def _sample(drawn: Dumped, codec: ChatCodec | None, max_tokens: int) -> Row:
    tokens = None if codec is None else codec.length(drawn.response)
    answer = drawn.answer or extract_answer(drawn.response)
    outcome = None
    if drawn.correct:
        outcome = "correct"
    elif tokens is not None:
        told = drawn.verdict or ("incorrect" if answer else "no_answer")
        outcome = "truncated" if tokens >= max_tokens - 1 else told
    return {"outcome": outcome, "correct": drawn.correct, "answer": answer, "completion_tokens": tokens}
