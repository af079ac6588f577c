"""What verl expects of a reward function, as checks that can be run on any."""

from __future__ import annotations

import contextlib
import copy
import functools
import inspect
import math
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from int_verl.errors import UserError
from int_verl.grading.function_calls import call as call_function

KEYWORDS = ("data_source", "solution_str", "ground_truth", "extra_info")
_THREADS = 8


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one check."""

    what: str
    """What was checked, such as ``keyword call``."""
    passed: bool
    detail: str = ""
    """What broke, and with which input."""


@dataclass(frozen=True, slots=True)
class Call:
    """One set of arguments."""

    name: str
    data_source: Any
    response: Any
    ground_truth: Any
    extra_info: dict[str, Any]

    def keywords(self) -> dict[str, Any]:
        """The arguments as verl's reward managers pass them, as copies."""
        return {
            "data_source": self.data_source,
            "solution_str": self.response,
            "ground_truth": copy.deepcopy(self.ground_truth),
            "extra_info": copy.deepcopy(self.extra_info),
        }


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


def make_calls(rows: list[dict[str, Any]]) -> list[Call]:
    """Right, wrong and awkward responses to each row."""
    calls = []
    for number, row in enumerate(rows, start=1):
        gold, source, info = row["reward_model"]["ground_truth"], row.get("data_source"), row.get("extra_info") or {}
        info = {**info, "num_turns": None, "rollout_reward_scores": {}}
        given = row.get("responses", row.get("response"))
        responses = {
            f"response {k}": text for k, text in enumerate(given if isinstance(given, list) else [given]) if text
        }
        shown = gold if isinstance(gold, str) else str(gold)
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
        calls += [Call(f"row {number}, {name}", source, text, gold, info) for name, text in responses.items()]
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
        function: the reward function.
        rows: training rows with verl's columns.
        seconds: longest that one call may take (the very first may take longer).
        settings: ``reward_kwargs``.
    """
    settings = settings or {}
    signature = _check_signature(function, settings)
    if not signature.passed:
        return [signature]
    run = functools.partial(call_function, function, **settings)
    calls = make_calls(rows)
    tried = [_try(run, call) for call in calls]
    raised = [f"{one.call.name}: {one.raised}" for one in tried if one.raised]
    none = [one.call.name for one in tried if one.result is None and not raised]
    done = [one for one in tried if one.result is not None]
    slowest = max(tried[1:], key=lambda one: one.seconds)
    late = [f"{slowest.call.name}: {slowest.seconds:.2f} s"] if slowest.seconds > seconds else []
    again = [_try(run, call) for call in calls]
    with ThreadPoolExecutor(_THREADS) as executor:
        threaded = list(executor.map(lambda call: _try(run, call), calls))
    same_score = [] if _tells_apart(tried[0], done) else ["every response got the same score"]
    return [
        signature,
        _outcome("never raises", raised),
        _check_positional(function, calls[0], settings),
        _outcome("returns a dict with score, or a number", none, _types(done)),
        _outcome("the same keys every time", _keys(done)),
        _outcome("no None, no nan, plain values", _values(done)),
        _outcome("does not change its arguments", _mutations(run, calls)),
        _outcome(f"every call under {seconds:g} s", late),
        _outcome("the same result again", _differences(tried, again)),
        _outcome(f"the same result in {_THREADS} threads", _differences(tried, threaded)),
        _outcome("tells some responses from others", same_score),
    ]


@dataclass(frozen=True, slots=True)
class _Tried:
    """What came of a call."""

    call: Call
    result: Any
    raised: str | None
    seconds: float


def _try(run: Callable[..., Any], call: Call) -> _Tried:
    result, raised, start = None, None, time.monotonic()
    try:
        result = run(**call.keywords())
    except KeyboardInterrupt:
        raise
    except BaseException as problem:
        raised = f"{type(problem).__name__}: {problem}"
    return _Tried(call, result, raised, time.monotonic() - start)


def _outcome(what: str, *faults: list[str]) -> Outcome:
    found = [fault for group in faults for fault in group]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return Outcome(what, not found, (found[0] + more) if found else "")


def _check_signature(function: Callable[..., Any], settings: dict[str, Any]) -> Outcome:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return Outcome("signature", True)
    way = f"cannot be called with keywords {', '.join([*KEYWORDS, *settings])}"
    try:
        signature.bind(**dict.fromkeys(KEYWORDS), **settings)
        way = "main_eval passes (data_source, response, ground_truth)"
        signature.bind(*KEYWORDS[:3], **settings)
    except TypeError as problem:
        return Outcome("signature", False, f"{way}: {problem}")
    return Outcome("signature", True)


def _check_positional(function: Callable[..., Any], call: Call, settings: dict[str, Any]) -> Outcome:
    what, fault = "positional call, as main_eval", ""
    try:
        result = function(call.data_source, call.response, copy.deepcopy(call.ground_truth), **settings)
        if inspect.iscoroutine(result):
            result.close()
            fault = "main_eval and the remote manager cannot await it"
    except Exception as problem:
        fault = f"{call.name}: {type(problem).__name__}: {problem}"
    return Outcome(what, not fault, fault)


def _score(result: Any) -> float | None:
    value = result.get("score") if isinstance(result, dict) else result
    return float(value) if isinstance(value, (int, float)) else None


def _tells_apart(first: _Tried, done: list[_Tried]) -> bool:
    return any(_score(one.result) not in (None, _score(first.result)) for one in done)


def _types(done: list[_Tried]) -> list[str]:
    faults = []
    for one in done:
        if isinstance(one.result, dict) and "score" not in one.result:
            faults.append(f"{one.call.name}: no key score in {sorted(map(str, one.result))}")
        elif _score(one.result) is None:
            faults.append(f"{one.call.name}: {type(one.result).__name__} {str(one.result)[:60]!r}")
    return faults


def _keys(done: list[_Tried]) -> list[str]:
    shapes = [(one.call.name, frozenset(one.result) if isinstance(one.result, dict) else None) for one in done]
    if not shapes:
        return []
    first_name, first = shapes[0]
    faults = []
    for name, shape in shapes[1:]:
        if shape != first:
            odd = sorted(map(str, (shape or frozenset()) ^ (first or frozenset()))) or ["dict or number"]
            faults.append(f"{name} and {first_name} differ in {', '.join(odd)}")
    return faults


def _values(done: list[_Tried]) -> list[str]:
    faults = []
    for one in done:
        for name, value in one.result.items() if isinstance(one.result, dict) else [("score", one.result)]:
            if value is None:
                faults.append(f"{one.call.name}: {name} is None")
            elif isinstance(value, float) and not math.isfinite(value):
                faults.append(f"{one.call.name}: {name} is {value}")
            elif not isinstance(value, (bool, int, float, str)):
                faults.append(f"{one.call.name}: {name} is a {type(value).__name__}; use a number or a string")
    return faults


def _mutations(run: Callable[..., Any], calls: list[Call]) -> list[str]:
    faults = []
    for call in calls[:20]:
        arguments = call.keywords()
        before = copy.deepcopy(arguments)
        with contextlib.suppress(Exception):  # counted elsewhere
            run(**arguments)
        if arguments != before:
            faults.append(call.name)
    return faults


def _differences(before: list[_Tried], after: list[_Tried]) -> list[str]:
    return [
        f"{one.call.name}: first {str(one.result)[:80]}, then {str(two.result)[:80]}"
        for one, two in zip(before, after, strict=True)
        if one.result != two.result
    ]
