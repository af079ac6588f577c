"""A day of a run in virtual time, with faults drawn from a seed: a process for `test_virtual_day.py`.

    python -m tests.run.virtual_day SEED HOURS FOLDER ARGUMENT...

`ARGUMENT...` is a command of int-verl. It runs undisturbed once. Then forks of this process, one after the other as a
scheduler restarts them, run it against two servers in virtual time, and everything of `virtual_faults.py` happens:
signals, a full disk, locks and second heads really, servers and clock within the process. Whatever table lies in the
folder when one of them has ended has to be the undisturbed one, and at the end all are there.

Best in a mount namespace of its own (`unshare --map-root-user --mount`): then the folder is a disk that can be full.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import mmap
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.generate.engines.vllm_servers import free_port
from tests.mod23_script import script
from tests.run.kill_at_random import run, tables
from tests.run.virtual_clock import VirtualTimeLoop, VirtualTimePolicy
from tests.run.virtual_faults import HOUR, SERVERS, Fault, Server, draw, overrides

_GRACE = 30.0
_CRASHED = 70
_DONE, _LOST_ENGINE, _USER, _PREEMPTED = 0, 1, 2, 75
_RESTARTED_AFTER = {_LOST_ENGINE: 300.0, _USER: 120.0, _PREEMPTED: 300.0, -signal.SIGKILL: 60.0}
"How a head may end -> virtual seconds until the scheduler starts the next."


@dataclass
class Day:
    """The run's folder and what happens to it."""

    run_dir: Path
    arguments: list[str]
    expected: dict[str, bytes]
    faults: list[Fault]
    ports: list[int] = field(default_factory=lambda: [free_port() for _ in range(SERVERS)])
    fired: set[Fault] = field(default_factory=set)
    ends: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._clock = mmap.mmap(-1, 8)  # shared with the heads
        self._servers: list[asyncio.Task[None]] = []

    @property
    def now(self) -> float:
        return float(struct.unpack("d", self._clock[:8])[0])

    @now.setter
    def now(self, seconds: float) -> None:
        self._clock[:8] = struct.pack("d", seconds)

    def live(self) -> None:
        """Starts heads until one gets to its end."""
        code = None
        while code != _DONE:
            code = self._head()
            self.ends[code] += 1
            assert code in {_DONE, *_RESTARTED_AFTER}, f"exit code {code} at {self.now / HOUR:.2f} h"
            found = tables(self.run_dir)
            assert found == {name: self.expected[name] for name in found}, f"at {self.now / HOUR:.2f} h"
            self.now += _RESTARTED_AFTER.get(code, 0.0)
        assert tables(self.run_dir) == self.expected

    def _head(self) -> int:
        """One process from its start to its end, whatever that is; returns its exit code."""
        with self._stale_lock(), self._full_disk():
            said, says = os.pipe()
            go, goes = os.pipe()
            if not (pid := os.fork()):
                os.close(said)
                self._be_a_head(says, go)
            os.close(says)
            while line := os.read(said, 4096):
                for fault in (Fault(**entry) for entry in map(json.loads, line.decode().splitlines())):
                    self.fired.add(fault)
                    if fault.kind.startswith("second head"):
                        self._second_head(fault)
                        os.write(goes, b".")
            for descriptor in (said, go, goes):
                os.close(descriptor)
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    @contextlib.contextmanager
    def _stale_lock(self) -> Iterator[None]:
        """A lock that nobody took back, as a file server keeps one of a machine that is gone."""
        locks = {f for f in self.faults if f.kind == "stale lock" and f.start <= self.now < f.end}
        if not locks:
            yield
            return
        self.fired |= locks
        self.run_dir.mkdir(exist_ok=True)
        with (self.run_dir / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextlib.contextmanager
    def _full_disk(self) -> Iterator[None]:
        if any(f.kind == "full disk" and f.start <= self.now < f.end for f in self.faults):
            self._fill()
        try:
            yield
        finally:
            self._ballast.unlink(missing_ok=True)

    @property
    def _ballast(self) -> Path:
        return self.run_dir.parent / "ballast"

    def _fill(self) -> None:
        with self._ballast.open("ab") as file:
            free = shutil.disk_usage(self._ballast).free
            if free:
                os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, free)

    def _second_head(self, fault: Fault) -> None:
        """Somebody believes that the first is dead; `without lock`: and has removed what said otherwise."""
        if fault.kind.endswith("without lock"):
            (self.run_dir / ".lock").unlink()
        if not (pid := os.fork()):
            self._run_and_exit()
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert code == _USER, f"a second head ended with {code} beside the first"

    # In a head.

    def _be_a_head(self, says: int, go: int) -> None:
        def loop() -> VirtualTimeLoop:
            made = VirtualTimeLoop(self.now, lambda now: setattr(self, "now", now))
            made.call_soon(self._begin, made, says, go)
            return made

        asyncio.set_event_loop_policy(VirtualTimePolicy(loop))
        self._run_and_exit()

    def _run_and_exit(self) -> None:
        code = _CRASHED
        try:
            code = run([*self.arguments, *overrides(self.ports)], self.run_dir)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)

    def _begin(self, loop: VirtualTimeLoop, says: int, go: int) -> None:
        told: set[Fault] = set()

        def fired(fault: Fault) -> None:
            if fault not in told:
                told.add(fault)
                os.write(says, json.dumps(fault.__dict__).encode() + b"\n")

        for number, port in enumerate(self.ports):
            its = [fault for fault in self.faults if fault.kind == "server" and fault.server == number]
            self._servers.append(loop.create_task(Server(port, script, its, fired).live()))
        happens = {
            "kill": lambda _: os.kill(os.getpid(), signal.SIGKILL),
            "SIGTERM": lambda _: self._preempt(loop),
            "full disk": lambda fault: (self._fill(), loop.call_later(fault.seconds, self._ballast.unlink, True)),
            "clock": lambda fault: self._leap(loop, fault),
            "second head": lambda _: os.read(go, 1),
            "second head without lock": lambda _: os.read(go, 1),
        }
        for fault in self.faults:
            if fault.start > loop.time() and fault.kind in happens:
                loop.call_at(fault.start, lambda fault=fault: (fired(fault), happens[fault.kind](fault)))

    def _preempt(self, loop: VirtualTimeLoop) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        loop.call_later(_GRACE, os.kill, os.getpid(), signal.SIGKILL)

    def _leap(self, loop: VirtualTimeLoop, fault: Fault) -> None:
        """The machine slept, and then its clock was set back."""
        loop.leap(fault.seconds)
        real = time.time
        time.time = lambda: real() - fault.seconds


def main() -> None:
    seed, hours, folder, arguments = int(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:]
    scripted = ["engine.name=scripted", f"engine.script={Path(script.__code__.co_filename)}:script"]
    started = time.monotonic()
    assert run([*arguments, *scripted], folder / "undisturbed") == 0
    disk = folder / "disk"
    disk.mkdir()
    mounted = (
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(disk)], check=False).returncode == 0
    )
    day = Day(disk / "run", arguments, tables(folder / "undisturbed"), draw(seed, hours, mounted))
    try:
        day.live()
    finally:
        kinds = Counter(f"{fault.kind} {fault.how}".strip() for fault in day.fired)
        fired = ", ".join(f"{kind} {number}" for kind, number in sorted(kinds.items()))
        ends = ", ".join(f"{code}: {number}" for code, number in sorted(day.ends.items()))
        seconds, processor = time.monotonic() - started, sum(os.times()[:4])
        print(
            f"seed {seed}: {day.now / HOUR:.1f} h in {seconds:.0f} s ({processor:.0f} s of a core); "
            f"{len(day.fired)} faults ({fired}); {sum(day.ends.values())} heads (exit codes {ends})",
            file=sys.stderr,
        )
        if mounted:
            subprocess.run(["umount", str(disk)], check=True)


if __name__ == "__main__":
    with (Path(sys.argv[3]) / "log").open("w") as log, contextlib.redirect_stdout(log):
        main()
