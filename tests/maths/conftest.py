"""One grader for all tests of a file of pairs: its worker processes start once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from int_verl.grading import Grader


@pytest.fixture(scope="package")
def pair_grader() -> Iterator[Grader]:
    with Grader(workers=2) as shared:
        yield shared
