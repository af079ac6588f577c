"""Ray of this machine alone, in a process of its own; `OwnRay` starts it under a supervisor.

    python -m int_verl.generate.engines.ray_head '{"num_cpus": 16}'

Says ``ray at HOST:PORT`` and lives until it is ended, Ray's daemons with it.
"""

from __future__ import annotations

import json
import signal
import sys
from typing import Any

SAYS = "ray at "


def main() -> None:
    import ray

    context: Any = ray.init(address="local", **json.loads(sys.argv[1]))
    print(f"{SAYS}{context.address_info['gcs_address']}", flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
