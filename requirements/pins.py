"""The lines `name==version` of a lock."""

from __future__ import annotations

import re

_PIN = re.compile(r"^([\w.-]+)==([^\s;]+)", re.M)


def pins(lock: str) -> dict[str, str]:
    """Package -> version.

    >>> pins("Jinja2==3.1\\nzope.event==5 ; python_version < '3.12'\\n# a remark\\nnumpy>=2")
    {'jinja2': '3.1', 'zope-event': '5'}
    """
    return {normal(name): version for name, version in _PIN.findall(lock)}


def normal(name: str) -> str:
    """A package's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
