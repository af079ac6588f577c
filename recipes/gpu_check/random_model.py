"""A Qwen3 of random weights in the shape of the 4B model, and a tokenizer of its size, made without a hub.

Time and memory do not depend on what the weights are. On a CPU the model is a small one of the same kind.
"""

from __future__ import annotations

import shutil
from itertools import product
from pathlib import Path
from typing import Any

from job import Job
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

SHAPES: dict[str, dict[str, Any]] = {
    "gpu": {
        "vocab_size": 151_936,
        "hidden_size": 2560,
        "intermediate_size": 9728,
        "num_hidden_layers": 36,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "max_position_embeddings": 40_960,
    },
    "cpu": {
        "vocab_size": 2048,
        "hidden_size": 256,
        "intermediate_size": 512,
        "num_hidden_layers": 3,
        "num_attention_heads": 8,
        "num_key_value_heads": 2,
        "head_dim": 32,
        "max_position_embeddings": 4096,
    },
}
"Qwen/Qwen3-4B's config.json, and the small one."
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
CHAT_TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def random_model(job: Job) -> Path:
    """The model's folder, made where it is not there yet."""
    folder = job.out / "model"
    if not folder.is_dir():
        part = folder.with_name("model.part")
        shutil.rmtree(part, ignore_errors=True)
        write_model(part, job.platform)
        part.rename(folder)
    return folder


def write_model(folder: Path, platform: str) -> None:
    """bfloat16 on a GPU and float32 on a CPU; the input and the output embedding are one matrix, as in the 4B model."""
    import torch
    from transformers import AutoModelForCausalLM, Qwen3Config

    shape = SHAPES[platform]
    tokenizer = byte_tuples(shape["vocab_size"])
    ids = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id, "bos_token_id": None}
    config = Qwen3Config(**shape, **ids, tie_word_embeddings=True, rope_theta=1_000_000)
    torch.manual_seed(0)
    with torch.device("cuda" if platform == "gpu" else "cpu"):
        dtype = torch.bfloat16 if platform == "gpu" else torch.float32
        model = AutoModelForCausalLM.from_config(config, dtype=dtype)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def byte_tuples(size: int) -> PreTrainedTokenizerFast:
    """Byte-level BPE whose tokens are the bytes, then pairs of bytes, then pairs of pairs, as far as there is room.

    Every id is text, so that verl's decoding meets no hole in the vocabulary.
    """
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    pairs = list(product(letters, letters))
    fours = product(("".join(pair) for pair in pairs), repeat=2)
    room = size - len(SPECIAL) - len(letters)
    merges = pairs[:room]
    merges += [next(fours) for _ in range(room - len(merges))]
    vocabulary = {token: number for number, token in enumerate([*letters, *("".join(merge) for merge in merges)])}
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(SPECIAL))
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=SPECIAL[2], pad_token=SPECIAL[0], padding_side="left"
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast
