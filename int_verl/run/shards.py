"""A share of the problems, for one of several runs that generate side by side and are merged afterwards."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from int_verl.errors import UserError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Shard:
    """Every `count`-th problem, from the one at `index`, counted from 0 in the order of the problem set.

    Example: of ten problems ``Shard(1, 4)`` takes those at 1, 5 and 9.
    """

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read ``i/n``, as in ``run.shard=0/4``.

        Raises:
            UserError: anything else, or an index that is not below the count.
        """
        found = re.fullmatch(r"(\d+)/(\d+)", text)
        if not found or int(found[1]) >= int(found[2]):
            raise UserError(f"run.shard={text}: expected i/n with i from 0 to n-1, such as 0/4")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    def share(self, problems: Iterable[T]) -> Iterator[T]:
        """This shard's share of the whole set."""
        return islice(problems, self.index, None, self.count)

    def size(self, total: int) -> int:
        """How many of `total` problems it takes."""
        return len(range(self.index, total, self.count))

    def has(self, position: int) -> bool:
        """Whether it takes the problem at a position."""
        return position % self.count == self.index
