"""Train the quickstart's tokenizer and model from scratch, on one CPU core.

    python recipes/quickstart/pretrain.py --out recipes/quickstart/model

One set of weights learns three skills: to solve in its own style with systematic errors, to rewrite a reference
solution in that style, and to verify a numbered attempt against a reference. Wherever a reference appears in
training its values are random, so no right product can leak in through it: the verifier learns to compare and
to copy, never what is true. Short drills teach products and comparisons faster than whole solutions do.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from domain import (
    MODULUS,
    ORDINALS,
    Misbeliefs,
    Problem,
    draw_problem,
    guided_solution_prompt,
    own_solution,
    problem_sets,
    reference_solution,
    solve_prompt,
    verification,
    verify_prompt,
)
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

CHAT_TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
END = "<|im_end|>"
# (share of training done, shortest and longest problem, share of copying exercises)
CURRICULUM = ((0.2, 1, 3, 0.10), (0.4, 2, 5, 0.02), (1.0, 3, 6, 0.0))
VERDICT_WEIGHT, VALUE_WEIGHT = 6.0, 4.0

Sample = tuple[str, str, str]  # prompt, completion, kind


def chat(content: str) -> str:
    """The rendered chat prompt; equal to the tokenizer's own template, without the cost of rendering it."""
    return f"<|im_start|>user\n{content}{END}\n<|im_start|>assistant\n"


def wrong_somewhere(problem: Problem, rng: random.Random) -> tuple[list[int], list[int]]:
    """Random reference values, and an attempt's values that first differ from them at a random step."""
    reference_values = [rng.randrange(MODULUS) for _ in problem.operations]
    first_error = rng.randrange(len(reference_values))
    values = reference_values[:first_error] + [rng.randrange(MODULUS) for _ in reference_values[first_error:]]
    while values[first_error] == reference_values[first_error]:
        values[first_error] = rng.randrange(MODULUS)
    return reference_values, values


def train_tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE behind a word and number split: the domain's words are one token each, all else is bytes."""
    rng = random.Random(7)
    corpus: list[str] = ["user", "assistant", "system"] * 2000
    for _ in range(2000):
        problem = draw_problem(rng, 3, 8)
        reference_values, values = wrong_somewhere(problem, rng)
        reference = reference_solution(problem, reference_values)
        corpus += [
            solve_prompt(problem),
            own_solution(problem, values),
            guided_solution_prompt(problem, reference),
            verify_prompt(problem, reference, own_solution(problem, values)),
            verification(problem, reference_values, values),
        ]
    tokenizer = Tokenizer(models.BPE())
    words = Regex(r"\n+| ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(words, "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=800,
        special_tokens=["<|endoftext|>", "<|im_start|>", END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus, trainer)
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


class Mixture:
    """Draws training samples; the same seed gives the same stream."""

    def __init__(self, misbeliefs: Misbeliefs, seed: int) -> None:
        self.misbeliefs = misbeliefs
        self.rng = random.Random(seed * 7919 + 11)
        self.excluded = {problem for split in problem_sets().values() for problem in split}

    def draw(self, progress: float, copying_vocabulary: list[str]) -> Sample:
        rng = self.rng
        shortest, longest, copying_share = next(stage[1:] for stage in CURRICULUM if progress <= stage[0])
        drills = 0.45 if progress < 0.85 else 0.25
        u = rng.random()
        if u < drills * 0.65:
            return self.product_drill()
        if u < drills:
            return self.comparison_drill()
        if rng.random() < copying_share:
            span = "".join(rng.sample(copying_vocabulary, rng.randint(6, 14)))
            return span, span + END, "text"
        problem = draw_problem(rng, shortest, longest)
        while problem in self.excluded:
            problem = draw_problem(rng, shortest, longest)
        skill = rng.choices(("solve", "rewrite", "verify"), (0.47, 0.08, 0.45))[0]
        if skill == "solve":
            return chat(solve_prompt(problem)), own_solution(problem, self.misbeliefs.run(problem, rng)) + END, "text"
        reference_values, values = wrong_somewhere(problem, rng)
        if rng.random() < 0.04:
            values = reference_values
        reference = reference_solution(problem, reference_values)
        if skill == "rewrite":
            prompt = guided_solution_prompt(problem, reference)
            return chat(prompt), own_solution(problem, reference_values) + END, "text"
        prompt = verify_prompt(problem, reference, own_solution(problem, values))
        return chat(prompt), verification(problem, reference_values, values) + END, "text"

    def product_drill(self) -> Sample:
        """Single steps out of context; only the value counts in the loss."""
        rng, lines = self.rng, []
        for _ in range(10):
            name = rng.choice(("times", "times", "plus", "minus"))
            operand = rng.randint(2, 9) if name == "times" else rng.randint(1, 3)
            value = rng.randrange(MODULUS)
            result = self.misbeliefs.believe(name, value, operand, rng)
            lines.append(f"Step {rng.randint(1, 6)}: {name} {operand}, {value} -> {result}")
        return "", "\n\n".join(lines) + "\n\n", "product drill"

    def comparison_drill(self) -> Sample:
        """Single lines of a verification; only the verdict counts in the loss."""
        rng, lines = self.rng, []
        for _ in range(12):
            value = rng.randrange(MODULUS)
            reference_value = value if rng.random() < 0.5 else rng.randrange(MODULUS)
            i = rng.randint(1, 6)
            start = ""
            if rng.random() < 0.25:
                name = rng.choice(("times", "times", "plus", "minus"))
                start = f"Substep {i}: {name} {rng.randint(1, 9)}, {rng.randrange(MODULUS)}"
            verdict = "match" if value == reference_value else "wrong"
            lines.append(f"{start} -> {value}; {ORDINALS[i - 1]} {reference_value} {verdict}.")
        return "", "\n".join(lines) + "\n", "comparison drill"


class LossWeights:
    """The weight of every completion token: verdicts and computed values count more than the form around them."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self.arrow = self._single(tokenizer, " ->")
        self.verdicts = {self._single(tokenizer, " match"), self._single(tokenizer, " wrong")}

    @staticmethod
    def _single(tokenizer: PreTrainedTokenizerFast, word: str) -> int:
        (token_id,) = tokenizer(word).input_ids
        return token_id

    def __call__(self, completion: list[int], kind: str) -> list[float]:
        weights = [1.0 if kind == "text" else 0.0] * len(completion)
        for i, token_id in enumerate(completion):
            if token_id in self.verdicts and kind != "product drill":
                weights[i] = VERDICT_WEIGHT
            if i and completion[i - 1] == self.arrow and kind != "comparison drill":
                weights[i] = VALUE_WEIGHT
        return weights


Encoded = tuple[list[int], list[int], str]


def batches(
    mixture: Mixture, tokenizer: PreTrainedTokenizerFast, tokens_per_batch: int, progress: list[float]
) -> Iterator[list[Encoded]]:
    """Batches of samples of like length; `progress[0]` is read at every refill."""
    words = [f" {i}" for i in range(MODULUS)]
    words += [f" {word}" for word in ("plus", "minus", "times", "From", "Step", *ORDINALS[:6])] + [",", ":", ".", ";"]
    while True:
        pool = [mixture.draw(progress[0], words) for _ in range(384)]
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


def optimizers(model: Qwen3ForCausalLM, lr: float, muon_lr: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers, AdamW for the embedding and the norms."""
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and ".layers." in name]
    others = [p for name, p in model.named_parameters() if not (p.ndim == 2 and ".layers." in name)]
    return [
        torch.optim.Muon(matrices, lr=muon_lr, weight_decay=0.01, momentum=0.95),
        torch.optim.AdamW(others, lr=lr, betas=(0.9, 0.98), weight_decay=0.0),
    ]


@torch.no_grad()
def check(model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast, misbeliefs: Misbeliefs) -> dict[str, float]:
    """Teacher-forced figures on fresh problems: belief of products, verdicts, whole verifications by argmax."""
    rng = random.Random(99)
    weights = LossWeights(tokenizer)
    figures: dict[str, list[bool]] = {"believed product": [], "verdict": [], "whole verification": [], "rewrite": []}
    for kind in ("solve", "rewrite", "verify"):
        texts = []
        for _ in range(60):
            problem = draw_problem(rng)
            if kind == "solve":
                texts.append((chat(solve_prompt(problem)), own_solution(problem, misbeliefs.expected(problem)) + END))
                continue
            reference_values, values = wrong_somewhere(problem, rng)
            reference = reference_solution(problem, reference_values)
            if kind == "rewrite":
                texts.append(
                    (chat(guided_solution_prompt(problem, reference)), own_solution(problem, reference_values) + END)
                )
            else:
                prompt = verify_prompt(problem, reference, own_solution(problem, values))
                texts.append((chat(prompt), verification(problem, reference_values, values) + END))
        for prompt, completion in texts:
            p, c = tokenizer([prompt, completion], add_special_tokens=False).input_ids
            guesses = model(input_ids=torch.tensor([p + c])).logits[0, len(p) - 1 : -1].argmax(-1).tolist()
            right = [guess == token for guess, token in zip(guesses, c, strict=True)]
            if kind == "solve":
                figures["believed product"] += [right[i] for i in range(1, len(c)) if c[i - 1] == weights.arrow]
            elif kind == "rewrite":
                figures["rewrite"].append(all(right))
            else:
                figures["verdict"] += [right[i] for i in range(len(c)) if c[i] in weights.verdicts]
                figures["whole verification"].append(all(right))
    return {name: round(sum(hits) / len(hits), 3) for name, hits in figures.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the checkpoint and tokenizer")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tokens", type=float, default=6.5e6, help="training tokens, padding included")
    parser.add_argument("--tokens-per-batch", type=int, default=2_500)
    parser.add_argument("--lr", type=float, default=2e-3, help="peak rate of AdamW")
    parser.add_argument("--muon-lr", type=float, default=0.01, help="peak rate of Muon")
    args = parser.parse_args()

    torch.set_num_threads(1)
    tokenizer = train_tokenizer()
    misbeliefs = Misbeliefs(args.seed)
    mixture = Mixture(misbeliefs, args.seed)
    loss_weights = LossWeights(tokenizer)
    model = build_model(tokenizer, args.seed)
    model.train()
    optims = optimizers(model, args.lr, args.muon_lr)
    peaks = [group["lr"] for optim in optims for group in optim.param_groups]
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, vocabulary {len(tokenizer)}", flush=True)

    started, trained, progress, losses = time.time(), 0, [0.0], []
    for step, batch in enumerate(batches(mixture, tokenizer, args.tokens_per_batch, progress), 1):
        progress[0] = trained / args.tokens
        if progress[0] >= 1.0:
            break
        factor = min(1.0, step / 60) * min(1.0, (1.0 - progress[0]) / 0.5)
        for peak, group in zip(peaks, (g for optim in optims for g in optim.param_groups), strict=True):
            group["lr"] = peak * max(factor, 0.01)
        ids_BT, weights_BT = collate(batch, tokenizer.pad_token_id, loss_weights)
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
        if step % 250 == 0:
            model.eval()
            print(f"step {step} {check(model, tokenizer, misbeliefs)}", flush=True)
            model.train()
            model.save_pretrained(args.out)
            tokenizer.save_pretrained(args.out)
    model.eval()
    figures = check(model, tokenizer, misbeliefs)
    model.save_pretrained(args.out)
    tokenizer.save_pretrained(args.out)
    settings = {name: value for name, value in vars(args).items() if name != "out"}
    record = settings | {"steps": len(losses), "seconds": round(time.time() - started), "figures": figures}
    (args.out / "pretraining.json").write_text(json.dumps(record, indent=2) + "\n")
    print(figures)


if __name__ == "__main__":
    main()
