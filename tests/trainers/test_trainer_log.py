"""A trainer's log has what the trainer prints, but for what is hidden."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from int_verl.errors import TrainerError
from int_verl.hydra_overrides import hydra_overrides
from int_verl.redaction import hide
from int_verl.trainers.hang import Patience
from int_verl.trainers.process import TrainerCommand, run_trainer
from int_verl.trainers.trainer_log import TrainerLog

SPEAKS = "import sys; sys.stdout.buffer.write(sys.argv[1].encode('utf-8', 'surrogateescape')); sys.stdout.flush()"


def logged(path: Path, text: str) -> bytes:
    log = TrainerLog(path)
    with log as output:
        trainer = subprocess.Popen([sys.executable, "-c", SPEAKS, text], stdout=output, stderr=subprocess.STDOUT)
    assert trainer.wait(60) == 0
    log.wait()
    return path.read_bytes()


LONG = ["x" * 100_000 + "\n", "a" * 70_000 + "topsecret" * 2]
TEXTS = ["", "one line\n", "no end", "a\rb\rc\n", "\u00e9\udcff\n", *LONG]


@pytest.mark.parametrize("text", TEXTS)
def test_everything_is_kept(tmp_path: Path, text: str) -> None:
    expected = text.encode("utf-8", "surrogateescape")
    assert logged(tmp_path / "plain.log", text) == expected
    hide("topsecret", "***")
    assert logged(tmp_path / "hidden.log", text) == expected.replace(b"topsecret", b"***")
    assert logged(tmp_path / "hidden.log", "more\n") == expected.replace(b"topsecret", b"***") + b"more\n"


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "trainer.log").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match=r"trainer\.log"), TrainerLog(tmp_path / "trainer.log"):
        pass
    assert (tmp_path / "victim").read_text() == "precious"


def test_what_verl_prints_of_its_configuration_and_what_is_said_of_its_failure(tmp_path: Path) -> None:
    """Like verl, this trainer prints its command line and fails with a key in its last words."""
    hide("made-up-by-the-test", "***")
    program = "import sys; print('config:', sys.argv); raise ValueError('bad key ' + sys.argv[1])"
    command = TrainerCommand(
        argv=[sys.executable, "-c", program, *hydra_overrides({"trainer.wandb_key": "made-up-by-the-test"})],
        env={},
        output_dir=tmp_path,
        expected_step=1,
        steps_per_epoch=None,
        patience=Patience(60),
        start_model=tmp_path,
        model_in_checkpoint="x",
    )
    with pytest.raises(TrainerError, match=r"bad key trainer\.wandb_key=\*\*\*; see"):
        run_trainer(command)
    log = command.log_path.read_text()
    assert "config: ['-c', 'trainer.wandb_key=***']" in log
    assert "made-up-by-the-test" not in log
