"""What verl expects of a reward function, as checks that can be run on any."""

from __future__ import annotations

import contextlib
import copy
import functools
import inspect
import math
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from int_verl.errors import UserError
from int_verl.grading.function_calls import call

KEYWORDS = ("data_source", "solution_str", "ground_truth", "extra_info")
_THREADS = 8


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one check."""

    what: str
    """What was checked, such as ``keyword call``."""
    faults: list[str]
    """What broke, each with its input."""

    @property
    def passed(self) -> bool:
        return not self.faults

    @property
    def detail(self) -> str:
        """The first fault."""
        more = f" (and {len(self.faults) - 1} more)" if len(self.faults) > 1 else ""
        return self.faults[0] + more if self.faults else ""


def training_rows(rows: Iterable[dict[str, Any]], file: str) -> list[dict[str, Any]]:
    """Rows that a reward function can be tried on.

    Raises:
        UserError: there are none, or one of them has not verl's columns.
    """
    taken = list(rows)
    if not taken:
        raise UserError(f"{file}: no rows")
    for number, row in enumerate(taken, start=1):
        model = row.get("reward_model")
        if not isinstance(model, dict) or "ground_truth" not in model:
            raise UserError(f"{file}: row {number} has no reward_model.ground_truth; pass rows with verl's columns")
    return taken


def make_calls(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Right, wrong and awkward responses to each row: name -> the arguments as verl's reward managers pass them."""
    calls = {}
    for number, row in enumerate(rows, start=1):
        gold, source = row["reward_model"]["ground_truth"], row.get("data_source")
        info = {**(row.get("extra_info") or {}), "num_turns": None, "rollout_reward_scores": {}}
        given = row.get("responses", row.get("response"))
        responses = {
            f"response {k}": text for k, text in enumerate(given if isinstance(given, list) else [given]) if text
        }
        shown = str(gold)
        responses |= {
            "gold in a box": f"So it is $\\boxed{{{shown}}}$.",
            "gold alone": shown,
            "wrong": r"\boxed{-98765.4321}",
        }
        if number == 1:
            responses |= {
                "empty": "", "spaces": " \n ", "unclosed box": r"\boxed{" + "{" * 2000, "no answer": "I do not know.",
                "unclosed thought": f"<think> it is \\boxed{{{shown}}}", "power tower": r"\boxed{9^{9^{9^9}}}",
                "nested": "\\boxed{" + "(" * 500 + "1" + ")" * 500 + "}", "null and surrogate": "\\boxed{\x00\ud800}",
                "long": "word " * 40_000 + f"\\boxed{{{shown}}}", "many boxes": r"\boxed{1} " * 2_000, "emoji":
                r"\boxed{🎉}",
            }  # fmt: skip
        for name, text in responses.items():
            calls[f"row {number}, {name}"] = dict(zip(KEYWORDS, (source, text, gold, info), strict=True))
    return calls


def check_contract(
    function: Callable[..., Any],
    rows: list[dict[str, Any]],
    *,
    seconds: float = 3.0,
    settings: dict[str, Any] | None = None,
) -> list[Outcome]:
    """Run every check on a reward function.

    Args:
        rows: training rows with verl's columns.
        seconds: longest that one call may take (the very first may take longer).
        settings: ``reward_kwargs``.
    """
    settings = settings or {}
    unfit = _signature_faults(function, settings)
    if unfit:
        return [Outcome("signature", unfit)]
    run = functools.partial(call, function, **settings)
    calls = make_calls(rows)
    attempt = functools.partial(_try, run)

    def by_position(**arguments: Any) -> Any:
        return function(*list(arguments.values())[:3], **settings)

    tried = [attempt(*named) for named in calls.items()]
    again = [attempt(*named) for named in calls.items()]
    with ThreadPoolExecutor(_THREADS) as executor:
        threaded = list(executor.map(attempt, calls, calls.values()))
    raised = [f"{one.name}: {one.raised}" for one in tried if one.raised]
    done = [one for one in tried if one.result is not None]
    slowest = max(tried[1:], key=lambda one: one.seconds)
    late = [f"{slowest.name}: {slowest.seconds:.2f} s"] if slowest.seconds > seconds else []
    differ = any(_score(one.result) not in (None, _score(tried[0].result)) for one in done)
    faults = {
        "signature": [],
        "never raises": raised,
        "positional call, as main_eval": _positional_faults(_try(by_position, *next(iter(calls.items())))),
        "returns a dict with score, or a number": [
            *(one.name for one in tried if one.result is None and not raised),
            *_faults_of_each(done, _type_faults),
        ],
        "the same keys every time": list(_differing_keys(done)),
        "no None, no nan, plain values": _faults_of_each(done, _value_faults),
        "does not change its arguments": [name for name in list(calls)[:20] if _changes(run, calls[name])],
        f"every call under {seconds:g} s": late,
        "the same result again": _differences(tried, again),
        f"the same result in {_THREADS} threads": _differences(tried, threaded),
        "tells some responses from others": [] if differ else ["every response got the same score"],
    }
    return [Outcome(*found) for found in faults.items()]


@dataclass(frozen=True, slots=True)
class _Tried:
    """What came of a call."""

    name: str
    result: Any
    raised: str | None
    seconds: float


def _try(run: Callable[..., Any], name: str, arguments: dict[str, Any]) -> _Tried:
    result, raised, start = None, None, time.monotonic()
    try:
        result = run(**copy.deepcopy(arguments))
    except KeyboardInterrupt:
        raise
    except BaseException as problem:
        raised = f"{type(problem).__name__}: {problem}"
    return _Tried(name, result, raised, time.monotonic() - start)


def _signature_faults(function: Callable[..., Any], settings: dict[str, Any]) -> list[str]:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some built-in functions have none
        return []
    way = f"cannot be called with keywords {', '.join([*KEYWORDS, *settings])}"
    try:
        signature.bind(**dict.fromkeys(KEYWORDS), **settings)
        way = "main_eval passes (data_source, response, ground_truth)"
        signature.bind(*KEYWORDS[:3], **settings)
    except TypeError as problem:
        return [f"{way}: {problem}"]
    return []


def _positional_faults(tried: _Tried) -> list[str]:
    if tried.raised:
        return [f"{tried.name}: {tried.raised}"]
    if not inspect.iscoroutine(tried.result):
        return []
    tried.result.close()
    return ["main_eval and the remote manager cannot await it"]


def _score(result: Any) -> float | None:
    value = result.get("score") if isinstance(result, dict) else result
    return float(value) if isinstance(value, (int, float)) else None


def _faults_of_each(done: list[_Tried], faults: Callable[[Any], Iterable[str]]) -> list[str]:
    return [f"{one.name}: {fault}" for one in done for fault in faults(one.result)]


def _type_faults(result: Any) -> Iterator[str]:
    if isinstance(result, dict) and "score" not in result:
        yield f"no key score in {sorted(map(str, result))}"
    elif _score(result) is None:
        yield f"{type(result).__name__} {str(result)[:60]!r}"


def _value_faults(result: Any) -> Iterator[str]:
    for name, value in result.items() if isinstance(result, dict) else [("score", result)]:
        if value is None:
            yield f"{name} is None"
        elif isinstance(value, float) and not math.isfinite(value):
            yield f"{name} is {value}"
        elif not isinstance(value, (bool, int, float, str)):
            yield f"{name} is a {type(value).__name__}; use a number or a string"


def _differing_keys(done: list[_Tried]) -> Iterator[str]:
    shapes = [frozenset(one.result) if isinstance(one.result, dict) else None for one in done]
    for one, shape in zip(done, shapes, strict=True):
        if shape != shapes[0]:
            odd = sorted(map(str, (shape or frozenset()) ^ (shapes[0] or frozenset()))) or ["dict or number"]
            yield f"{one.name} and {done[0].name} differ in {', '.join(odd)}"


def _changes(run: Callable[..., Any], arguments: dict[str, Any]) -> bool:
    given = copy.deepcopy(arguments)
    with contextlib.suppress(Exception):  # counted elsewhere
        run(**given)
    return given != arguments


def _differences(before: list[_Tried], after: list[_Tried]) -> list[str]:
    return [
        f"{one.name}: first {str(one.result)[:80]}, then {str(two.result)[:80]}"
        for one, two in zip(before, after, strict=True)
        if one.result != two.result
    ]
