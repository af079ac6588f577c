"""Problems that share much of their wording, found by the 13-grams of their words.

The 13-gram is the convention of decontamination since GPT-3 (Brown et al. 2020, arXiv 2005.14165, appendix C): text is
lower-cased, punctuation is no word, and two texts overlap where they share 13 words in a row. Mathematics has stock
phrases of that length, so every pair comes with the share of the shorter problem's 13-grams that the other also has. A
problem of fewer than 13 words has none and is compared as a whole, case and blanks aside.

Grams may be shorter, and of texts without the names of their variables (`names`). All of
them lie as 64-bit hashes in one sorted array: about 40 bytes a word of the problem set.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from int_verl.problems.names import Names, without_names

WORDS = 13
_COMMON = 10  # of a 13-gram in more problems than this, pairs are formed with the first so many only
_WORD = re.compile(r"\w+")
_WEIGHTS = np.array([pow(0x9E3779B97F4A7C15, i, 2**64) for i in range(WORDS)], dtype=np.uint64)  # odd, so never 0

Hashes = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two problems that share 13-grams.

    Example: ``Pair(3, 0, shared=40, share=0.8)``: problem 3 has 40 13-grams in common with problem 0, 80 % of those
    of the shorter of the two.
    """

    first: int
    "Position in the texts that were asked about."
    second: int
    "Position in the texts that it was compared with; within one set always an earlier one."
    shared: int
    share: float


class Grams:
    """The distinct 13-grams of texts; a text's position is its turn in `add`.

    Args:
        words: in a gram, at most 13.
        names: what stands for the names of variables; None: they stay. A text that is compared as a whole has them
            numbered.
    """

    def __init__(self, words: int = WORDS, names: Names | None = None) -> None:
        self._size, self._names = words, names
        self._words: dict[str, int] = {}
        self._hashes: list[Hashes] = []

    def add(self, text: str) -> None:
        words, whole = text, text
        if self._names is not None:
            words, whole = without_names(text, self._names), without_names(text, "numbered")
        self._hashes.append(_hashes(words, whole, self._size, self._words))

    def pairs(self, others: Grams | None = None, rare: int | None = None) -> list[Pair]:
        """All pairs of a text here and one of `others` (default: an earlier one here) that share a gram, those
        that share most first.

        Args:
            rare: grams of more than so many of the others do not count.
        """
        values, owners, counts = self._sorted()
        other_values, other_owners, other_counts = others._sorted() if others else (values, owners, counts)
        start = np.searchsorted(other_values, values, side="left")
        found = np.searchsorted(other_values, values, side="right") - start
        if rare is not None:
            found[found > rare] = 0
        found = np.minimum(found, _COMMON)
        if others is None:
            found[found == 1] = 0  # it meets nobody but itself
        first = np.repeat(owners, found)
        steps = np.arange(found.sum()) - np.repeat(np.cumsum(found) - found, found)
        second = other_owners[np.repeat(start, found) + steps]
        if others is None:
            first, second = first[second < first], second[second < first]
        width = max(len(other_counts), 1)
        keys, shared = np.unique(first.astype(np.int64) * width + second, return_counts=True)
        first, second = np.divmod(keys, width)
        share = shared / np.minimum(counts[first], other_counts[second])
        pairs = map(Pair, first.tolist(), second.tolist(), shared.tolist(), share.tolist())
        return sorted(pairs, key=lambda pair: (-pair.share, pair.first, pair.second))

    def _sorted(self) -> tuple[Hashes, NDArray[np.int32], NDArray[np.int64]]:
        """The hashes of all 13-grams in order, the text that each comes from, and each text's number of them."""
        counts = np.array([len(own) for own in self._hashes], dtype=np.int64)
        owners = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        values = np.concatenate([np.zeros(0, np.uint64), *self._hashes])
        order = np.argsort(values, kind="stable")
        return values[order], owners[order], counts


def _hashes(text: str, whole: str, size: int, known: dict[str, int]) -> Hashes:
    """Hashes of the distinct grams of a text, or of the `whole` of a shorter one."""
    words = _WORD.findall(text.lower())
    if len(words) < size:
        return np.array([_hash("".join(whole.lower().split()))], dtype=np.uint64)
    for word in set(words) - known.keys():
        known[word] = _hash(word)
    values = np.array([known[word] for word in words], dtype=np.uint64)
    return np.unique(sliding_window_view(values, size) @ _WEIGHTS[:size])


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
