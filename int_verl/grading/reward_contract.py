"""What verl expects of a reward function, as checks that can be run on any."""

from __future__ import annotations

import asyncio
import copy
import importlib
import importlib.util
import inspect
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from int_verl.errors import UserError

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


def load_function(spec: str) -> Callable[..., Any]:
    """The function that ``FILE.py:NAME`` or ``pkg://MODULE:NAME`` names.

    Raises:
        UserError: it cannot be loaded.
    """
    path, _, name = spec.rpartition(":")
    if not path or path == "pkg":
        raise UserError(f"--fn {spec}: pass FILE.py:NAME or pkg://MODULE:NAME")
    try:
        if path.startswith("pkg://"):
            module = importlib.import_module(path[len("pkg://") :])
        else:
            if not Path(path).is_file():
                raise UserError(f"--fn {spec}: no such file: {path}")
            found = importlib.util.spec_from_file_location("checked_reward_function", path)
            if found is None or found.loader is None:
                raise UserError(f"--fn {spec}: {path} is not a Python file")
            module = importlib.util.module_from_spec(found)
            found.loader.exec_module(module)
    except UserError:
        raise
    except (Exception, SystemExit) as problem:
        raise UserError(f"--fn {spec}: importing it raised {type(problem).__name__}: {problem}") from problem
    function = getattr(module, name, None)
    if not callable(function):
        raise UserError(f"--fn {spec}: {path} has no function {name!r}")
    return function


def load_rows(file: str, limit: int) -> list[dict[str, Any]]:
    """Up to ``limit`` training rows.

    Raises:
        UserError: the file is not one of training rows.
    """
    from itertools import islice

    from int_verl.commands.reward import read_rows

    rows = list(islice(read_rows(file), limit))
    if not rows:
        raise UserError(f"{file}: no rows")
    for number, row in enumerate(rows, start=1):
        model = row.get("reward_model")
        if not isinstance(model, dict) or "ground_truth" not in model:
            raise UserError(f"{file}: row {number} has no reward_model.ground_truth; pass rows with verl's columns")
    return rows


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
        seconds: longest that one call may take (the very first may take ten times that).
        settings: ``reward_kwargs``.
    """
    settings = settings or {}
    calls = make_calls(rows)
    outcomes = [_check_signature(function, settings)]
    if not outcomes[0].passed:
        return outcomes

    def run(call: Call) -> Any:
        result = function(**call.keywords(), **settings)
        return asyncio.run(result) if inspect.iscoroutine(result) else result

    results: list[Any] = []
    raised: list[str] = []
    slowest, slowest_name = 0.0, ""
    for k, call in enumerate(calls):
        start = time.monotonic()
        try:
            results.append(run(call))
        except BaseException as problem:
            if isinstance(problem, KeyboardInterrupt):
                raise
            results.append(None)
            raised.append(f"{call.name}: {type(problem).__name__}: {problem}")
        elapsed = time.monotonic() - start
        if k and elapsed > slowest:
            slowest, slowest_name = elapsed, call.name
    outcomes.append(_outcome("never raises", raised))
    outcomes.append(_check_positional(function, calls[0], settings))
    done = [(call, result) for call, result in zip(calls, results, strict=True) if result is not None]
    none = [call.name for call, result in zip(calls, results, strict=True) if result is None]
    outcomes.append(_outcome("returns a dict with score, or a number", none if not raised else [], *_types(done)))
    outcomes.append(_outcome("the same keys every time", _keys(done)))
    outcomes.append(_outcome("no None, no nan, plain values", _values(done)))
    outcomes.append(_outcome("does not change its arguments", _mutations(run_on_copy(function, settings), calls)))
    outcomes.append(
        _outcome(f"every call under {seconds:g} s", [f"{slowest_name}: {slowest:.2f} s"] if slowest > seconds else [])
    )
    expected = [_comparable(result) for result in results]
    outcomes.append(
        _outcome("the same result again", _differences(calls, expected, [_try(run, call) for call in calls]))
    )
    with ThreadPoolExecutor(_THREADS) as executor:
        threaded = list(executor.map(lambda call: _try(run, call), calls))
    outcomes.append(_outcome(f"the same result in {_THREADS} threads", _differences(calls, expected, threaded)))
    rewarded = any(_score(result) is not None and _score(result) != _score(results[0]) for _, result in done)
    outcomes.append(
        _outcome("tells some responses from others", [] if rewarded else ["every response got the same score"])
    )
    return outcomes


def run_on_copy(function: Callable[..., Any], settings: dict[str, Any]) -> Callable[[dict[str, Any]], Any]:
    """``function`` on a dict of arguments; whatever it raises is not of interest here."""

    def run(arguments: dict[str, Any]) -> None:
        try:
            result = function(**arguments, **settings)
            if inspect.iscoroutine(result):
                asyncio.run(result)
        except Exception:
            return

    return run


def _outcome(what: str, *faults: list[str]) -> Outcome:
    found = [fault for group in faults for fault in group]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return Outcome(what, not found, (found[0] + more) if found else "")


def _check_signature(function: Callable[..., Any], settings: dict[str, Any]) -> Outcome:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return Outcome("signature", True)
    try:
        signature.bind(**dict.fromkeys(KEYWORDS), **settings)
    except TypeError as problem:
        return Outcome(
            "signature", False, f"cannot be called with keywords {', '.join([*KEYWORDS, *settings])}: {problem}"
        )
    try:
        signature.bind(*KEYWORDS[:3], **settings)
    except TypeError as problem:
        return Outcome("signature", False, f"main_eval passes (data_source, response, ground_truth): {problem}")
    return Outcome("signature", True)


def _check_positional(function: Callable[..., Any], call: Call, settings: dict[str, Any]) -> Outcome:
    try:
        result = function(call.data_source, call.response, copy.deepcopy(call.ground_truth), **settings)
        if inspect.iscoroutine(result):
            asyncio.run(result)
            return Outcome("positional call, as main_eval", False, "main_eval and the remote manager cannot await it")
    except Exception as problem:
        return Outcome("positional call, as main_eval", False, f"{call.name}: {type(problem).__name__}: {problem}")
    return Outcome("positional call, as main_eval", True)


def _score(result: Any) -> float | None:
    value = result.get("score") if isinstance(result, dict) else result
    return float(value) if isinstance(value, (int, float)) else None


def _types(done: list[tuple[Call, Any]]) -> tuple[list[str]]:
    faults = []
    for call, result in done:
        if isinstance(result, dict) and "score" not in result:
            faults.append(f"{call.name}: no key score in {sorted(map(str, result))}")
        elif _score(result) is None:
            faults.append(f"{call.name}: {type(result).__name__} {str(result)[:60]!r}")
    return (faults,)


def _keys(done: list[tuple[Call, Any]]) -> list[str]:
    shapes = [(call.name, frozenset(result) if isinstance(result, dict) else None) for call, result in done]
    if not shapes:
        return []
    first_name, first = shapes[0]
    faults = []
    for name, shape in shapes[1:]:
        if shape != first:
            odd = sorted(map(str, (shape or frozenset()) ^ (first or frozenset()))) or ["dict or number"]
            faults.append(f"{name} and {first_name} differ in {', '.join(odd)}")
    return faults


def _values(done: list[tuple[Call, Any]]) -> list[str]:
    faults = []
    for call, result in done:
        for name, value in result.items() if isinstance(result, dict) else [("score", result)]:
            if value is None:
                faults.append(f"{call.name}: {name} is None")
            elif isinstance(value, float) and not math.isfinite(value):
                faults.append(f"{call.name}: {name} is {value}")
            elif not isinstance(value, (bool, int, float, str)):
                faults.append(f"{call.name}: {name} is a {type(value).__name__}; use a number or a string")
    return faults


def _mutations(run: Callable[[dict[str, Any]], Any], calls: list[Call]) -> list[str]:
    faults = []
    for call in calls[:20]:
        arguments = call.keywords()
        before = copy.deepcopy(arguments)
        run(arguments)
        if arguments != before:
            faults.append(call.name)
    return faults


def _comparable(result: Any) -> Any:
    return dict(result) if isinstance(result, dict) else result


def _try(run: Callable[[Call], Any], call: Call) -> Any:
    try:
        return _comparable(run(call))
    except Exception:
        return None


def _differences(calls: list[Call], expected: list[Any], found: list[Any]) -> list[str]:
    return [
        f"{call.name}: first {str(before)[:80]}, then {str(after)[:80]}"
        for call, before, after in zip(calls, expected, found, strict=True)
        if before != after
    ]
