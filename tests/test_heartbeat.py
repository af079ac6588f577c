"""What a stage at work leaves for other shells to read."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from int_verl import heartbeat
from int_verl.heartbeat import Heartbeat
from int_verl.redaction import hide


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "BETWEEN_BEATS", 0.02)


def read(file: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads(file.read_text())
    return found


def test_it_beats_while_the_stage_works_and_says_how_it_ended(tmp_path: Path) -> None:
    file, total = tmp_path / "status.json", {"tokens": 0}
    with Heartbeat(file, lambda: {"stage": "guide", "totals": total}):
        for _ in range(20):
            total["tokens"] += 50
            time.sleep(0.02)
        at_work = read(file)
    assert at_work["stage"] == "guide"
    assert at_work["ended"] is None
    rates = at_work["rates"]
    assert isinstance(rates, dict)
    assert rates["tokens"]["now"] > 100
    assert rates["tokens"]["average"] > 100
    assert read(file)["ended"] == "done"
    assert read(file)["totals"] == {"tokens": 1000}


def test_an_error_is_how_it_ended_without_what_is_hidden(tmp_path: Path) -> None:
    hide("a-key-of-ours")
    with pytest.raises(ValueError, match="a-key"), Heartbeat(tmp_path / "status.json", dict):
        raise ValueError("the server said\na-key-of-ours")
    assert read(tmp_path / "status.json")["ended"] == "ValueError: the server said ***"


def test_a_folder_that_is_gone_does_not_end_the_stage(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with Heartbeat(tmp_path / "file" / "status.json", dict):
        time.sleep(0.05)
