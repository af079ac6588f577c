"""A reward function of the user's own as verl needs one: it never raises, hangs or changes its keys."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from int_verl.errors import UserError
from int_verl.grading.function_pool import CallFault, FunctionPool, as_json
from int_verl.grading.reward_result import Score, as_score

_LOG = logging.getLogger(__name__)
KEPT = ("score", "acc", "pred", "verdict", "fault")


class GuardedFunction:
    """Scores with the same keys for whatever a function does.

    They are `KEPT` and ``keys``. A call that fails is worth 0, with the verdict ``timeout`` or ``error`` and its
    ``fault``; the log names the row of the first, the tenth, the hundredth of each reason.

    Args:
        pool: calls the function.
        keys: more numbers of its dict to pass on.
    """

    def __init__(self, pool: FunctionPool, keys: Sequence[str] = ()) -> None:
        self._pool, self._keys = pool, tuple(keys)
        self._lock = threading.Lock()
        self._faults: Counter[str] = Counter()
        self._told_of_keys = False

    def score(self, arguments: Mapping[str, Any]) -> Score:
        """The score of one call with verl's four arguments."""
        reason, detail = "", ""
        try:
            result = self._pool.call(arguments)
            score = as_score(result, self._keys)
            if isinstance(score, Score):
                self._tell_of_other_keys(result)
                return Score({**score, "fault": ""})
            reason, detail = "no_score", score
        except CallFault as fault:
            reason, detail = fault.reason, fault.detail
        except UserError as error:
            reason, detail = "not_loaded", str(error)
        return self._failed(reason, detail, arguments.get("extra_info"))

    def _failed(self, reason: str, detail: str, extra_info: Any) -> Score:
        with self._lock:
            self._faults[reason] += 1
            count = self._faults[reason]
        if str(count).strip("0") == "1":
            _LOG.warning("reward call number %d that failed so (%s): %s; %s", count, reason, detail, row_of(extra_info))
        verdict = "timeout" if reason == "timeout" else "error"
        empty = {"score": 0.0, "acc": 0.0, "pred": "", "verdict": verdict, "fault": f"{reason}: {detail}"}
        return Score({**empty, **dict.fromkeys(self._keys, 0.0)})

    def _tell_of_other_keys(self, result: Any) -> None:
        other = sorted(set(result) - {*KEPT, *self._keys}) if isinstance(result, dict) else []
        if other and not self._told_of_keys:
            self._told_of_keys = True
            _LOG.warning("the reward's %s are not passed on to verl; name those in rl.reward_keys", ", ".join(other))


def row_of(extra_info: Any) -> str:
    """How a row of the data is named: by the `index` and `id` of its ``extra_info``.

    >>> row_of({"index": 3, "id": "amc-12", "problem": "..."})
    'row index=3, id=amc-12'
    """
    told = as_json(extra_info) if isinstance(extra_info, Mapping) else {}
    named = ", ".join(f"{key}={str(told[key])[:80]}" for key in ("index", "id") if key in told)
    return f"row {named}" if named else "a row without index or id"
