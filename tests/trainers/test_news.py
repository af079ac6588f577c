"""What counts as news of a trainer: counts that grow, in the forms in which verl and what it runs write them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import cycle, islice

import pytest

from int_verl.trainers.news import News

RAY = "\x1b[36m(TaskRunnerV1 pid=25390)\x1b[0m "
STAMPED = RAY + "INFO:2026-11-27 07:{0:02}:01,{0:03}:"


def news_after_the_first(lines: Iterable[str]) -> list[bool]:
    news = News()
    first, *others = [news.any([line]) for line in lines]
    assert first
    return others


GROWING = {
    "verl's replay buffer": STAMPED + "pending: 0, running: {1}, finished: {0}, failure: 0",
    "its failed prompts": STAMPED + "pending: 0, running: 5, finished: 7, failure: {0}",
    "tqdm, the bar as it was": RAY + "Training Progress:  10%|█         | {0}/400 [0{0}:00<9:00:00, 120.1s/it]",
    "vLLM's loading": "(EngineCore_DP0 pid=77) Loading safetensors checkpoint shards:  {0}% | {0}/20 [00:09<00:01]",
    "vLLM's requests": "INFO 11-27 07:{0:02}:01 [loggers.py:127] Engine 000: Running: {0} reqs, Waiting: 0 reqs",
    "rows of a data set": "Map (num_proc=8):  0%| | {0}000/90000 examples",
    "a line of somebody else's": "rank 3: scored {0} of 9000 answers",
    "with separators": "done 12,{0:03} of 20,000",
}


@pytest.mark.parametrize("line", GROWING.values(), ids=GROWING.keys())
def test_a_growing_count_is_news(line: str) -> None:
    assert news_after_the_first(line.format(count, 60 - count) for count in range(1, 20)) == [True] * 18


@pytest.mark.parametrize("line", GROWING.values(), ids=GROWING.keys())
def test_the_same_counts_for_ever_are_not(line: str) -> None:
    assert not any(news_after_the_first([line.format(7, 53)] * 20))


def test_counts_that_begin_anew_are_news() -> None:
    """The second batch of a validation counts from nothing again."""
    batches = [(done, 40 - done) for _ in range(9) for done in range(0, 41, 4)]
    line = GROWING["verl's replay buffer"]
    assert sum(news_after_the_first(line.format(*counts) for counts in batches)) > 80


HUNG = {
    "seconds waited": "No available shared memory broadcast block found in {0} seconds.",
    "minutes and clocks": "still waiting after {0} min (0:{0:02}:00), at 2026-11-27 08:{0:02}:00",
    "a watchdog": "WorkNCCL(SeqNum=57, OpType=ALLREDUCE, Timeout(ms)=600000) ran for 6{0:03} milliseconds",
    "tries": "(raylet) connection refused, attempt {0}, retry {0}, elapsed: {0}",
    "Ray's repetitions": RAY + "waiting for the weights [repeated {0}x across cluster]",
    "Ray's autoscaler": "(autoscaler +{0}m{0}s) Warning: cannot be scheduled right now: {{'CPU': 3.0}}, 1 of 1",
    "memory": "process 9 uses {0} MiB and {0}12 bytes",
    "measures": "GPU KV cache usage: {0}.5%, throughput: {0}.1 tokens/s",
    "the time since 1970": "heartbeat at 17957652{0:02}",
    "processes that start for ever": "(pid={0}) Matplotlib is building the font cache",
    "processes that restart": "\x1b[36m(Worker pid={0})\x1b[0m 3 of 5 parts loaded",
}


@pytest.mark.parametrize("line", HUNG.values(), ids=HUNG.keys())
def test_what_grows_in_a_hung_trainer_is_not_news(line: str) -> None:
    assert not any(news_after_the_first(line.format(number) for number in range(1, 40)))


def test_processes_that_take_turns_with_their_own_counts_are_hung() -> None:
    named = [f"(AgentLoopWorker pid={pid}) running: {pid}, finished: {2 * pid}" for pid in (1, 2, 3)]
    assert not any(news_after_the_first(islice(cycle(named), 60)))
    nameless = [f"running: {count}, finished: {2 * count}" for count in (1, 2, 3)]
    assert sum(news_after_the_first(islice(cycle(nameless), 60))) <= 2


def test_other_words_are_news() -> None:
    news = News()
    for said, new in (
        ("waiting 60 s", True),
        ("waiting 120 s", False),
        ("half a line", True),
        ("\x1b[36m(Worker pid=7)\x1b[0m Epoch 1:  10%|█", True),
        ("\x1b[36m(Worker pid=8)\x1b[0m Epoch 1:  10%|█", False),
        ("\x1b[36m(Worker pid=8)\x1b[0m Epoch 1:  50%|█████", True),
    ):
        assert news.any([said]) == new, said
    assert news.last == "Epoch 1:  50%|█████"
    assert not news.any([])
