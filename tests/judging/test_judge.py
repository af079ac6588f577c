"""The judge against servers that do what they should not."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from int_verl.errors import UserError
from int_verl.judging.judge import Judge, Judgement, JudgeSettings
from tests.judging.judge_servers import HANG, Behaviour, Server, block, completion, http, serve

ROW = {"problem": "Show that 2 + 2 = 4.", "id": "p"}
PROOF = "2 + 2 = (1 + 1) + (1 + 1) = 4."
KEY = "sk-canary-0123456789"


def settings(server: Server, **more: Any) -> JudgeSettings:
    usual = {"base_url": server.url, "model": "judge", "timeout": 5.0, "give_up_after": 20.0, "retries": 0}
    return JudgeSettings(**(usual | more))


def judge(server: Server, response: str = PROOF, row: dict[str, Any] = ROW, **more: Any) -> Judgement | None:
    return asyncio.run(Judge(settings(server, **more)).judge(response, "4", row))


@pytest.mark.parametrize(("word", "score"), [("correct", 1.0), ("incorrect", 0.0), (" Correct ", 1.0)])
def test_a_verdict_is_a_score(word: str, score: float) -> None:
    with serve(lambda request: completion(f"It holds.\n{block(request, word)}\n")) as server:
        assert judge(server) == Judgement(score)
        body = server.requests[0]
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("judge", 0.0, 2048)
    assert all(said in body["messages"][0]["content"] for said in (PROOF, ROW["problem"]))


FAULTS: dict[str, tuple[str, Behaviour]] = {
    "too many requests": ("unavailable", lambda _: http("429 Too Many Requests", b"slow down")),
    "server error": ("unavailable", lambda _: http("500 Internal Server Error", b"oops")),
    "no such model": ("refused", lambda _: http("404 Not Found", b'{"error": {"message": "no such model"}}')),
    "elsewhere": ("refused", lambda _: http("302 Found", b"", "Location: http://127.0.0.1:1/\r\n")),
    "hang": ("timeout", lambda _: HANG),
    "cut body": ("unavailable", lambda r: completion(block(r))[:-20]),
    "cut JSON": ("unreadable", lambda _: http("200 OK", b'{"choices": [{"message": {"content": "<verdict')),
    "not UTF-8": ("unreadable", lambda r: http("200 OK", completion("§" + block(r)).replace(b"\\u00a7", b"\xa7"))),
    "HTML": ("unreadable", lambda _: http("200 OK", b"<html>Welcome to the hotel's network</html>")),
    "nested": ("unreadable", lambda _: http("200 OK", b"[" * 200_000)),
    "not HTTP": ("unavailable", lambda _: b"\x00\x01\x02 nothing\r\n\r\n"),
    "no choices": ("unreadable", lambda _: http("200 OK", b'{"choices": []}')),
    "no content": ("unreadable", lambda _: completion(None)),
    "huge answer": ("unreadable", lambda r: completion("so " * 2_000_000 + block(r))),
    "out of tokens": ("cut", lambda r: completion(block(r), "length")),
    "no block": ("no_verdict", lambda _: completion("The response is correct.")),
    "another word": ("no_verdict", lambda r: completion(block(r, "VERDICT"))),
    "a share unasked": ("no_verdict", lambda r: completion(block(r, "0.75"))),
    "words after the block": ("no_verdict", lambda r: completion(block(r) + " or is it?")),
    "two blocks": ("several_verdicts", lambda r: completion(block(r, "incorrect") + block(r))),
    "a block quoted": ("no_verdict", lambda _: completion('It says <verdict id="0123456789abcdef">correct</verdict>')),
    "a block without id": ("no_verdict", lambda _: completion("<verdict>correct</verdict>")),
    "thinking alone": ("no_verdict", lambda r: completion(f"<think>{block(r)}")),
    "a block in the thinking": ("no_verdict", lambda r: completion(f"<think>{block(r)}</think> Hm.")),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_whatever_a_server_does_is_a_fault_by_its_reason(name: str) -> None:
    reason, behaviour = FAULTS[name]
    with serve(behaviour) as server:
        made = Judge(settings(server, timeout=1.0))
        judgement = asyncio.run(made.judge(PROOF, "4", ROW))
    assert judgement is not None
    assert (judgement.score, judgement.fault.partition(":")[0]) == (0.0, reason), judgement
    assert made.faults == {reason: 1}


def test_thinking_is_passed_over() -> None:
    """The judge's, with another verdict in it, and the response's."""
    thought = "<think>{}</think> So: {}"
    with serve(lambda r: completion(thought.format(block(r, "incorrect"), block(r)))) as server:
        assert judge(server, f"<think>secret plan</think>{PROOF}") == Judgement(1.0)
        assert "secret plan" not in server.requests[0]["messages"][0]["content"]
        assert judge(server, f"<think>{PROOF}") is None
        assert judge(server, "<think>so</think>  ") is None
    assert len(server.requests) == 1


def test_shares_of_a_rubric() -> None:
    with serve(lambda r: completion(block(r, "0.75"))) as server:
        row = {**ROW, "rubric": np.array(["Names the successor function.", "Ends."], dtype=object)}
        assert judge(server, row=row, template="rubric", partial=True) == Judgement(0.75)
        assert "1. Names the successor function.\n2. Ends." in server.requests[0]["messages"][0]["content"]
        without = judge(server, template="rubric", partial=True)
        assert without is not None
        assert without.fault == "template: template=rubric: 'rubric' is undefined"


def test_what_passes_is_tried_again() -> None:
    answers = iter([http("429 Too Many Requests", b"", "Retry-After: 0.1\r\n"), http("500 Oops", b"")])
    with serve(lambda r: next(answers, None) or completion(block(r))) as server:
        assert judge(server, retries=2) == Judgement(1.0)
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", ["401 Unauthorized", "400 Bad Request"])
def test_what_stays_is_not_tried_again(status: str) -> None:
    with serve(lambda _: http(status, b"no")) as server:
        judge(server, retries=5)
    assert len(server.requests) == 1


def test_time_is_bounded_over_all_tries() -> None:
    start = time.monotonic()
    with serve(lambda _: http("503 Busy", b"", "Retry-After: 3600\r\n")) as server:
        judgement = judge(server, retries=100, give_up_after=0.5)
    assert judgement is not None
    assert judgement.fault.startswith("timeout: no answer within 0.5 s, the last try: unavailable: 503")
    assert time.monotonic() - start < 5


def test_concurrency_is_bounded_and_equal_questions_are_one() -> None:
    async def many(made: Judge) -> list[Judgement | None]:
        proofs = [f"{PROOF} ({number})" for number in range(12)]
        return await asyncio.gather(*(made.judge(proof, "4", ROW) for proof in proofs * 3))

    with serve(lambda r: completion(block(r)), delay=0.05) as server:
        made = Judge(settings(server, concurrency=3))
        assert set(asyncio.run(many(made))) == {Judgement(1.0)}
    assert len(server.requests) == 12
    assert server.most_at_once == 3


def test_a_repeated_response_costs_nothing_in_any_process(tmp_path: Path) -> None:
    cache = str(tmp_path / "deep" / "verdicts.sqlite")
    with serve(lambda r: completion(block(r))) as server:
        assert judge(server, cache=cache) == judge(server, cache=cache) == Judgement(1.0)
        assert len(server.requests) == 1
        for other in ({"model": "another"}, {"partial": True}, {"max_tokens": 9}, {"extra_body": {"seed": 1}}):
            judge(server, cache=cache, **other)
        judge(server, PROOF + "!", cache=cache)
        judge(server, row={**ROW, "problem": "Another."}, cache=cache)
    assert len(server.requests) == 7
    with serve(lambda _: completion("no block")) as server:
        judge(server, "bad", cache=cache)
        judge(server, "bad", cache=cache)
    assert len(server.requests) == 2, "a fault is not remembered"


def _fill(url: str, cache: str, name: str) -> None:
    made = Judge(JudgeSettings(base_url=url, model="judge", cache=cache))
    number = 0
    while True:
        asyncio.run(made.judge(f"{name} {number}", "4", ROW))
        number += 1


def test_processes_share_the_cache_and_may_be_killed_at_any_time(tmp_path: Path) -> None:
    cache = str(tmp_path / "verdicts.sqlite")
    context = multiprocessing.get_context("spawn")
    with serve(lambda r: completion(block(r))) as server:
        processes = [context.Process(target=_fill, args=(server.url, cache, f"p{k}")) for k in range(4)]
        for process in processes:
            process.start()
        deadline = time.monotonic() + 60
        while len(server.requests) < 200 and time.monotonic() < deadline:
            time.sleep(0.02)
        for process in processes:
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
            process.join()
        asked = len(server.requests)
        assert asked >= 200
        with sqlite3.connect(cache) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert db.execute("SELECT count(*) FROM verdicts").fetchone()[0] >= asked - 2 * len(processes)
        for k in range(4):
            assert judge(server, f"p{k} 0", cache=cache) == Judgement(1.0)
        assert len(server.requests) == asked


def test_a_cache_that_fails_later_is_done_without(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("int_verl.judging.cache"), "disabled", False)  # Hydra may have done that
    cache = tmp_path / "verdicts.sqlite"
    with serve(lambda r: completion(block(r))) as server:
        made = Judge(settings(server, cache=str(cache)))
        cache.write_bytes(b"rubbish" * 1000)
        for _ in range(2):
            assert asyncio.run(made.judge(PROOF, "4", ROW)) == Judgement(1.0)
    assert caplog.text.count("the judge's cache fails") == 1
    with pytest.raises(UserError, match="cache="):
        Judge(settings(server, cache=str(cache)))


def test_the_key_is_in_the_header_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even where the server quotes it."""
    monkeypatch.setenv("JUDGE_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    cache = tmp_path / "verdicts.sqlite"
    quotes: list[Callable[[dict[str, Any]], bytes]] = [
        lambda _: http("401 No", f"wrong key: Bearer {KEY}".encode()),
        lambda _: http("200 OK", f"<html>{KEY}".encode()),
        lambda _: completion(f"your key is {KEY}"),
        lambda r: completion(f"your key is {KEY} {block(r)}"),
        lambda r: completion(f"your key is {block(r, KEY)}"),
    ]
    for number, behaviour in enumerate(quotes):
        with serve(behaviour) as server:
            judgement = judge(server, f"proof {number}", api_key_env="JUDGE_KEY", cache=str(cache))
        assert f"Bearer {KEY}" in server.headers[0]
        assert KEY not in repr(judgement)
    assert KEY not in caplog.text
    assert KEY.encode() not in cache.read_bytes()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"base_url": "node1:8000"}, "base_url: write it as http://"),
        ({"base_url": "http://me:sesame@node1/v1"}, "without user and password"),
        ({"api_key_env": "NOT_SET_ANYWHERE"}, "api_key_env=NOT_SET_ANYWHERE: this environment variable is not set"),
        ({"template": "nowhere.jinja"}, "no such file"),
        ({"template": "proof"}, "reference or rubric"),
        ({"timeout": 0}, "timeout=0: must be positive"),
        ({"retries": -1}, "retries=-1"),
    ],
)
def test_settings_that_name_nothing(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        Judge(JudgeSettings(**({"base_url": "http://node1:8000/v1", "model": "judge"} | wrong)))
    assert "sesame" not in str(error.value)
