"""A step's interventions, counted."""

from __future__ import annotations

from pathlib import Path

from int_verl.rl.online.dump import dump
from int_verl.rl.online.metrics import online_metrics
from int_verl.rl.online.plan import AGENT
from int_verl.rl.online.record import Record, Tried
from tests.rl.online.dumps import dumped

RIGHT = Record("p", 3, 0, reward_without=1.0, attempt_tokens=10, skipped="right")
PUT_RIGHT = Record(
    *("p", 3, 1, 0.0, 20, 70),
    tried=[
        Tried("leak"),
        Tried("no_block"),
        Tried("proposed", 0.0),
        Tried("proposed", 1.0, right=True, returned=True, content="é", location=2),
    ],
)
NOT_ASKED = Record("q", 3, 0, 0.0, 30, 0, tried=[Tried("budget"), Tried("prompt_too_long")])


def test_counts_and_means() -> None:
    records = [RIGHT, PUT_RIGHT, NOT_ASKED, None]
    metrics = online_metrics(records, rewards=[1.0, 1.0, 0.0, 0.0], uids=["p", "p", "q", "q"])
    of = {name.removeprefix("int/online/"): value for name, value in metrics.items()}
    assert of["asked"] == 4, "two were not sent"
    assert of["parsed"] == 3
    assert (of["leaking"], of["accepted"], of["successful"], of["spliced"]) == (1, 2, 1, 1)
    assert (of["attempt_tokens"], of["extra_tokens"]) == (60, 70)
    assert (of["reward_without"], of["reward_with"]) == (0.25, 0.5)
    assert of["zero_advantage_without"] == 0.5, "the plain rollout of q has the reward that verl gave it"
    assert (of["rejected/leak"], of["rejected/budget"], of["skipped/right"]) == (1, 1, 1)
    assert online_metrics([None, None], [1.0, 0.0], ["p", "p"]) == {}


def test_a_record_comes_back_as_it_was(tmp_path: Path) -> None:
    assert Record.of({AGENT: PUT_RIGHT.written(), "turn_scores": []}) == PUT_RIGHT
    assert Record.of({"turn_scores": []}) is None
    dump(tmp_path / "online", 12, [RIGHT, PUT_RIGHT, None])
    dump(tmp_path / "online", 3, [NOT_ASKED])
    assert dumped(tmp_path / "online") == [NOT_ASKED, PUT_RIGHT]
    dump(tmp_path / "online", 3, [])
    assert dumped(tmp_path / "online") == [PUT_RIGHT], "a step that is done again"
