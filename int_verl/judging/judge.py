"""`Judge`: what is this response worth, by a model's word?"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakValueDictionary

from int_verl.errors import UserError
from int_verl.judging.cache import VerdictCache
from int_verl.judging.fault import Fault
from int_verl.judging.question import Question, as_text
from int_verl.judging.server import JudgeServer
from int_verl.judging.verdict import read_verdict
from int_verl.maths.boxes import after_thinking

_LOG = logging.getLogger(__name__)
_FORMAT = 1
"Of a question's digest; another one where reading a verdict changes."


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeSettings:
    """What a judge is made from; ``reward_kwargs`` of the reward function."""

    base_url: str
    """Of an OpenAI-compatible server, such as ``http://node1:8000/v1``."""
    model: str
    """The server's name for the judge."""
    api_key_env: str | None = None
    """The environment variable that holds the API key, if it wants one."""
    template: str = "reference"
    """``reference``, ``rubric``, or the path of a ``.jinja`` file."""
    rubric: str = ""
    """For rows whose ``extra_info`` has none."""
    partial: bool = False
    """Whether a number from 0 to 1 is a verdict, beside correct and incorrect."""
    temperature: float | None = 0.0
    """None: the server's own; so for the next."""
    max_tokens: int | None = 2048
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    """More of the request; strings in it may say ``{{ id }}``."""
    timeout: float = 60.0
    """Seconds of one request."""
    give_up_after: float = 180.0
    """Seconds of a judgement with all its tries."""
    retries: int = 4
    concurrency: int = 32
    """Requests at a time of one process."""
    cache: str | None = None
    """File of the verdicts that there are already; None: in memory."""

    def __post_init__(self) -> None:
        for name in ("timeout", "give_up_after", "concurrency"):
            if not getattr(self, name) > 0:
                raise UserError(f"{name}={getattr(self, name)}: must be positive")
        if self.retries < 0:
            raise UserError(f"retries={self.retries}: must not be negative")


@dataclass(frozen=True, slots=True)
class Judgement:
    """A score, or why there is none.

    Example: ``Judgement(0.0, "timeout: no answer within 180 s")``
    """

    score: float
    """From 0 to 1; 0 with a fault."""
    fault: str = ""
    """`Fault` as text."""


class Judge:
    """Judges responses; may be used from several event loops and threads.

    A judgement that fails is worth 0 and says why; `faults` counts them by reason, and the log names the first, the
    tenth, the hundredth of each.

    Raises:
        UserError: a setting names nothing that there is.
    """

    def __init__(self, settings: JudgeSettings) -> None:
        self.settings = settings
        self._question = Question(settings.template)
        self._server = JudgeServer(settings.base_url, settings.api_key_env, settings.timeout, settings.retries)
        self._cache = VerdictCache(settings.cache)
        self._loops: dict[asyncio.AbstractEventLoop, _Traffic] = {}
        self.faults: Counter[str] = Counter()

    async def judge(self, response: str, reference: str, extra: Mapping[str, Any]) -> Judgement | None:
        """What a response is worth; None if there is nothing to judge after its thinking.

        Args:
            response: the whole response.
            reference: the gold answer, or what else the response should arrive at.
            extra: the row's ``extra_info``; ``problem``, ``reference_solution`` and ``rubric`` are used.
        """
        said = after_thinking(response)
        if said is None or not said.strip():
            return None
        try:
            return Judgement(await self._score(said.strip(), reference, extra))
        except Fault as fault:
            self.faults[fault.reason] += 1
            count = self.faults[fault.reason]
            if str(count).strip("0") == "1":
                _LOG.warning("judgement number %d without a verdict for this reason: %s", count, fault)
            return Judgement(0.0, str(fault))

    async def _score(self, response: str, reference: str, extra: Mapping[str, Any]) -> float:
        settings = self.settings
        try:
            rubric = as_text(extra.get("rubric")) or settings.rubric
            message, mark = self._question.render(response, reference, rubric, extra)
            limits = {"temperature": settings.temperature, "max_tokens": settings.max_tokens}
            body = {
                "model": settings.model,
                "messages": [{"role": "user", "content": message}],
                **{name: value for name, value in limits.items() if value is not None},
                **self._question.fill(settings.extra_body, mark),
            }
        except UserError as error:
            raise Fault("template", str(error)) from None
        asked = json.dumps([_FORMAT, settings.partial, body], sort_keys=True)
        key = hashlib.sha256(asked.encode()).digest()
        traffic = self._traffic()
        # Of equal questions one is asked; the others wait for its verdict.
        async with traffic.of_question(key):
            known = await asyncio.to_thread(self._cache.get, key)
            if known is not None:
                return known
            async with traffic.places:
                answer = await self._server.ask(body, settings.give_up_after)
            score = read_verdict(answer, mark, partial=settings.partial)
            await asyncio.to_thread(self._cache.put, key, score)
        return score

    def _traffic(self) -> _Traffic:
        loop = asyncio.get_running_loop()
        traffic = self._loops.get(loop)
        if traffic is None:
            traffic = _Traffic(self.settings.concurrency)
            open_ = {loop: traffic for loop, traffic in self._loops.items() if not loop.is_closed()}
            self._loops = {**open_, loop: traffic}
        return traffic


class _Traffic:
    """What is under way in one event loop, to which its locks belong."""

    def __init__(self, places: int) -> None:
        self.places = asyncio.Semaphore(places)
        self._questions: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()

    def of_question(self, key: bytes) -> asyncio.Lock:
        return self._questions.setdefault(key, asyncio.Lock())


_shared: dict[str, Judge] = {}


def shared_judge(settings: Mapping[str, Any]) -> Judge:
    """The process's judge with these settings, made on first use.

    Raises:
        UserError: as `Judge`, or a setting is unknown or missing.
    """
    plain = _plain(settings)
    key = json.dumps(plain, sort_keys=True)
    if key not in _shared:
        try:
            made = JudgeSettings(**plain)
        except TypeError as error:
            raise UserError(f"the judge's settings: {str(error).partition('() ')[2]}") from None
        _shared.setdefault(key, Judge(made))
    return _shared[key]


def _plain(value: Any) -> Any:
    """OmegaConf's containers as Python's."""
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, Sequence) and not isinstance(value, str) else value
