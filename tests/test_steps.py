"""Splitting attempts into steps, and cutting them on token boundaries."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from int_verl.steps import prefix_tokens, split_steps, step_start

texts = st.text(alphabet=st.sampled_from("ab.\n\n\n$é∑ "), max_size=40) | st.text(max_size=40)


class BPE:
    """A byte-level BPE whose merges run across the ends of steps."""

    def __init__(self) -> None:
        self.tokenizer = Tokenizer(models.BPE())
        self.tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        self.tokenizer.decoder = decoders.ByteLevel()
        corpus = ["a.\n\nb", "a\n\n\nb", "$$\n\na", "é.\n\n"] * 50
        trainer = trainers.BpeTrainer(
            vocab_size=300, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
        )
        self.tokenizer.train_from_iterator(corpus, trainer)

    def encode(self, text: str) -> list[int]:
        return list(self.tokenizer.encode(text).ids)

    def decode(self, token_ids: Sequence[int]) -> str:
        return str(self.tokenizer.decode(list(token_ids), skip_special_tokens=False))


@pytest.fixture(scope="module")
def bpe() -> BPE:
    return BPE()


@given(texts)
def test_steps_join_to_the_text(text: str) -> None:
    assert "\n\n".join(split_steps(text)) == text


@given(texts)
def test_a_run_of_newlines_makes_no_empty_step(text: str) -> None:
    assert all(split_steps(text)[1:-1])


@given(texts)
def test_step_starts_are_where_the_steps_are(text: str) -> None:
    steps = split_steps(text)
    for i, step in enumerate(steps, 1):
        start = step_start(text, i)
        assert text[start : start + len(step)] == step
        assert start == len("\n\n".join([*steps[: i - 1], ""]))
    assert step_start(text, len(steps) + 1) == len(text)


@pytest.mark.parametrize("location", [0, -1, 4])
def test_a_location_outside_the_attempt_is_refused(location: int) -> None:
    with pytest.raises(ValueError, match="location"):
        step_start("one\n\ntwo", location)


def test_merges_across_steps_exist(bpe: BPE) -> None:
    """The tokenizer of these tests really has tokens that end in a separator, and one that runs over it."""
    tokens = {bpe.decode([i]) for i in range(bpe.tokenizer.get_vocab_size())}
    assert any(token.endswith(".\n\n") for token in tokens)
    assert any("\n\n\n" in token for token in tokens)


@given(data=st.data(), text=texts)
def test_a_prefix_has_the_text_of_the_cut(bpe: BPE, data: st.DataObject, text: str) -> None:
    token_ids = bpe.encode(text)
    cut = data.draw(st.integers(0, len(text)))
    prefix = prefix_tokens(bpe, token_ids, cut)
    assert bpe.decode(prefix.token_ids) == text[:cut]
    assert list(prefix.token_ids[: prefix.exact]) == token_ids[: prefix.exact]


@given(data=st.data(), text=texts)
def test_a_cut_between_tokens_keeps_every_token(bpe: BPE, data: st.DataObject, text: str) -> None:
    token_ids = bpe.encode(text)
    count = data.draw(st.integers(0, len(token_ids)))
    before = bpe.decode(token_ids[:count])
    if not text.startswith(before):  # the cut would be inside a character
        return
    prefix = prefix_tokens(bpe, token_ids, len(before))
    assert prefix.token_ids[: prefix.exact] == prefix.token_ids
    assert list(prefix.token_ids) == token_ids[: len(prefix.token_ids)]


def test_tokens_that_the_policy_chose_differently_are_kept(bpe: BPE) -> None:
    """A sampled sequence need not be what the tokenizer would have produced for its text."""
    sampled = [token for character in "a.\n\nb" for token in bpe.encode(character)]
    assert sampled != bpe.encode("a.\n\nb")
    prefix = prefix_tokens(bpe, sampled, len("a.\n\n"))
    assert list(prefix.token_ids) == sampled[:4]
    assert prefix.exact == 4


def test_a_cut_inside_a_token_encodes_only_the_rest_anew(bpe: BPE) -> None:
    token_ids = bpe.encode("a\n\n\nb")
    assert len(bpe.encode("a\n\n\n")) < 4
    prefix = prefix_tokens(bpe, token_ids, len("a\n\n"))
    assert bpe.decode(prefix.token_ids) == "a\n\n"
    assert prefix.exact < len(prefix.token_ids)
