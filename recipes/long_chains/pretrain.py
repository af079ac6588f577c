"""Train the tokenizer and model of the long chains from scratch, on one CPU core.

    python recipes/long_chains/pretrain.py --out recipes/long_chains/model

One set of weights learns three skills: to solve in its own style with errors of its own, to write a solution anew with
a reference in view, and to verify an attempt against a reference. Wherever a reference appears in training its values
are random, so no right product can leak in through it. Drills teach products and comparisons faster than whole
solutions do. Later phases are mostly solving: copying operations from a long problem comes last.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import torch
from chains import (
    FACTOR,
    LONGEST,
    MODULUS,
    base_misbeliefs,
    draw_problem,
    guided_solution_prompt,
    own_solution,
    own_step,
    problem_sets,
    reference_solution,
    rewritten,
    solve_prompt,
    textbook_step,
    verification,
    verify_prompt,
)

sys.path.insert(0, str(Path(__file__).parents[1]))

from arithmetic import Misbeliefs, Problem
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
CURRICULUM = ((0.15, 1, 4, 0.10), (0.3, 2, 8, 0.05), (0.4, 5, 16, 0.02), (1.0, 12, LONGEST, 0.0))
# Share of the phase done, shortest and longest problem.
Curriculum = tuple[tuple[float, int, int], ...]
LATER: tuple[tuple[Budget, Curriculum], ...] = (
    (Budget(2e6, 3_000, lr=1.5e-3, muon_lr=0.008, warmup=30, decay=0.6), ((0.25, 2, 8), (0.45, 6, 16), (1.0, 15, 24))),
    (Budget(1.8e6, 3_000, lr=1.2e-3, muon_lr=0.006, warmup=30, decay=0.8), ((1.0, 15, 24),)),
    (Budget(1.3e6, 3_000, lr=1e-3, muon_lr=0.005, warmup=30, decay=0.9), ((1.0, 15, 24),)),
)
VALUES = [" ->", " gives"]
COPIED = [" times", " plus", " minus", " multiplying", " adding", " subtracting"]
SKILLS = ("solve", "rewrite", "verify")


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
    for _ in range(1000):
        problem = draw_problem(rng)
        reference_values, values = wrong_somewhere(problem, rng)
        reference, attempt = reference_solution(problem, reference_values), own_solution(rng, problem, values)
        texts += [
            solve_prompt(problem),
            attempt,
            guided_solution_prompt(problem, reference),
            verify_prompt(problem, reference, attempt),
            verification(rng, problem, reference_values, values),
        ]
    return texts


class Mixture:
    """Draws training samples; the same seed gives the same stream."""

    def __init__(self, misbeliefs: Misbeliefs, seed: int) -> None:
        self.misbeliefs = misbeliefs
        self.rng = random.Random(seed * 7919 + 11)
        self.excluded = {problem for split in problem_sets().values() for problem in split}
        self.words = [f" {i}" for i in range(MODULUS)] + [
            " Line",
            "Line",
            " plus",
            " minus",
            " times",
            "Step",
            ":",
            ".",
            ",",
        ]

    def draw(self, progress: float) -> Sample:
        rng = self.rng
        shortest, longest, copying_share = next(stage[1:] for stage in CURRICULUM if progress <= stage[0])
        # Drills are short: by tokens they are a far smaller share than by samples.
        u, drills = rng.random(), 0.6
        if u < drills * 0.75:
            return self.value_drill()
        if u < drills:
            return self.comparison_drill()
        if rng.random() < copying_share:
            span = "".join(rng.sample(self.words, rng.randint(6, 14)))
            return span, span + END, "text"
        return self.whole_text(shortest, longest, (0.3, 0.4, 0.3))

    def whole_text(self, shortest: int, longest: int, shares: tuple[float, float, float]) -> Sample:
        """One of the skills, on a problem that is in no problem set."""
        rng = self.rng
        problem = draw_problem(rng, shortest, longest)
        while problem in self.excluded:
            problem = draw_problem(rng, shortest, longest)
        skill = rng.choices(SKILLS, shares)[0]
        if skill == "solve":
            solution = own_solution(rng, problem, self.misbeliefs.run(problem, rng))
            return chat(solve_prompt(problem)), solution + END, "text"
        reference_values, values = wrong_somewhere(problem, rng)
        if rng.random() < 0.04:
            values = reference_values
        reference = reference_solution(problem, reference_values)
        if skill == "rewrite":
            prompt = guided_solution_prompt(problem, reference)
            return chat(prompt), rewritten(rng, problem, reference_values) + END, "text"
        prompt = verify_prompt(problem, reference, own_solution(rng, problem, values))
        return chat(prompt), verification(rng, problem, reference_values, values) + END, "text"

    def value_drill(self) -> Sample:
        """Single steps out of context; only the value counts in the loss."""
        rng, lines = self.rng, []
        for _ in range(10):
            name = rng.choice(("times", "times", "plus", "minus"))
            operand = rng.randint(2, FACTOR) if name == "times" else rng.randint(1, 3)
            start = rng.randrange(MODULUS)
            step = textbook_step if rng.random() < 0.1 else lambda *what: own_step(rng, *what)
            value = self.misbeliefs.believe(name, start, operand, rng)
            lines.append(step(rng.randint(1, LONGEST), name, operand, start, value))
        return "", "\n\n".join(lines) + "\n\n", "value drill"

    def comparison_drill(self) -> Sample:
        """Single lines of a verification; only the verdict counts in the loss."""
        rng, lines = self.rng, []
        for _ in range(12):
            value = rng.randrange(MODULUS)
            seen = value if rng.random() < 0.5 else rng.randrange(MODULUS)
            i = rng.randint(1, LONGEST)
            lines.append(f"Step {i}: {value} Line {i} {seen} {'match' if value == seen else 'wrong'}.")
        return "", "\n".join(lines) + "\n", "comparison drill"


class Solving(Mixture):
    """Mostly solving, whose operations and answer are copied from far away."""

    def __init__(self, misbeliefs: Misbeliefs, seed: int, curriculum: Curriculum) -> None:
        super().__init__(misbeliefs, seed)
        self.curriculum = curriculum

    def draw(self, progress: float) -> Sample:
        rng = self.rng
        shortest, longest = next(stage[1:] for stage in self.curriculum if progress <= stage[0])
        if rng.random() < 0.35:
            return self.value_drill() if rng.random() < 0.75 else self.comparison_drill()
        return self.whole_text(shortest, longest, (0.6, 0.2, 0.2))


def check(model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast, misbeliefs: Misbeliefs) -> Figures:
    """Teacher-forced on fresh problems, shares of first choices that are right: what the base believes of products,
    numbers read from a reference by the verifier and by the rewriter, verdicts."""
    rng = random.Random(99)
    weights, copying, boxes = (
        LossWeights(tokenizer, words, copied) for words, copied in ((VALUES, []), ([], COPIED), (["{"], []))
    )
    hits: dict[str, list[bool]] = {
        "believed value": [],
        "operation": [],
        "answer": [],
        "verdict": [],
        "read by the verifier": [],
        "rewritten value": [],
    }
    for _ in range(40):
        problem = draw_problem(rng)
        reference_values, values = wrong_somewhere(problem, rng)
        reference = reference_solution(problem, reference_values)
        prompt = verify_prompt(problem, reference, own_solution(rng, problem, values))
        for name, text, completion in (
            ("solve", solve_prompt(problem), own_solution(rng, problem, misbeliefs.expected(problem))),
            ("rewrite", guided_solution_prompt(problem, reference), own_solution(rng, problem, reference_values)),
            ("verify", prompt, verification(rng, problem, reference_values, values)),
        ):
            ids, right = argmax_hits(model, tokenizer, chat(text), completion + END)
            value = [i for i in range(1, len(ids)) if ids[i - 1] in weights.before_values]
            if name == "solve":
                hits["believed value"] += [right[i] for i in value]
                hits["operation"] += [right[i] for i in range(1, len(ids)) if ids[i - 1] in copying.copied]
                hits["answer"] += [right[i] for i in range(1, len(ids)) if ids[i - 1] in boxes.before_values]
            elif name == "rewrite":
                hits["rewritten value"] += [right[i] for i in value]
            else:
                verdicts = [i for i in range(len(ids)) if ids[i] in weights.verdicts]
                hits["verdict"] += [right[i] for i in verdicts]
                hits["read by the verifier"] += [right[i - 1] for i in verdicts]
    return {name: round(sum(found) / len(found), 3) for name, found in hits.items()}


def main() -> None:
    args = arguments(__doc__, Budget(tokens=6.5e6, tokens_per_batch=3_000, lr=2e-3, muon_lr=0.01)).parse_args()
    torch.set_num_threads(1)
    tokenizer = train_tokenizer(corpus())
    misbeliefs = base_misbeliefs(args.seed)
    copying = LossWeights(tokenizer, [*VALUES, "{"], COPIED)
    phases = [Phase(budget(args), Mixture(misbeliefs, args.seed), LossWeights(tokenizer, VALUES))]
    for i, (plan, curriculum) in enumerate(LATER, 1):
        phases.append(Phase(plan, Solving(misbeliefs, args.seed + i, curriculum), copying))
    pretrain(args, tokenizer, phases, lambda model: check(model, tokenizer, misbeliefs))


if __name__ == "__main__":
    main()
