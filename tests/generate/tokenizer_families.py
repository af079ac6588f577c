"""Small tokenizers of the kinds that models have, each with what it does at the beginning of a text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

SPECIAL = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
LLAMA_2 = (
    "{% for m in messages %}{% if m['role'] == 'user' %}{{ bos_token + '[INST] ' + m['content'] + ' [/INST]' }}"
    "{% else %}{{ ' ' + m['content'] + ' ' + eos_token }}{% endif %}{% endfor %}"
)
_TEXT = [
    "We add the numbers.\n\nThen we count on from three.\n\nSo the answer is \\boxed{7}.",
    "Solve it. What is 3 + 4?\n\n\nIt is \\boxed{8}, say $x^2 - 1$;\n### Step 2: the user is to add: A, B, C.",
    " a\n the count of the numbers, then; 0123456789 abcdefghijklmnopqrstuvwxyz <|>/[]_*=",
    '<intervention>\n{"content": "Count on.", "location": 2}\n</intervention>',
] * 20
_BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def _trained(backend: Tokenizer, trainer: Any) -> Tokenizer:
    backend.train_from_iterator(_TEXT, trainer)
    return backend


def _spaces_decoder(strip: bool) -> Any:
    parts = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    return decoders.Sequence([*parts, decoders.Strip(" ", 1, 0)] if strip else parts)


def _byte_fallback() -> Tokenizer:
    return Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))


def _bpe_trainer(*more: str) -> Any:
    # The bytes are no special tokens of the models that have them; here the trainer knows no other way to have them.
    return trainers.BpeTrainer(special_tokens=[*SPECIAL, *more], vocab_size=480, show_progress=False)


def metaspace(scheme: str) -> Tokenizer:
    backend = _byte_fallback()
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=False)
    backend.decoder = _spaces_decoder(strip=scheme != "never")
    return _trained(backend, _bpe_trainer(*_BYTES))


def prepended() -> Tokenizer:
    """Llama-2's, as converted: its normaliser puts the space in front."""
    backend = _byte_fallback()
    backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    backend.decoder = _spaces_decoder(strip=True)
    return _trained(backend, _bpe_trainer(*_BYTES))


def byte_level(add_prefix_space: bool, normalizer: Any = None) -> Tokenizer:
    backend = Tokenizer(models.BPE())
    if normalizer is not None:
        backend.normalizer = normalizer
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    return _trained(
        backend,
        trainers.BpeTrainer(special_tokens=SPECIAL, vocab_size=480, initial_alphabet=alphabet, show_progress=False),
    )


def unigram(scheme: str) -> Tokenizer:
    backend = Tokenizer(models.Unigram())
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=True)
    backend.decoder = decoders.Metaspace(prepend_scheme=scheme)
    trainer = trainers.UnigramTrainer(special_tokens=SPECIAL, vocab_size=200, unk_token="<unk>", show_progress=False)
    return _trained(backend, trainer)


def word_piece() -> Tokenizer:
    backend = Tokenizer(models.WordPiece(unk_token="<unk>"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=False)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece()
    return _trained(backend, trainers.WordPieceTrainer(special_tokens=SPECIAL, vocab_size=300, show_progress=False))


EXACT: dict[str, Callable[[], Tokenizer]] = {
    "metaspace always": lambda: metaspace("always"),
    "metaspace first": lambda: metaspace("first"),
    "metaspace never": lambda: metaspace("never"),
    "prepend": prepended,
    "byte level": lambda: byte_level(False),
    "byte level with a space in front": lambda: byte_level(True),
    "byte level, NFC": lambda: byte_level(False, normalizers.NFC()),
    "unigram always": lambda: unigram("always"),
    "unigram never": lambda: unigram("never"),
}
LOSSY: dict[str, Callable[[], Tokenizer]] = {
    "NFKC": lambda: byte_level(False, normalizers.NFKC()),
    "Lowercase": lambda: byte_level(False, normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])),
    "StripAccents": lambda: byte_level(False, normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()])),
    "BertNormalizer": word_piece,
}


def save(folder: Path, backend: Tokenizer, template: str = TEMPLATE) -> Path:
    """A folder with this tokenizer, which puts a BOS and an EOS around every text that it may."""
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[(token, backend.token_to_id(token)) for token in ("<s>", "</s>")]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="</s>"
    )
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    (folder / "config.json").write_text(json.dumps({"vocab_size": len(tokenizer)}))
    return folder
