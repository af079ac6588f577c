"""What pip-audit's answer amounts to: `make audit`.

pip-audit skips a package that its service does not know, says "No known vulnerabilities found" and ends with 0, even
where it skipped all: behind a mirror without PyPI's JSON interface nothing is audited and all looks well. Here it is
counted. Exit code 1: a vulnerability; 2: no answer, or a package was not audited; 0: all were, and none is known.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def told(answer: dict[str, Any]) -> tuple[list[str], int]:
    """Lines for a person, and the exit code."""
    packages = answer["dependencies"]
    skipped = [package for package in packages if "skip_reason" in package]
    found = [(package, fault) for package in packages for fault in package.get("vulns", ())]
    lines = [
        f"{package['name']} {package['version']}: {fault['id']}, mended in {', '.join(fault['fix_versions']) or 'none'}"
        for package, fault in found
    ]
    lines += [f"{package['name']}: not audited: {package['skip_reason']}" for package in skipped]
    audited = len(packages) - len(skipped)
    lines.append(f"{audited} of {len(packages)} packages audited, {len(skipped)} skipped; {len(found)} vulnerabilities")
    if not audited:
        lines.append("nothing was audited: the service knows no package; try another network, or ARGS='-s osv'")
    return lines, 1 if found else 2 if skipped or not packages else 0


def main() -> int:
    try:
        answer = json.load(sys.stdin)
    except json.JSONDecodeError:
        print("pip-audit gave no answer; nothing was audited", file=sys.stderr)
        return 2
    lines, code = told(answer)
    print(*lines, sep="\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
