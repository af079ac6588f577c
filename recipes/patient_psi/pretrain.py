"""Train the tokenizer and model of the interviews from scratch, on one CPU core.

    python recipes/patient_psi/pretrain.py --out recipes/patient_psi/model

One set of weights learns two skills: to interview with bad habits, from interviews with the rule patient, and to
compare a conversation with guidance. Wherever guidance appears in training it is random, as are the turns beside it:
what is the right turn at a place, and which category a belief has, cannot leak in through it. Interviews are with
patients of the trained styles, and their cases are in no split. A training that was stopped goes on from its last
checkpoint.
"""

from __future__ import annotations

import random
import sys
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import torch
import wording
from cognitive_models import CATEGORIES, EMOTION_SETS, ORDER, Case, draw_case, fresh_cases
from guidance import (
    ORDINALS,
    PREFIXES,
    SUGGESTED,
    Turn,
    act_prompt,
    ask,
    guidance,
    verification,
    verify_prompt,
)
from habits import Habits
from rule_patient import RulePatient
from utterances import written

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

TURN_WEIGHT, CATEGORY_WEIGHT = 3.0, 4.0
LED = 0.5
"Share of the turns of an interview that are put in and not trained, to get to the places behind bad habits."
MOST_TURNS = 9
"Of the policy's, in a conversation."
ASSISTANT = "<|im_start|>assistant\n"


class Stage(NamedTuple):
    """A stretch of training: what is drawn until this share of it is done."""

    until: float
    shortest: int
    "Turns of a guidance, at least."
    longest: int
    drills: float
    "Share of samples that are single lines of a verification."
    copying: float
    "Share that repeats a span of words."


CURRICULUM = (Stage(0.2, 1, 3, 0.35, 0.15), Stage(0.4, 2, 6, 0.35, 0.05), Stage(1.0, 5, 8, 0.25, 0.02))
INTERVIEWS = 0.45
"Share of the other samples; the rest are verifications."


def random_turns(rng: random.Random, count: int) -> list[Turn]:
    """A guidance of random turns, a formulation at its end."""
    turns = [(rng.choice(tuple(PREFIXES)), rng.choice(ORDER)) for _ in range(count - 1)]
    return [*turns, ("formulate", rng.choice(CATEGORIES))]


def random_formulation(rng: random.Random, category: str) -> str:
    thought, belief = rng.choice(SUGGESTED["thought"]), rng.choice(SUGGESTED["belief"])
    return written(category, belief, thought, rng.choice(EMOTION_SETS))


def another_turn(rng: random.Random, right: Turn) -> Turn:
    """A turn that differs, often by one of its two words."""
    while True:
        how = rng.random()
        if right[0] == "formulate" and how < 0.85:
            turn = ("formulate", rng.choice(CATEGORIES))
        elif how < 0.3 and right[0] != "formulate":
            turn = (rng.choice(tuple(PREFIXES)), right[1])
        elif how < 0.6 and right[0] != "formulate":
            turn = (right[0], rng.choice(ORDER))
        elif how < 0.75:
            turn = ("formulate", rng.choice(CATEGORIES))
        elif how < 0.85:
            turn = ("narrowly", rng.choice(tuple(SUGGESTED)))
        else:
            turn = ("openly", rng.choice(ORDER))
        if turn != right:
            return turn


def random_conversation(rng: random.Random, right: list[Turn]) -> tuple[str, list[dict[str, str]], list[str]]:
    """A formulation for the guidance, and a conversation whose first weak turn is at random, rarely nowhere.

    Returns:
        The guidance's formulation, the messages, and the policy's words among them.
    """
    formulation = random_formulation(rng, right[-1][1])
    weak = rng.randrange(len(right)) if rng.random() > 0.04 else len(right)
    turns = right[:weak]
    if weak < len(right):
        turns.append(another_turn(rng, right[weak]))
        while turns[-1][0] != "formulate" and rng.random() < 0.25 and len(turns) < MOST_TURNS - 1:
            turns.append((rng.choice(tuple(PREFIXES)), rng.choice(ORDER)))
        if turns[-1][0] != "formulate":
            turns.append(("formulate", rng.choice(CATEGORIES)))
    case, said = draw_case(rng), []
    messages = [_partner(wording.pick(rng, wording.OPENINGS[case.style]))]
    for turn in turns:
        words = random_formulation(rng, turn[1]) if turn[0] == "formulate" else ask(turn, rng)
        said.append(words)
        messages.append({"role": "assistant", "content": words})
        if turn[0] != "formulate":
            messages.append(_partner(random_reply(rng, case, turn[1])))
    return formulation, messages, said


def random_reply(rng: random.Random, case: Case, kind: str) -> str:
    """Something a patient may say when asked for `kind`, whether or not this one would."""
    how = rng.random()
    if how < 0.15:
        return wording.pick(rng, wording.SLIPPED[rng.choice(tuple(wording.SLIPPED))])
    if how < 0.3:
        return wording.pick(rng, wording.HOLDS_BACK[rng.choice(tuple(wording.HOLDS_BACK))])
    if how < 0.4:
        return wording.pick(rng, wording.WITHDRAWN)
    state = RulePatient().open(case.as_json(), 0)[1]
    state["told"] = list(ORDER[: ORDER.index(kind)])
    told = Case(**{**{name: getattr(case, name) for name in Case.__dataclass_fields__}, "guarded": ()})
    state["case"] = told.as_json()
    replied = RulePatient().reply(state, ask(("openly", kind), rng), rng.getrandbits(60))[0]
    assert replied is not None
    return replied[0]["content"]


def verification_sample(rng: random.Random, shortest: int, longest: int) -> tuple[str, str]:
    right = random_turns(rng, rng.randint(shortest, longest))
    formulation, messages, said = random_conversation(rng, right)
    return verify_prompt(guidance(right, formulation), messages), verification(said, right, formulation, rng)


def interview_sample(habits: Habits, case: Case, rng: random.Random, led: float = LED) -> Sample:
    """A whole interview as one sample; its kind says which of the turns are trained."""
    opening, turns, _ = habits.interview(case, rng, led)
    prompt = f"<|im_start|>system\n{act_prompt()}{END}\n<|im_start|>user\n{opening}{END}\n{ASSISTANT}"
    parts = []
    for turn in turns:
        parts.append(f"{turn.words}{END}")
        if turn.reply is not None:
            parts.append(f"\n<|im_start|>user\n{turn.reply}{END}\n{ASSISTANT}")
    kind = "turns:" + "".join(str(int(turn.habitual)) for turn in turns)
    return prompt, "".join(parts).removesuffix(ASSISTANT), kind


def corpus() -> list[str]:
    """Texts of every kind, for the tokenizer; the unseen style's words too, which it must not spell in bytes."""
    rng, habits = random.Random(7), Habits()
    texts = [f"Turn {number}: {number}" for number in range(1, MOST_TURNS + 1)] * 50
    for case, _ in zip(fresh_cases(rng), range(1500), strict=False):
        prompt, completion, _ = interview_sample(habits, case, rng, 0.9)
        question, answer = verification_sample(rng, 5, 8)
        other = RulePatient()
        unseen = Case(**{**{name: getattr(case, name) for name in Case.__dataclass_fields__}, "style": "pleasing"})
        said, state = other.open(unseen.as_json(), rng.getrandbits(60))
        told = [other.reply(state, ask(turn, rng), rng.getrandbits(60))[0] for turn in _EVERY_QUESTION]
        texts += [prompt, completion, question, answer, said[0]["content"], *(one[0]["content"] for one in told if one)]
        texts += [f"{name} {value}." for name in ("behaviour", "coping") for value in (getattr(case, name),)]
    return texts


_EVERY_QUESTION: tuple[Turn, ...] = (("openly", "situation"), ("narrowly", "thought"), ("narrowly", "belief"))


class Weights(LossWeights):
    """The policy's own turns of an interview, and of a verification everything, what is read and judged most."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        super().__init__(tokenizer, [])
        names = [*PREFIXES, "narrowly", "formulate", *ORDER, *CATEGORIES]
        self.read = {self._single(tokenizer, f" {name}") for name in names}
        self.categories = {self._single(tokenizer, f" {name}") for name in CATEGORIES}
        self.places = {self._single(tokenizer, f" {number}") for number in range(1, MOST_TURNS + 1)}
        self.end = self._single(tokenizer, END)
        self.header = tokenizer(ASSISTANT, add_special_tokens=False).input_ids

    def __call__(self, completion: list[int], kind: str) -> list[float]:
        if kind.startswith("turns:"):
            return self._of_turns(completion, [bool(int(one)) for one in kind.removeprefix("turns:")])
        weights = super().__call__(completion, kind)
        if kind == "text":
            heavy = self.read | self.places
            weights = [
                max(weight, TURN_WEIGHT) if token in heavy else weight
                for weight, token in zip(weights, completion, strict=True)
            ]
        return weights

    def _of_turns(self, completion: list[int], trained: list[bool]) -> list[float]:
        weights, inside, turn = [0.0] * len(completion), True, 0
        for i, token in enumerate(completion):
            if inside:
                if trained[turn]:
                    weights[i] = CATEGORY_WEIGHT if token in self.categories else 1.0
                if token == self.end:
                    inside, turn = False, turn + 1
            elif completion[i - len(self.header) + 1 : i + 1] == self.header:
                inside = True
        return weights


class Mixture:
    """Draws training samples; the same seed gives the same stream."""

    def __init__(self, habits: Habits, seed: int, words: list[str]) -> None:
        self.habits, self.words = habits, words
        self.rng = random.Random(seed * 7919 + 11)
        self.cases = fresh_cases(self.rng)

    def draw(self, progress: float) -> Sample:
        rng = self.rng
        stage = next(stage for stage in CURRICULUM if progress <= stage.until)
        if rng.random() < stage.drills:
            return self.drill()
        if rng.random() < stage.copying:
            span = "".join(rng.sample(self.words, rng.randint(6, 14)))
            return span, span + END, "text"
        if rng.random() < INTERVIEWS:
            return interview_sample(self.habits, next(self.cases), rng)
        prompt, answer = verification_sample(rng, stage.shortest, stage.longest)
        return chat(prompt), answer + END, "text"

    def drill(self) -> Sample:
        """One or two lines of a verification; only the verdict counts in the loss."""
        rng, lines = self.rng, []
        for _ in range(rng.choice((1, 1, 2))):
            right = random_turns(rng, 2)[rng.random() < 0.2]
            turn = right if rng.random() < 0.5 else another_turn(rng, right)
            verdict = "match" if turn == right else "wrong"
            lines.append(f" is {' '.join(turn)}; {rng.choice(ORDINALS[:9])} {' '.join(right)} {verdict}.")
        return "", "\n".join(lines) + "\n", "comparison drill"


def words_of(tokenizer: PreTrainedTokenizerFast) -> list[str]:
    """The vocabulary's words with their blank, for copying exercises."""
    found = [tokenizer.decode([i]) for i in range(len(tokenizer))]
    return [word for word in found if word.startswith(" ") and word.strip().isalpha()]


def check(model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast, habits: Habits) -> Figures:
    """Shares of first choices that are right, given all before, on fresh conversations.

    Of a verification what the turn is, what the guidance has, verdicts, the place; of an interview what is copied from
    the patient into the formulation, and the habitual category.
    """
    rng, weights = random.Random(99), Weights(tokenizer)
    (word_is,) = tokenizer(" is", add_special_tokens=False).input_ids
    hits: dict[str, list[bool]] = defaultdict(list)
    for case, _ in zip(fresh_cases(rng), range(40), strict=False):
        prompt, answer = verification_sample(rng, 5, 8)
        ids, right = argmax_hits(model, tokenizer, chat(prompt), answer + END)
        verdicts = [i for i in range(len(ids)) if ids[i] in weights.verdicts]
        hits["verdict"] += [right[i] for i in verdicts]
        hits["guidance read"] += [right[i - 1] and right[i - 2] for i in verdicts]
        hits["guidance read at the weak turn"].append(right[verdicts[-1] - 1] and right[verdicts[-1] - 2])
        classed = [i for i in range(1, verdicts[-1]) if ids[i - 1] == word_is and ids[i] in weights.read]
        hits["turn read"] += [right[i] and right[i + 1] for i in classed]
        hits["place"] += [right[i] for i in range(verdicts[-1], len(ids)) if ids[i] in weights.places]
        completion = habits.formulation(case, list(ORDER), rng)
        opened, led, _ = interview_sample(habits, case, rng, 1.0)
        before = opened + led.rpartition(ASSISTANT)[0] + ASSISTANT
        ids, right = argmax_hits(model, tokenizer, before, completion + END)
        place = next(i for i, token in enumerate(ids) if token in weights.categories)
        hits["formulation copied"].append(all(right[place + 1 :]))
        hits["habitual category"].append(right[place])
    return {name: round(sum(found) / len(found), 3) for name, found in hits.items()}


def _partner(words: str) -> dict[str, str]:
    return {"role": "user", "content": words}


def main() -> None:
    args = arguments(__doc__, Budget(tokens=5.5e6, tokens_per_batch=3_000, lr=2e-3, muon_lr=0.01)).parse_args()
    torch.set_num_threads(1)
    tokenizer = train_tokenizer(corpus(), 1000)
    habits = Habits(args.seed)
    phase = Phase(budget(args), Mixture(habits, args.seed, words_of(tokenizer)), Weights(tokenizer))
    pretrain(args, tokenizer, [phase], lambda model: check(model, tokenizer, habits))


if __name__ == "__main__":
    main()
