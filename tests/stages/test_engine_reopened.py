"""A run whose engine dies on the way: what is said of it, and its manifest."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from int_verl.errors import EngineError
from int_verl.run.run import Run
from int_verl.settings.compose import compose
from int_verl.stages.assemble import schedule_of
from tests.quickstart_files import QUICKSTART, write_problem_sets

# Dies at every tenth request, as long as a file `death-N` lies beside it, which it takes away.
MORTAL = """
from itertools import count
from pathlib import Path

from int_verl.errors import DeadEngineError
from tests.mod23_script import script as well

requests, deaths = count(1), sorted(Path(__file__).parent.glob("death-*"))


def script(request):
    if next(requests) % 10 == 0 and deaths:
        deaths.pop().unlink()
        raise DeadEngineError("the rollout server at 10.0.0.5:8000 failed: ActorDiedError")
    return well(request)
"""


def test_it_goes_on_in_the_run_and_after_it(tmp_path: Path) -> None:
    write_problem_sets(tmp_path, 8, 2)
    (tmp_path / "mortal.py").write_text(MORTAL)
    said = io.StringIO()

    def guide(*settings: str) -> dict[str, int]:
        sets = [f"problems.{split}={tmp_path / split}.jsonl" for split in ("train", "heldout")]
        scripted = [
            f"run.dir={tmp_path / 'run'}",
            "engine.name=scripted",
            "engine.in_flight=4",
            f"engine.script={tmp_path}/mortal.py:script",
        ]
        run = Run(compose(QUICKSTART / "quickstart.yaml", [*sets, *scripted, *settings]), Console(file=said, width=200))
        schedule_of(run, "guide").execute()
        manifest = run.folder.manifest("guide")
        assert manifest is not None
        requests: dict[str, int] = manifest.counts["requests"]
        return requests

    for number in range(4):
        (tmp_path / f"death-{number}").touch()
    with pytest.raises(EngineError, match=r"opened again 1 times \(engine\.reopen\)"):
        guide("engine.reopen=1")
    requests = guide("engine.reopen=3")
    assert not list(tmp_path.glob("death-*"))
    assert (requests["engine_reopened"], requests["lost"]) == (2, 0)
    assert requests["replayed"] > 0
    for time in ("1 of engine.reopen=1", "1 of engine.reopen=3", "2 of engine.reopen=3"):
        assert f"ActorDiedError; the engine is opened again ({time})" in said.getvalue()
