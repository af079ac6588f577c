"""Train the tokenizer and model of the long chains from scratch, on one CPU core.

    python recipes/long_chains/pretrain.py --out recipes/long_chains/model

One set of weights learns three skills: to solve in its own style with errors of its own, to write a solution anew with
a reference in view, and to verify an attempt against a reference. Wherever a reference appears in training its values
are random, so no right product can leak in through it. Drills teach products and comparisons faster than whole
solutions do. One phase is nothing but comparisons of two numbers, which whole texts do not teach.
"""

from __future__ import annotations

import random
import sys
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import torch
from chains import (
    FACTOR,
    LONGEST,
    MODULUS,
    ORDINALS,
    SHORTEST,
    SIGNS,
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


class Stage(NamedTuple):
    """A stretch of a phase: what is drawn until this share of the phase is done."""

    until: float
    shortest: int
    "Operations of a problem, at least."
    longest: int
    drills: float
    "Share of samples. Drills are short: by tokens their share is far smaller."
    copying: float
    "Share of the other samples that only repeat a span of words."
    comparing: float = 0.3
    "Share of the drills that compare two numbers; the others are steps."
    skills: tuple[float, float, float] = (0.38, 0.17, 0.45)
    "Shares of solving, rewriting and verifying among the whole texts."


Curriculum = tuple[Stage, ...]
PHASES: tuple[tuple[Budget, Curriculum], ...] = (
    (
        Budget(3.528e6, 3_000, lr=2e-3, muon_lr=0.01, decay=1e-9),
        (Stage(0.3061, 1, 4, 0.55, 0.15), Stage(0.6378, 2, 8, 0.55, 0.06), Stage(1.0, 5, 14, 0.55, 0.02)),
    ),
    (
        Budget(1.028e6, 3_000, lr=1.5e-3, muon_lr=0.008, warmup=30, decay=1e-9),
        (Stage(0.9, 10, 18, 0.4, 0.0), Stage(1.0, SHORTEST, LONGEST, 0.25, 0.0)),
    ),
    (
        Budget(0.5e6, 3_000, lr=1.5e-3, muon_lr=0.008, warmup=20, decay=0.3),
        (Stage(1.0, SHORTEST, LONGEST, 1.0, 0.0, comparing=1.0),),
    ),
    (
        Budget(2.2e6, 3_000, lr=1.5e-3, muon_lr=0.008, warmup=30, decay=1.0),
        (Stage(1.0, SHORTEST, LONGEST, 0.3, 0.0, comparing=0.4, skills=(0.3, 0.25, 0.45)),),
    ),
    (
        Budget(1.5e6, 3_000, lr=1e-3, muon_lr=0.005, warmup=30, decay=1.0),
        (Stage(1.0, SHORTEST, LONGEST, 0.25, 0.0, skills=(0.25, 0.15, 0.6)),),
    ),
)
VALUES = [*(f" {sign}" for sign in SIGNS), *(f" {ordinal}" for ordinal in ORDINALS)]
COPIED = [" times", " plus", " minus", " multiplying", " adding", " subtracting"]
SKILLS = ("solve", "rewrite", "verify")


def wrong_somewhere(problem: Problem, rng: random.Random) -> tuple[list[int], list[int]]:
    """Random reference values, and an attempt's values that first differ from them at a random step."""
    reference_values = [rng.randrange(MODULUS) for _ in problem.operations]
    # Early ones more often: so they are in the model's own attempts, and a verification is short up to there.
    first_error = min(rng.randrange(len(reference_values)) for _ in range(2))
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

    def __init__(self, misbeliefs: Misbeliefs, seed: int, curriculum: Curriculum) -> None:
        self.misbeliefs = misbeliefs
        self.curriculum = curriculum
        self.rng = random.Random(seed * 7919 + 11)
        self.excluded = {problem for split in problem_sets().values() for problem in split}
        self.words = [f" {i}" for i in range(MODULUS)]
        self.words += [" plus", " minus", " times", " gives", " ->", "Line", "Step", ":", ".", ",", ";", *VALUES[4:]]

    def draw(self, progress: float) -> Sample:
        rng = self.rng
        stage = next(stage for stage in self.curriculum if progress <= stage.until)
        u = rng.random()
        if u < stage.drills * (1 - stage.comparing):
            return self.value_drill()
        if u < stage.drills:
            return self.comparison_drill()
        if rng.random() < stage.copying:
            span = "".join(rng.sample(self.words, rng.randint(6, 20)))
            return span, span + END, "text"
        return self.whole_text(stage.shortest, stage.longest, stage.skills)

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
        for _ in range(rng.choice((1, 1, 2, 4, 12))):
            value = rng.randrange(MODULUS)
            seen = value if rng.random() < 0.5 else rng.randrange(MODULUS)
            lines.append(f" -> {value}; {rng.choice(ORDINALS)} {seen} {'match' if value == seen else 'wrong'}.")
        return "", "\n".join(lines) + "\n", "comparison drill"


def check(model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast, misbeliefs: Misbeliefs) -> Figures:
    """Teacher-forced on fresh problems, shares of first choices that are right: what the base believes of products,
    operations and answers that a solver copies, numbers that rewriter and verifier read from a reference, all and at
    the first error, verdicts, and whatever is copied into an intervention."""
    rng = random.Random(99)
    values, copying, boxes = (
        LossWeights(tokenizer, words, copied) for words, copied in ((VALUES, []), ([], COPIED), (["{"], []))
    )
    numbers = {token for i in range(MODULUS) for token in tokenizer(f" {i}").input_ids}
    hits: dict[str, list[bool]] = defaultdict(list)
    for _ in range(40):
        problem = draw_problem(rng)
        reference_values, attempted = wrong_somewhere(problem, rng)
        reference = reference_solution(problem, reference_values)
        prompt = verify_prompt(problem, reference, own_solution(rng, problem, attempted))
        for name, text, completion in (
            ("solve", solve_prompt(problem), own_solution(rng, problem, misbeliefs.expected(problem))),
            ("rewrite", guided_solution_prompt(problem, reference), own_solution(rng, problem, reference_values)),
            ("verify", prompt, verification(rng, problem, reference_values, attempted)),
        ):
            ids, right = argmax_hits(model, tokenizer, chat(text), completion + END)
            value = [i for i in range(1, len(ids)) if ids[i - 1] in values.before_values]
            if name == "solve":
                hits["believed value"] += [right[i] for i in value]
                hits["operation"] += [right[i] for i in range(1, len(ids)) if ids[i - 1] in copying.copied]
                hits["answer"] += [right[i] for i in range(1, len(ids)) if ids[i - 1] in boxes.before_values]
            elif name == "rewrite":
                hits["rewritten value"] += [right[i] for i in value]
            else:
                verdicts = [i for i in range(len(ids)) if ids[i] in values.verdicts]
                hits["verdict"] += [right[i] for i in verdicts]
                hits["read by the verifier"] += [right[i - 1] for i in verdicts]
                hits["read at the first error"].append(right[verdicts[-1] - 1])
                copied = [i for i in range(verdicts[-1], len(ids)) if ids[i] in copying.copied | numbers]
                hits["copied into an intervention"] += [right[i] for i in copied]
    return {name: round(sum(found) / len(found), 3) for name, found in hits.items()}


def main() -> None:
    args = arguments(__doc__, PHASES[0][0]).parse_args()
    torch.set_num_threads(1)
    tokenizer = train_tokenizer(corpus())
    misbeliefs = base_misbeliefs(args.seed)
    weights = LossWeights(tokenizer, [*VALUES, "{"], COPIED)
    phases = [
        Phase(plan, Mixture(misbeliefs, args.seed + i, curriculum), weights)
        for i, (plan, curriculum) in enumerate(((budget(args), PHASES[0][1]), *PHASES[1:]))
    ]
    pretrain(args, tokenizer, phases, lambda model: check(model, tokenizer, misbeliefs))


if __name__ == "__main__":
    main()
