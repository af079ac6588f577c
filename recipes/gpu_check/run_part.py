"""One part of the check in this process: run_part.py PART OUT PLATFORM [KEY=VALUE ...]."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from job import Job


def main() -> None:
    part, out, platform, *overrides = sys.argv[1:]
    importlib.import_module(part).measure(Job(part, Path(out), platform, tuple(overrides)))


if __name__ == "__main__":
    main()
