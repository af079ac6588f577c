"""`python -m int_verl.report RUN_FOLDER...`: the report of runs at any point, without running anything of them."""

from __future__ import annotations

import sys
from pathlib import Path

from int_verl.errors import UserError
from int_verl.report import write_report
from int_verl.terminal import guard_output, visible_line


def main(folders: list[str]) -> int:
    guard_output()
    if not folders:
        print("usage: python -m int_verl.report RUN_FOLDER...", file=sys.stderr)
        return 2
    for folder in folders:
        try:
            print(write_report(Path(folder)))
        except UserError as error:
            print(f"int_verl.report: {visible_line(str(error))}", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
