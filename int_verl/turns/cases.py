"""Cases of an environment, as the answers of a problem set hold them: a JSON object each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from int_verl.turns.leaks import hidden_texts


def read_case(answer: str) -> dict[str, Any]:
    """The case that a problem's `answer` holds.

    Raises:
        ValueError: it is no JSON, or no object; the message says so.
    """
    try:
        case = json.loads(answer)
    except ValueError as error:
        raise ValueError(f"no JSON ({error})") from None
    if not isinstance(case, dict):
        raise ValueError("no object of JSON")
    return case


class CaseCheck:
    """Whether cases can be used, in the place of the grader that looks at gold answers.

    Args:
        hidden: `turns.hidden`.
    """

    def __init__(self, hidden: Sequence[str] | None) -> None:
        self._hidden = hidden

    def __enter__(self) -> CaseCheck:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def unusable_golds(
        self, golds: Iterable[tuple[int, Any]], checked: Callable[[], None] = lambda: None
    ) -> Iterator[tuple[int, Any, str]]:
        """(row, answer, reason) of those that hold no case, in order; see `BaseGrader.unusable_golds`."""
        for row, answer in golds:
            checked()
            if reason := self._fault(answer):
                yield row, answer, reason

    def _fault(self, answer: Any) -> str | None:
        try:
            hidden_texts(read_case(str(answer)), self._hidden)
        except ValueError as error:
            return f"{error}; with turns.environment the answer is the case, a JSON object as text"
        except KeyError as error:
            return f"the case has no {error.args[0]}, which turns.hidden names"
        return None
