"""Installs carried wheels beside the packages of the Python that runs this, without a network.

    python3 install.py WHEELS VENV

What VENV does not hold is taken from this Python: its torch, for example. Nothing of this Python is changed.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path


def main() -> None:
    wheels, folder = map(Path, sys.argv[1:])
    found = sorted(map(str, wheels.glob("*.whl")))
    if not found:
        sys.exit(f"{wheels}: no wheels there")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    # A .pth file comes after the folder that it lies in: what was carried wins over what was there.
    (site,) = folder.glob("lib/python3*/site-packages")
    (site / "below.pth").write_text(f"{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check", "install", "--quiet"]
    # No dependencies are looked for: the lock was closed, and what was left out was left out on purpose.
    subprocess.run([*pip, "--no-index", "--no-deps", "--no-compile", "--no-cache-dir", *found], check=True)
    print(f"{len(found)} wheels; go on with {python}")


if __name__ == "__main__":
    main()
