"""Text as the tokens that continue another text by exactly it, whatever a tokenizer does at a text's beginning.

Llama-2's kind puts a space before every text that it is given, others a BOS; and every tokenizer reads `<|im_end|>` in
a text as the end of a turn. Here a text comes back as it was, after what stands before it, and is nothing but text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

from int_verl.errors import UserError
from int_verl.generate.thinking import CLOSE, OPEN

_ANCHORS = ("\n", "a", ".", "0")
"Texts to encode another one behind, where it is not encoded as it stands: the first that no token spans the end of."
_BLANK_LINE = "a\n\nb c"
"What every attempt has: without it there are no steps."
_ALTERED = ("A", "é", "²", "½", "ﬁ", "\t", "  ")
"What normalisers change that lose something; NFC, which does not change how a text reads, is none of them."


class InexactTextError(UserError):
    """The tokenizer has no tokens that give a text back as it is."""


class TextTokens:
    """Text to token ids and back.

    Args:
        tokenizer: a tokenizer of transformers.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        # transformers' own call and decode take twice the time, most of it in Python and under the interpreter's lock.
        self._backend: Any = getattr(tokenizer, "backend_tokenizer", None)
        if self._backend is not None:
            self._backend.no_truncation()
            self._backend.no_padding()

    def as_written(self, text: str) -> list[int]:
        """Token ids of a rendered prompt, in which special tokens are what they say."""
        if self._backend is not None:
            return list(self._backend.encode(text, add_special_tokens=False).ids)
        return list(self.tokenizer(text, add_special_tokens=False).input_ids)

    def decode(self, token_ids: Sequence[int]) -> str:
        if self._backend is not None:
            return str(self._backend.decode(list(token_ids), skip_special_tokens=False))
        return str(
            self.tokenizer.decode(list(token_ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
        )

    def exactly(self, text: str, control: Iterable[str] = ()) -> list[int]:
        """Token ids that continue any text by this one; what looks like a special token is text.

        Args:
            control: more tokens that a text must not hold, beside the special ones.

        Raises:
            InexactTextError: there are none.
        """
        return [token for piece in self.pieces(text, control) for token in self._exact(piece)]

    def after(self, text: str) -> list[int]:
        """Token ids of the rest of a rendered prompt, as they are behind another text."""
        for _, ids in self._behind_anchors(text):
            return ids
        return self.as_written(text)

    def continued(self, text: str) -> list[int]:
        """Token ids of what was written behind another text; special tokens in it are what they say.

        Raises:
            InexactTextError: there are none that give it back.
        """
        for anchor, ids in self._behind_anchors(text):
            if self._continues(anchor, ids, text):
                return ids
        return self.exactly(text)

    def special_in(self, rendered: str) -> frozenset[str]:
        """Added tokens that a rendered template holds: the marks of its turns, special or not."""
        return frozenset(token for token in self._added if token.strip() and token in rendered)

    def pieces(self, text: str, control: Iterable[str] = ()) -> list[str]:
        """A text in pieces, of which none holds a special token; mostly one."""
        tokens = (self._special | frozenset(control)) - {OPEN, CLOSE}  # thinking is no turn
        if not _one_of(tokens).search(text):
            return [text]
        cuts = [found.start() + 1 for found in _any_place_of(tokens).finditer(text)]
        return [text[start:end] for start, end in pairwise([0, *cuts, len(text)])]

    def end_of(self, text: str) -> str:
        """The special token that a text ends with, or nothing."""
        return max((token for token in self._special if token and text.endswith(token)), key=len, default="")

    def check(self, name: str) -> None:
        """Refuse a tokenizer that changes what it encodes.

        Raises:
            UserError: it does; the message names its part that does so.
        """
        if self._backend is None:
            return
        normalizer, lost = self._backend.normalizer, None
        if not self._is_exact(_BLANK_LINE):
            lost = _BLANK_LINE
        elif normalizer is not None:
            # What is only missing in the vocabulary is found where a text has it.
            changed = (text for text in _ALTERED if text.replace(" ", "▁") not in _spaced(normalizer, text))
            lost = next((text for text in changed if not self._is_exact(text)), None)
        if lost is not None:
            back = self.decode(self.as_written(lost))
            parts = (normalizer, self._backend.pre_tokenizer)
            kind = ", ".join(repr(part)[:100] for part in parts if part is not None)
            raise UserError(
                f"{name}: its tokenizer ({kind}) does not keep text as it is: {lost!r} comes back as {back!r}, so that "
                "no intervention can be put in exactly; use a model whose tokenizer keeps it"
            )

    @cached_property
    def _added(self) -> frozenset[str]:
        return frozenset(token.content for token in self.tokenizer.added_tokens_decoder.values())

    @cached_property
    def _special(self) -> frozenset[str]:
        marked = {token.content for token in self.tokenizer.added_tokens_decoder.values() if token.special}
        return frozenset(marked | set(self.tokenizer.all_special_tokens))

    def _exact(self, text: str) -> list[int]:
        """Of a text without special tokens; one that is not exact as a whole (`e` and its accent) is so in halves."""
        if not text:
            return []
        ids = self.as_written(text)
        if self._continues(self._anchor_ids[0], ids, text):
            return ids
        for anchor, ids in self._behind_anchors(text):
            if self._continues(anchor, ids, text):
                return ids
        if len(text) == 1:
            raise InexactTextError(f"the tokenizer has no token for {text!r}")
        middle = len(text) // 2
        return self._exact(text[:middle]) + self._exact(text[middle:])

    def _is_exact(self, text: str) -> bool:
        try:
            self._exact(text)
        except InexactTextError:
            return False
        return True

    def _continues(self, anchor_ids: list[int], ids: list[int], text: str) -> bool:
        return self.decode([*anchor_ids, *ids]) == self.decode(anchor_ids) + text

    @cached_property
    def _anchor_ids(self) -> list[list[int]]:
        return [self.as_written(anchor) for anchor in _ANCHORS]

    def _behind_anchors(self, text: str) -> Iterator[tuple[list[int], list[int]]]:
        """The ids of an anchor and of the text behind it, wherever no token has something of both."""
        for anchor, anchor_ids in zip(_ANCHORS, self._anchor_ids, strict=True):
            ids = self.as_written(anchor + text)
            if anchor_ids and ids[: len(anchor_ids)] == anchor_ids:
                yield anchor_ids, ids[len(anchor_ids) :]


def _spaced(normalizer: Any, text: str) -> str:
    return str(normalizer.normalize_str(text)).replace(" ", "▁")


@lru_cache(maxsize=8)
def _one_of(tokens: frozenset[str]) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(token) for token in tokens if len(token) > 1) or "(?!)")


@lru_cache(maxsize=8)
def _any_place_of(tokens: frozenset[str]) -> re.Pattern[str]:
    return re.compile(f"(?={_one_of(tokens).pattern})")
