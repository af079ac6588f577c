"""A Ray that ends with this process, however this process ends."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from typing import Any

from int_verl.errors import EngineError
from int_verl.generate.engines.ray_head import SAYS
from int_verl.ray_cluster import loopback_environment
from int_verl.supervision.supervised import Supervised

_read_by_ray: dict[str, str] | None = None
_POLL_SECONDS, _LONGEST_LOG = 0.05, 1 << 20


class OwnRay:
    """Starts when it is made, with Ray's token authentication: other users of this machine cannot use it.

    Args:
        arguments: of `ray.init`, for the daemons.
        nnodes: with one, all sockets are on loopback, unless Ray was imported before.
    """

    def __init__(self, arguments: dict[str, Any], nnodes: int = 1) -> None:
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `stop`
        argv = [sys.executable, "-m", "int_verl.generate.engines.ray_head", json.dumps(arguments)]
        switches = _switches(nnodes)
        self._head = Supervised(argv, self._log, os.environ | switches)
        if "ray" not in sys.modules:
            os.environ.update(switches)
            import ray  # noqa: F401 - it reads the switches

            for name in switches:  # a trainer may want others
                del os.environ[name]

    def connect(self, **arguments: Any) -> None:
        """Waits until it is up and makes this process its driver, with these arguments of `ray.init`.

        Raises:
            EngineError: it did not start.
        """
        import ray

        address = self._address()
        internal: Any = ray._raylet
        internal.Config.initialize("")  # the environment anew, as Ray does where it starts the daemons itself
        ray.init(address=address, **arguments)

    def _address(self) -> str:
        while True:
            over = self._head.poll() is not None
            lines = self._said().splitlines()
            for line in lines:
                if line.startswith(SAYS):
                    return line.removeprefix(SAYS)
            if over:
                raise EngineError(f"Ray did not start: {lines[-1][:300] if lines else ''}")
            time.sleep(_POLL_SECONDS)

    def _said(self) -> str:
        # From its beginning; the file's place is the writer's.
        return os.pread(self._log.fileno(), _LONGEST_LOG, 0).decode(errors="replace")

    def stop(self) -> None:
        """Ends Ray and everything that it started: servers, and what they started."""
        self._head.stop()
        self._log.close()


def _switches(nnodes: int) -> dict[str, str]:
    """What daemons need in their environment to agree with this process, in which Ray reads it once, when imported."""
    global _read_by_ray
    if _read_by_ray is None:
        _read_by_ray = {} if "ray" in sys.modules else loopback_environment(nnodes)
    return _read_by_ray
