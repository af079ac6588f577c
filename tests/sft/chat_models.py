"""Tokenizers of well-known model families, small: their chat templates, special tokens and kinds of BPE.

The templates are those of the models' public tokenizer_config.json on the Hugging Face hub, as far as a chat without
tools goes: Qwen/Qwen2.5-7B-Instruct, Qwen/Qwen3-4B, Qwen/Qwen3-4B-Thinking-2507, meta-llama/Meta-Llama-3-8B-Instruct,
google/gemma-2-9b-it. The vocabularies are trained on `TEXT`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

QWEN_2_5 = (
    "{%- if messages[0]['role'] == 'system' %}{{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}"
    "{%- else %}{{- '<|im_start|>system\\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant."
    "<|im_end|>\\n' }}{%- endif %}"
    "{%- for message in messages %}"
    '{%- if (message.role == "user") or (message.role == "system" and not loop.first) or (message.role == "assistant") '
    "%}{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}{%- endif %}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)

QWEN_3 = (
    "{%- if messages[0].role == 'system' %}{{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}"
    "{%- endif %}"
    "{%- set ns = namespace(last_query_index=messages|length - 1, multi_step_tool=true) %}"
    "{%- for message in messages[::-1] %}{%- set index = (messages|length - 1) - loop.index0 %}"
    '{%- if ns.multi_step_tool and message.role == "user" %}{%- set ns.multi_step_tool = false %}'
    "{%- set ns.last_query_index = index %}{%- endif %}{%- endfor %}"
    "{%- for message in messages %}{%- set content = message.content %}"
    '{%- if (message.role == "user") or (message.role == "system" and not loop.first) %}'
    "{{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>' + '\\n' }}"
    "{%- elif message.role == \"assistant\" %}{%- set reasoning_content = '' %}"
    "{%- if '</think>' in content %}"
    "{%- set reasoning_content = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}"
    "{%- set content = content.split('</think>')[-1].lstrip('\\n') %}{%- endif %}"
    "{%- if loop.index0 > ns.last_query_index and (loop.last or reasoning_content) %}"
    "{{- '<|im_start|>' + message.role + '\\n<think>\\n' + reasoning_content.strip('\\n') + '\\n</think>\\n\\n' "
    "+ content.lstrip('\\n') }}"
    "{%- else %}{{- '<|im_start|>' + message.role + '\\n' + content }}{%- endif %}"
    "{{- '<|im_end|>\\n' }}{%- endif %}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}"
    "{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}"
    "{%- endif %}"
)

QWEN_3_THINKING = QWEN_3[: QWEN_3.index("{%- if add_generation_prompt %}")] + (
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n<think>\\n' }}{%- endif %}"
)

LLAMA_3 = (
    "{% set loop_messages = messages %}{% for message in loop_messages %}"
    "{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim "
    "+ '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}"
)

GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}"
    "{% endif %}{% for message in messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}"
    "{% endif %}{{ '<start_of_turn>' + role + '\\n' + message['content'] | trim + '<end_of_turn>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{'<start_of_turn>model\\n'}}{% endif %}"
)


@dataclass(frozen=True)
class Family:
    """A family's template and special tokens, the end of a turn first."""

    template: str
    special: tuple[str, ...]
    bos: str | None
    generation_prompt: str
    "What the template's prompt ends with."
    variables: tuple[tuple[str, bool], ...] = ()
    "For the template."


_QWEN = ("<|im_end|>", "<|endoftext|>", "<|im_start|>", "<think>", "</think>")
FAMILIES = {
    "qwen2.5": Family(QWEN_2_5, _QWEN[:3], None, "<|im_start|>assistant\n"),
    "qwen3": Family(QWEN_3, _QWEN, None, "<|im_start|>assistant\n"),
    "qwen3 not thinking": Family(
        QWEN_3, _QWEN, None, "<|im_start|>assistant\n<think>\n\n</think>\n\n", (("enable_thinking", False),)
    ),
    "qwen3-thinking": Family(QWEN_3_THINKING, _QWEN, None, "<|im_start|>assistant\n<think>\n"),
    "llama3": Family(
        LLAMA_3,
        ("<|eot_id|>", "<|end_of_text|>", "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>"),
        "<|begin_of_text|>",
        "<|start_header_id|>assistant<|end_header_id|>\n\n",
    ),
    "gemma": Family(
        GEMMA,
        ("<end_of_turn>", "<eos>", "<bos>", "<pad>", "<start_of_turn>"),
        "<bos>",
        "<start_of_turn>model\n",
    ),
}

TEXT = [
    "We add the numbers.\n\nThen we count on from three.\n\nSo the answer is \\boxed{7}.",
    "Solve the problem. What is 3 + 4? Think about it and write every step.\n\n\n"
    "It is \\boxed{8}.\n\n### Step 2\n$$x^2$$",
] * 20


def save_tokenizer(folder: Path, family: Family) -> Path:
    """A folder with the family's tokenizer, and what else `ChatCodec` looks at."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    if family.template == GEMMA:  # SentencePiece's kind: spaces are ▁, what is unknown falls back to bytes
        backend = Tokenizer(models.BPE(byte_fallback=True, unk_token=None))
        backend.normalizer = normalizers.Replace(" ", "▁")
        backend.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
        alphabet = sorted({character for text in TEXT for character in text.replace(" ", "▁")})
        byte_tokens = [f"<0x{byte:02X}>" for byte in range(256)]
        trainer = trainers.BpeTrainer(
            vocab_size=390, special_tokens=[*family.special, *byte_tokens], initial_alphabet=alphabet
        )
    else:
        backend = Tokenizer(models.BPE())
        backend.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(_gpt_pattern(), behavior="isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        backend.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=500,
            special_tokens=list(family.special),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        )
    backend.train_from_iterator(TEXT, trainer)
    if family.bos is not None:  # as the real ones: put in front of every text that is encoded with special tokens
        backend.post_processor = processors.TemplateProcessing(
            single=f"{family.bos} $A", special_tokens=[(family.bos, backend.token_to_id(family.bos))]
        )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token=family.bos, eos_token=family.special[1], pad_token=family.special[1]
    )
    tokenizer.chat_template = family.template
    tokenizer.save_pretrained(folder)
    ends = [tokenizer.convert_tokens_to_ids(token) for token in family.special[:2]]
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": ends}))
    (folder / "config.json").write_text(json.dumps({"vocab_size": len(tokenizer)}))
    return folder


def _gpt_pattern() -> object:
    """Qwen's and Llama-3's splitting: `.\\n\\n` is one piece."""
    from tokenizers import Regex

    return Regex(
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|"
        r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    )
