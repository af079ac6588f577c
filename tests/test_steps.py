"""Splitting attempts into steps, and cutting them on token boundaries."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from int_verl.settings.generation import StepRule
from int_verl.steps import Prefix, cut_steps, prefix_tokens, split_steps

RULES: tuple[StepRule, ...] = ("blank_line", "headings", "sentences")
rules = st.sampled_from(RULES)
texts = st.text(alphabet=st.sampled_from("aB.\n\n\n$é∑ #`\\"), max_size=40) | st.text(max_size=40)


# How Qwen's and GPT-4's tokenizers cut a text before they merge: marks and the newlines after them go together.
QWEN_PIECES = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


class BPE:
    """A byte-level BPE; without `pieces` its merges run across the ends of steps."""

    def __init__(self, pieces: str | None) -> None:
        self.tokenizer = Tokenizer(models.BPE())
        bytes_alone = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        cut = [pre_tokenizers.Split(Regex(pieces), "isolated")] if pieces else []
        self.tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*cut, bytes_alone])
        self.tokenizer.decoder = decoders.ByteLevel()
        corpus = ["a.\n\nb", "a\n\n\nb", "$$\n\na", "é.\n\n", "a. Then b"] * 50
        trainer = trainers.BpeTrainer(
            vocab_size=330, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
        )
        self.tokenizer.train_from_iterator(corpus, trainer)

    def encode(self, text: str) -> list[int]:
        return list(self.tokenizer.encode(text).ids)

    def decode(self, token_ids: Sequence[int]) -> str:
        return str(self.tokenizer.decode(list(token_ids), skip_special_tokens=False))


@pytest.fixture(scope="module")
def bpe() -> BPE:
    return BPE(None)


@pytest.fixture(scope="module")
def qwen() -> BPE:
    return BPE(QWEN_PIECES)


@given(texts)
def test_steps_join_to_the_text(text: str) -> None:
    assert "\n\n".join(split_steps(text)) == text


@given(texts)
def test_a_run_of_newlines_makes_no_empty_step(text: str) -> None:
    assert all(split_steps(text)[1:-1])


@given(texts)
def test_blank_lines_cut_as_the_public_function_does(text: str) -> None:
    assert cut_steps(text).texts == split_steps(text)
    assert all(cut_steps(text).joint(i) == "\n\n" for i in range(1, len(cut_steps(text))))


@given(text=texts, by=rules, data=st.data())
def test_steps_and_joints_add_up_to_the_text(text: str, by: StepRule, data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, len(text)))
    steps = cut_steps(text, by, begin)
    assert len(steps) >= 1
    joined = text[:begin]
    for i, step in enumerate(steps.texts, 1):
        assert steps.start(i) == len(joined)
        joined += step + steps.joint(i)
    assert joined == text
    assert steps.start(len(steps) + 1) == len(text)


@given(text=texts, by=st.sampled_from(["headings", "sentences"]))
def test_no_step_is_blank_unless_the_text_is(text: str, by: StepRule) -> None:
    steps = cut_steps(text, by)
    assert all(step.strip() for step in steps.texts) or not text.strip()
    assert not any(steps.joint(i).strip() for i in range(1, len(steps) + 1))


@pytest.mark.parametrize("location", [0, -1, 4])
def test_a_location_outside_the_attempt_is_refused(location: int) -> None:
    with pytest.raises(ValueError, match="location"):
        cut_steps("one\n\ntwo").start(location)


HEADINGS = [
    ("### Step 1\nx\n\ny\n\n### Step 2\nz", ["### Step 1\nx\n\ny", "### Step 2\nz"]),
    ("We begin.\n# A\nx", ["We begin.", "# A\nx"]),
    ("## Solution\n\n### Step 1\nx", ["## Solution\n\n### Step 1\nx"]),
    ("a\n```\n# a comment\n```\n#hash\n# B\nb", ["a\n```\n# a comment\n```\n#hash", "# B\nb"]),
    ("\n\n# A\nx\n\n# B\ny\n", ["\n\n# A\nx", "# B\ny"]),
    ("no heading\n\nat all", ["no heading\n\nat all"]),
]


@pytest.mark.parametrize(("text", "steps"), HEADINGS)
def test_headings_begin_steps(text: str, steps: list[str]) -> None:
    assert cut_steps(text, "headings").texts == steps


SENTENCES = [
    ("We get 2.5. So it is. Done", ["We get 2.5.", "So it is.", "Done"]),
    ("See Eq. 3, i.e. Vieta. Fig. 2 vs. Lemma 1!", ["See Eq. 3, i.e. Vieta.", "Fig. 2 vs. Lemma 1!"]),
    ("Let $x = 1. Then$ be. Next", ["Let $x = 1. Then$ be.", "Next"]),
    ("So $x = 3.$ Then", ["So $x = 3.$", "Then"]),
    (r"So \[ a. B. \] is. Then \(a. B\) ends.", [r"So \[ a. B. \] is.", r"Then \(a. B\) ends."]),
    ("a\n\nb", ["a", "b"]),
    ("1. Let x be. 2\n2. Let y be", ["1. Let x be.", "2", "2. Let y be"]),
    ("**Step 12.** We add. Good", ["**Step 12.** We add.", "Good"]),
    ("It meets AB at A. Then **so**? Yes.", ["It meets AB at A.", "Then **so**?", "Yes."]),
    ("Hence... we wait. It costs $5. Then $6.", ["Hence... we wait.", "It costs $5.", "Then $6."]),
    ("Run:\n```\na. B\n\nc = 1. D\n```\nand `x. Y` too. End", ["Run:\n```\na. B\n\nc = 1. D\n```",
     "and `x. Y` too.", "End"]),
    (r"So \begin{cases} a. B \\ c. D \end{cases} holds. It \$ is. It",
     [r"So \begin{cases} a. B \\ c. D \end{cases} holds.",
     r"It \$ is.", "It"]),
    ('He said "so." Then (as before.) We', ['He said "so."', "Then (as before.)", "We"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "steps"), SENTENCES)
def test_sentences_are_steps(text: str, steps: list[str]) -> None:
    assert cut_steps(text, "sentences").texts == steps


@pytest.mark.parametrize(
    "piece", ["$x$ ", ".", "\\[ ", "$ ", "a. ", "`", "\n", "e.g. A. $x.$ B\n\n", "```\n", "# a\n", ". )", "$a "]
)
def test_degenerate_output_is_cut_in_linear_time(piece: str) -> None:
    """The output of a model that repeats itself to the limit; quadratic time would run into the test's time limit."""
    for by in RULES:
        cut_steps(piece * (200_000 // len(piece)), by)


def test_merges_across_steps_exist(bpe: BPE, qwen: BPE) -> None:
    """The tokenizers of these tests really have tokens that end in a separator, and one that runs over it."""
    tokens = {bpe.decode([i]) for i in range(bpe.tokenizer.get_vocab_size())}
    assert any(token.endswith(".\n\nb") for token in tokens)
    tokens = {qwen.decode([i]) for i in range(qwen.tokenizer.get_vocab_size())}
    assert {".\n\n", "\n\n\n", "$$\n\n", " Then"} <= tokens


@given(data=st.data(), text=texts, whole=st.booleans())
def test_a_prefix_has_the_text_of_the_cut(bpe: BPE, qwen: BPE, data: st.DataObject, text: str, whole: bool) -> None:
    codec = bpe if whole else qwen
    token_ids = codec.encode(text)
    cut = data.draw(st.integers(0, len(text)))
    prefix = prefix_tokens(codec, token_ids, cut)
    assert codec.decode(prefix.token_ids) + prefix.rest == text[:cut]
    assert list(prefix.token_ids) == token_ids[: len(prefix.token_ids)]


@given(data=st.data(), text=texts)
def test_a_cut_between_tokens_keeps_every_token(bpe: BPE, data: st.DataObject, text: str) -> None:
    token_ids = bpe.encode(text)
    count = data.draw(st.integers(0, len(token_ids)))
    before = bpe.decode(token_ids[:count])
    if not text.startswith(before):  # the cut would be inside a character
        return
    prefix = prefix_tokens(bpe, token_ids, len(before))
    assert prefix.rest == ""
    assert len(bpe.decode(prefix.token_ids)) == len(before)


def test_tokens_that_the_policy_chose_differently_are_kept(bpe: BPE) -> None:
    """A sampled sequence need not be what the tokenizer would have produced for its text."""
    sampled = [token for character in "a.\n\nb" for token in bpe.encode(character)]
    assert sampled != bpe.encode("a.\n\nb")
    prefix = prefix_tokens(bpe, sampled, len("a.\n\n"))
    assert list(prefix.token_ids) == sampled[:4]
    assert prefix.rest == ""


def test_a_cut_inside_a_token_leaves_its_piece_over(qwen: BPE) -> None:
    token_ids = qwen.encode("a\n\n\nb")
    assert len(token_ids) == 3
    assert prefix_tokens(qwen, token_ids, len("a\n\n")) == Prefix(tuple(token_ids[:1]), "\n\n")


@pytest.mark.parametrize("by", RULES)
@pytest.mark.parametrize("thinking", ["", "é.\n\n\nhm$$\n\n</think>\n\n"])
@pytest.mark.parametrize(
    "text",
    [
        "a.\n\nb $$c$$\n\n\nd.\n\n",
        "# A\na.\n\n\n# B\n$$b$$\n\n# C\nc",
        "a.\n\nB. Then $$d$$\n\nE.\n\n\nF",
    ],
)
def test_steps_begin_between_tokens_or_at_the_word_after_a_space(
    qwen: BPE, thinking: str, text: str, by: StepRule
) -> None:
    """`.\\n\\n`, `\\n\\n\\n` and `$$\\n\\n` are single tokens here, and end where steps begin."""
    whole = thinking + text
    token_ids = qwen.encode(whole)
    steps = cut_steps(whole, by, len(thinking))
    for location in range(1, len(steps) + 2):
        prefix = prefix_tokens(qwen, token_ids, steps.start(location))
        assert qwen.decode(prefix.token_ids) + prefix.rest == whole[: steps.start(location)]
        assert list(prefix.token_ids) == token_ids[: len(prefix.token_ids)]
        assert prefix.rest in (("", " ") if by == "sentences" else ("",))
