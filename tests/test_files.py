"""Files that are written whole, to their owner alone, and never through a link; text and JSON that are read back."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest

from int_verl.errors import UserError
from int_verl.files import check_own_files, private, read_json, read_text, write_text


def test_a_link_in_the_place_of_a_file_is_replaced_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    for name in ("a.txt", "a.txt.partial"):
        (tmp_path / name).symlink_to(victim)
    write_text(tmp_path / "a.txt", "caf\u00e9\n")
    assert victim.read_text() == "precious"
    assert (tmp_path / "a.txt").read_bytes() == b"caf\xc3\xa9\n"
    assert not (tmp_path / "a.txt").is_symlink()


def test_a_pipe_in_its_place_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.txt.partial")
    write_text(tmp_path / "a.txt", "x")
    assert (tmp_path / "a.txt").read_text() == "x"


@pytest.mark.parametrize(
    ("umask", "folder"), [(0o022, 0o700), (0o077, 0o700), (0o002, 0o770), (0o007, 0o770), (0, 0o770)]
)
def test_who_may_read(tmp_path: Path, umask: int, folder: int) -> None:
    before = os.umask(umask)
    try:
        with private():
            write_text(tmp_path / "run/a", "x")
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "run").stat().st_mode) == folder
    assert stat.S_IMODE((tmp_path / "run/a").stat().st_mode) == folder & 0o666


def test_own_files(tmp_path: Path) -> None:
    run, other = tmp_path / "run", tmp_path / "other"
    (run / "sft/checkpoints").mkdir(parents=True)
    other.mkdir()
    (run / "sft/latest").symlink_to("checkpoints")
    check_own_files(run)
    for target in (other, tmp_path / "nowhere", Path("/dev/null"), Path("../../other")):
        (run / "sft/x").symlink_to(target)
        with pytest.raises(UserError, match=r"run/sft/x: a link that leads out of the run's folder"):
            check_own_files(run)
        (run / "sft/x").unlink()
    os.mkfifo(run / "pipe")
    with pytest.raises(UserError, match="run/pipe: neither a file nor a folder"):
        check_own_files(run)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"{", b"[1]", b"", b"[" * 100_000, b'{"a": "\xe9"}'])
def test_what_is_no_json_object_is_one_line(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(content)
    with pytest.raises(UserError, match=f"^{re.escape(str(file))}: not ") as caught:
        read_json(file)
    assert "\n" not in str(caught.value)


def test_what_is_one_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes('{"a": "\u00e9"}'.encode())
    assert read_json(tmp_path / "a.json") == {"a": "\u00e9"}
    assert read_text(tmp_path / "a.json") == '{"a": "\u00e9"}'
