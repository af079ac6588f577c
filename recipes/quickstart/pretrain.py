"""Train the quickstart's tokenizer and model from scratch, on one CPU core.

    python recipes/quickstart/pretrain.py --out recipes/quickstart/model

One set of weights learns three skills: to solve in its own style with systematic errors, to rewrite a reference
solution in that style, and to verify a numbered attempt against a reference. Wherever a reference appears in
training its values are random, so no right product can leak in through it: the verifier learns to compare and
to copy, never what is true. Short drills teach products and comparisons faster than whole solutions do.
"""

from __future__ import annotations

import random
import sys
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

sys.path.insert(0, str(Path(__file__).parents[1]))

from pretraining import (
    END,
    Budget,
    Figures,
    LossWeights,
    Phase,
    Sample,
    argmax_hits,
    arguments,
    budget,
    chat,
    pretrain,
    train_tokenizer,
)
from transformers import PreTrainedTokenizerFast, Qwen3ForCausalLM

# (share of training done, shortest and longest problem, share of copying exercises)
CURRICULUM = ((0.2, 1, 3, 0.10), (0.4, 2, 5, 0.02), (1.0, 3, 6, 0.0))


def wrong_somewhere(problem: Problem, rng: random.Random) -> tuple[list[int], list[int]]:
    """Random reference values, and an attempt's values that first differ from them at a random step."""
    reference_values = [rng.randrange(MODULUS) for _ in problem.operations]
    first_error = rng.randrange(len(reference_values))
    values = reference_values[:first_error] + [rng.randrange(MODULUS) for _ in reference_values[first_error:]]
    while values[first_error] == reference_values[first_error]:
        values[first_error] = rng.randrange(MODULUS)
    return reference_values, values


def corpus() -> list[str]:
    """Texts of every kind, for the tokenizer."""
    rng = random.Random(7)
    texts = []
    for _ in range(2000):
        problem = draw_problem(rng, 3, 8)
        reference_values, values = wrong_somewhere(problem, rng)
        reference = reference_solution(problem, reference_values)
        texts += [
            solve_prompt(problem),
            own_solution(problem, values),
            guided_solution_prompt(problem, reference),
            verify_prompt(problem, reference, own_solution(problem, values)),
            verification(problem, reference_values, values),
        ]
    return texts


class Mixture:
    """Draws training samples; the same seed gives the same stream."""

    def __init__(self, misbeliefs: Misbeliefs, seed: int) -> None:
        self.misbeliefs = misbeliefs
        self.rng = random.Random(seed * 7919 + 11)
        self.excluded = {problem for split in problem_sets().values() for problem in split}
        self.words = [f" {i}" for i in range(MODULUS)]
        self.words += [f" {word}" for word in ("plus", "minus", "times", "From", "Step", *ORDINALS[:6])]
        self.words += [",", ":", ".", ";"]

    def draw(self, progress: float) -> Sample:
        rng = self.rng
        shortest, longest, copying_share = next(stage[1:] for stage in CURRICULUM if progress <= stage[0])
        drills = 0.45 if progress < 0.85 else 0.25
        u = rng.random()
        if u < drills * 0.65:
            return self.value_drill()
        if u < drills:
            return self.comparison_drill()
        if rng.random() < copying_share:
            span = "".join(rng.sample(self.words, rng.randint(6, 14)))
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

    def value_drill(self) -> Sample:
        """Single steps out of context; only the value counts in the loss."""
        rng, lines = self.rng, []
        for _ in range(10):
            name = rng.choice(("times", "times", "plus", "minus"))
            operand = rng.randint(2, 9) if name == "times" else rng.randint(1, 3)
            value = rng.randrange(MODULUS)
            result = self.misbeliefs.believe(name, value, operand, rng)
            lines.append(f"Step {rng.randint(1, 6)}: {name} {operand}, {value} -> {result}")
        return "", "\n\n".join(lines) + "\n\n", "value drill"

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


def check(model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast, misbeliefs: Misbeliefs) -> Figures:
    """Teacher-forced figures on fresh problems: belief of products, verdicts, whole verifications by argmax."""
    rng = random.Random(99)
    weights = LossWeights(tokenizer, [" ->"])
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
            c, right = argmax_hits(model, tokenizer, prompt, completion)
            if kind == "solve":
                figures["believed product"] += [right[i] for i in range(1, len(c)) if c[i - 1] in weights.before_values]
            elif kind == "rewrite":
                figures["rewrite"].append(all(right))
            else:
                figures["verdict"] += [right[i] for i in range(len(c)) if c[i] in weights.verdicts]
                figures["whole verification"].append(all(right))
    return {name: round(sum(hits) / len(hits), 3) for name, hits in figures.items()}


def main() -> None:
    args = arguments(__doc__, Budget(tokens=6.5e6, tokens_per_batch=2_500, lr=2e-3, muon_lr=0.01)).parse_args()
    torch.set_num_threads(1)
    tokenizer = train_tokenizer(corpus())
    misbeliefs = Misbeliefs(args.seed)
    phase = Phase(budget(args), Mixture(misbeliefs, args.seed), LossWeights(tokenizer, [" ->"]))
    pretrain(args, tokenizer, [phase], lambda model: check(model, tokenizer, misbeliefs))


if __name__ == "__main__":
    main()
