"""The comparison of RL with and without interventions while it samples: what it counts, and at equal tokens."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.quickstart_files import ROOT

for _folder in ("recipes", "recipes/online"):
    if str(ROOT / _folder) not in sys.path:
        sys.path.insert(0, str(ROOT / _folder))

from online_arms import ARMS, GENERATOR  # noqa: E402
from online_curves import Point, at, curve  # noqa: E402


def write_stage(stage: Path, steps: list[dict[str, float]], right: dict[int, list[int]]) -> None:
    """`right`: step -> of the two held-out and the one hard problem, whether its sample is right."""
    (stage / "validation").mkdir(parents=True)
    contents = ["Held out 1.", "Held out 2.", "Hard 1."]
    rows = [{"prompt": [{"role": "user", "content": content}]} for content in contents[:2]]
    pq.write_table(pa.Table.from_pylist(rows), stage / "heldout.parquet")
    lines = [json.dumps({"step": number, "data": data}) + "\n" for number, data in enumerate(steps, 1)]
    (stage / "metrics.jsonl").write_text("".join(lines))
    for step, scores in right.items():
        samples = [
            {"input": f"user\n{content}\nassistant\n", "output": "", "gts": "1", "score": score}
            for content, score in zip(contents, scores, strict=True)
        ]
        (stage / "validation" / f"{step}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in samples))


def test_tokens_and_accuracy(tmp_path: Path) -> None:
    plain = {"response_length/mean": 10.0, "int/zero_advantage_ratio": 0.5}
    online = {
        "response_length/mean": 99.0,
        "int/online/attempt_tokens": 100.0,
        "int/online/extra_tokens": 60.0,
        "int/zero_advantage_ratio": 0.0,
    }
    write_stage(tmp_path / "rl", [plain, online, plain], {0: [0, 0, 1], 2: [1, 0, 0], 3: [1, 1, 0]})
    assert curve(tmp_path / "rl", rollouts=8) == [
        Point(0, 0.0, 0.0, 0.0),
        Point(2, 240.0, 0.5, 0.25),
        Point(3, 320.0, 1.0, 0.5),
    ]
    assert curve(tmp_path / "absent", rollouts=8) == []


@given(st.lists(st.tuples(st.floats(1, 100), st.floats(0, 1)), min_size=1, max_size=6), st.floats(0, 1))
def test_between_two_points(steps: list[tuple[float, float]], share: float) -> None:
    points = [Point(0, 0.0, 0.1, 0.0)]
    for tokens, accuracy in steps:
        points.append(Point(len(points), points[-1].tokens + tokens, accuracy, 0.0))
    assert at(points, points[-1].tokens) == pytest.approx(points[-1].pass_at_1)
    assert at(points, points[-1].tokens + 1) is None
    found = at(points, share * points[-1].tokens)
    assert found is not None
    assert min(point.pass_at_1 for point in points) <= found + 1e-9
    assert found <= max(point.pass_at_1 for point in points) + 1e-9


def test_every_arms_settings_are_settings(problem_sets: Path) -> None:
    from int_verl.settings.compose import checked, compose

    sets = [f"problems.{split}={problem_sets}/{split}.jsonl" for split in ("train", "heldout")]
    online = {}
    for name, arm in ARMS.items():
        settings = checked(compose(ROOT / "recipes/quickstart/quickstart.yaml", [*sets, *arm.overrides]))
        online[name] = (settings.rl.online.enabled, settings.rl.online.loss_on)
    assert online == {"plain": (False, "own"), "online": (True, "own"), "online_all": (True, "all")}
    assert GENERATOR in ARMS
    models = [model for arm in ARMS.values() for model in arm.models.values()]
    assert len(set(models)) == len(models) == 6
