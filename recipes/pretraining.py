"""Pretraining of a tiny model from scratch on one CPU core: tokenizer, batches, loss weights, optimizers, the loop.

What a model is trained on is its recipe's business: a `Mixture` draws the samples.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

CHAT_TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
END = "<|im_end|>"
CHECKPOINT = "training.pt"
CHECK_EVERY = 250
"Steps."
VERDICT_WEIGHT, VALUE_WEIGHT, COPIED_WEIGHT = 6.0, 4.0, 4.0

Sample = tuple[str, str, str]
"Prompt, completion, kind: `text`, `value drill` (only values count in the loss) or `comparison drill` (only verdicts)."
Encoded = tuple[list[int], list[int], str]
Figures = dict[str, float]


class Mixture(Protocol):
    """Draws training samples; the same seed gives the same stream."""

    rng: random.Random

    def draw(self, progress: float) -> Sample:
        """`progress`: the share of training done."""


def chat(content: str) -> str:
    """The rendered chat prompt; equal to the tokenizer's own template, without the cost of rendering it."""
    return f"<|im_start|>user\n{content}{END}\n<|im_start|>assistant\n"


def train_tokenizer(texts: Iterable[str], largest: int = 800) -> PreTrainedTokenizerFast:
    """Byte-level BPE behind a word and number split: the domain's words are one token each, all else is bytes.

    Args:
        largest: tokens of the vocabulary; it has fewer where the words need fewer.
    """
    tokenizer = Tokenizer(models.BPE())
    words = Regex(r"\n+| ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(words, "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=largest,
        special_tokens=["<|endoftext|>", "<|im_start|>", END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([*["user", "assistant", "system"] * 2000, *texts], trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token="<|endoftext|>",
        clean_up_tokenization_spaces=False,
        model_max_length=1024,
        padding_side="left",
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast


def build_model(tokenizer: PreTrainedTokenizerFast, seed: int) -> Qwen3ForCausalLM:
    torch.manual_seed(seed)
    config = Qwen3Config(
        vocab_size=len(tokenizer),  # equal, or rollout and actor probabilities would differ
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=4,
        head_dim=32,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        initializer_range=0.04,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return Qwen3ForCausalLM(config)


class LossWeights:
    """The weight of every completion token: verdicts and computed values count more than the form around them."""

    def __init__(
        self, tokenizer: PreTrainedTokenizerFast, before_values: Collection[str], copied: Collection[str] = ()
    ) -> None:
        """`copied`: words that are copied from the problem, as is the word behind each."""
        self.before_values = {self._single(tokenizer, word) for word in before_values}
        self.copied = {self._single(tokenizer, word) for word in copied}
        self.verdicts = {self._single(tokenizer, " match"), self._single(tokenizer, " wrong")}

    @staticmethod
    def _single(tokenizer: PreTrainedTokenizerFast, word: str) -> int:
        (token_id,) = tokenizer(word).input_ids
        return token_id

    def __call__(self, completion: list[int], kind: str) -> list[float]:
        weights = [1.0 if kind == "text" else 0.0] * len(completion)
        for i, token_id in enumerate(completion):
            if token_id in self.verdicts and kind != "value drill":
                weights[i] = VERDICT_WEIGHT
            if i and completion[i - 1] in self.before_values and kind != "comparison drill":
                weights[i] = VALUE_WEIGHT
            if kind == "text" and (token_id in self.copied or (i and completion[i - 1] in self.copied)):
                weights[i] = max(weights[i], COPIED_WEIGHT)
        return weights


def batches(
    mixture: Mixture, tokenizer: PreTrainedTokenizerFast, tokens_per_batch: int, progress: list[float]
) -> Iterator[list[Encoded]]:
    """Batches of samples of like length; `progress[0]` is read at every refill."""
    while True:
        pool = [mixture.draw(progress[0]) for _ in range(384)]
        prompts = tokenizer([sample[0] for sample in pool], add_special_tokens=False).input_ids
        completions = tokenizer([sample[1] for sample in pool], add_special_tokens=False).input_ids
        encoded = [(p, c, sample[2]) for p, c, sample in zip(prompts, completions, pool, strict=True)]
        encoded.sort(key=lambda item: len(item[0]) + len(item[1]))
        ready: list[list[Encoded]] = [[]]
        for item in encoded:
            if (len(ready[-1]) + 1) * (len(item[0]) + len(item[1])) > tokens_per_batch:
                ready.append([])
            ready[-1].append(item)
        mixture.rng.shuffle(ready)
        yield from ready


def collate(batch: list[Encoded], pad_id: int, loss_weights: LossWeights) -> tuple[torch.Tensor, torch.Tensor]:
    """-> input ids and loss weights, both (batch, length)."""
    length = max(len(prompt) + len(completion) for prompt, completion, _ in batch)
    ids_BT = torch.full((len(batch), length), pad_id)
    weights_BT = torch.zeros(len(batch), length)
    for row, (prompt, completion, kind) in enumerate(batch):
        end = len(prompt) + len(completion)
        ids_BT[row, :end] = torch.tensor(prompt + completion)
        weights_BT[row, len(prompt) : end] = torch.tensor(loss_weights(completion, kind))
    return ids_BT, weights_BT


def optimizers(model: Qwen3ForCausalLM, lr: float, muon_lr: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers, AdamW for the embedding and the norms."""
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and ".layers." in name]
    others = [p for name, p in model.named_parameters() if not (p.ndim == 2 and ".layers." in name)]
    return [
        torch.optim.Muon(matrices, lr=muon_lr, weight_decay=0.01, momentum=0.95),
        torch.optim.AdamW(others, lr=lr, betas=(0.9, 0.98), weight_decay=0.0),
    ]


@torch.no_grad()
def argmax_hits(
    model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast, prompt: str, completion: str
) -> tuple[list[int], list[bool]]:
    """The completion's token ids, and at which of them the model's first choice, given all before it, is right."""
    p, c = tokenizer([prompt, completion], add_special_tokens=False).input_ids
    guesses = model(input_ids=torch.tensor([p + c])).logits[0, len(p) - 1 : -1].argmax(-1).tolist()
    return c, [guess == token for guess, token in zip(guesses, c, strict=True)]


@dataclass(frozen=True, slots=True)
class Budget:
    """How much is trained, and how fast."""

    tokens: float
    "Padding included."
    tokens_per_batch: int
    lr: float
    "Peak rate of AdamW."
    muon_lr: float
    "Peak rate of Muon."
    warmup: int = 60
    "Steps up to the peak."
    decay: float = 0.5
    "The last share of training, in which the rate falls to zero."


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of training on one mixture, with optimizers of its own."""

    budget: Budget
    mixture: Mixture
    loss_weights: LossWeights


def arguments(description: str | None, defaults: Budget) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.set_defaults(plan=defaults)
    parser.add_argument("--out", type=Path, required=True, help="folder for the checkpoint and tokenizer")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tokens", type=float, default=defaults.tokens, help="training tokens, padding included")
    parser.add_argument("--tokens-per-batch", type=int, default=defaults.tokens_per_batch)
    parser.add_argument("--lr", type=float, default=defaults.lr, help="peak rate of AdamW")
    parser.add_argument("--muon-lr", type=float, default=defaults.muon_lr, help="peak rate of Muon")
    return parser


def budget(args: argparse.Namespace) -> Budget:
    """The defaults, with what the command line says otherwise."""
    return replace(
        args.plan, tokens=args.tokens, tokens_per_batch=args.tokens_per_batch, lr=args.lr, muon_lr=args.muon_lr
    )


def pretrain(
    args: argparse.Namespace,
    tokenizer: PreTrainedTokenizerFast,
    phases: Sequence[Phase],
    check: Callable[[Qwen3ForCausalLM], Figures],
) -> None:
    """Train a fresh model and write it to `args.out`, with its tokenizer and a record of settings and figures.

    A training that was stopped goes on from its last checkpoint, `training.pt` there, on samples drawn anew.
    """
    model = build_model(tokenizer, args.seed)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, vocabulary {len(tokenizer)}", flush=True)
    begun, steps, seconds, first = Begun(), 0, 0.0, 0
    checkpoint = args.out / CHECKPOINT
    if checkpoint.is_file():
        kept = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(kept["model"])
        begun, steps, seconds, first = Begun(**kept["begun"]), kept["steps"], kept["seconds"], kept["phase"]
        print(f"goes on from step {steps} of {checkpoint}", flush=True)
    started = time.time() - seconds
    for number, phase in enumerate(phases[first:], first):
        for done in train(model, tokenizer, phase, begun):
            steps += 1
            if done.steps % CHECK_EVERY == 0:
                model.eval()
                print(f"step {done.steps} {check(model)}", flush=True)
                model.train()
                model.save_pretrained(args.out)
                tokenizer.save_pretrained(args.out)
                rest = {"steps": steps, "seconds": time.time() - started, "phase": number}
                torch.save({"model": model.state_dict(), "begun": vars(done), **rest}, f"{checkpoint}.part")
                Path(f"{checkpoint}.part").replace(checkpoint)
        begun = Begun()
    model.eval()
    figures = check(model)
    model.save_pretrained(args.out)
    tokenizer.save_pretrained(args.out)
    record = {
        "seed": args.seed,
        "phases": [asdict(phase.budget) for phase in phases],
        "steps": steps,
        "seconds": round(time.time() - started),
        "figures": figures,
    }
    (args.out / "pretraining.json").write_text(json.dumps(record, indent=2) + "\n")
    checkpoint.unlink(missing_ok=True)
    print(figures)


@dataclass
class Begun:
    """How far a phase has come; what a training that was stopped needs to go on, beside the model."""

    steps: int = 0
    trained: int = 0
    "Tokens, padding included."
    optimizers: list[dict[str, Any]] = field(default_factory=list)
    "Their states; none before the first step."


def train(
    model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast, phase: Phase, begun: Begun | None = None
) -> Iterator[Begun]:
    """Train on one phase, from where it was left; yields after every step how far it has come."""
    plan, begun = phase.budget, begun or Begun()
    model.train()
    optims = optimizers(model, plan.lr, plan.muon_lr)
    peaks = [group["lr"] for optim in optims for group in optim.param_groups]
    for optim, state in zip(optims, begun.optimizers, strict=False):
        optim.load_state_dict(state)
    if begun.steps:
        phase.mixture.rng.seed(begun.steps)  # not the samples of the beginning once more
    started, trained, progress, losses = time.time(), begun.trained, [begun.trained / plan.tokens], []
    drawn = batches(phase.mixture, tokenizer, plan.tokens_per_batch, progress)
    for step, batch in enumerate(drawn, begun.steps + 1):
        progress[0] = trained / plan.tokens
        if progress[0] >= 1.0:
            break
        factor = min(1.0, step / plan.warmup) * min(1.0, (1.0 - progress[0]) / plan.decay)
        for peak, group in zip(peaks, (g for optim in optims for g in optim.param_groups), strict=True):
            group["lr"] = peak * max(factor, 0.01)
        ids_BT, weights_BT = collate(batch, tokenizer.pad_token_id, phase.loss_weights)
        hidden_BTD = model.model(input_ids=ids_BT).last_hidden_state[:, :-1]
        trained_BT = weights_BT[:, 1:] > 0
        weights = weights_BT[:, 1:][trained_BT]
        logits = model.lm_head(hidden_BTD[trained_BT])
        token_losses = torch.nn.functional.cross_entropy(logits, ids_BT[:, 1:][trained_BT], reduction="none")
        loss = (token_losses * weights).sum() / weights.sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optim in optims:
            optim.step()
            optim.zero_grad(set_to_none=True)
        trained += ids_BT.numel()
        losses.append(loss.item())
        if step % 50 == 0:
            seconds = time.time() - started
            recent = sum(losses[-50:]) / 50
            print(f"step {step}: {trained} tokens in {seconds:.0f} s, loss {recent:.4f}", flush=True)
        yield Begun(step, trained, [optim.state_dict() for optim in optims])
