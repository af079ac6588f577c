"""How a model interviews, verifies and goes on from its interventions, sampled with transformers on a CPU.

    python recipes/patient_psi/measure.py --model recipes/patient_psi/model --split heldout --samples 4

By hand what a run's generator does: interviews with the patient by rule, a verification of each that failed, and
interviews that go on from the intervention, from before the weak turn, and from the weak turn itself. The right turn of
every place is known here, so that verifications are compared with it.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from cognitive_models import SPLITS, Case, case_sets
from guidance import act_prompt, first_weak, guidance_of, plan, turn_of, verify_prompt
from rule_patient import RulePatient
from scoring import SUCCESS
from transformers import AutoModelForCausalLM, AutoTokenizer

from int_verl.interventions import InterventionParseError, parse_intervention
from int_verl.turns.environment import seed_of

MOST_TURNS, TURN_TOKENS, VERIFICATION_TOKENS = 9, 64, 320
BATCH = 64
PATIENT = RulePatient()


@dataclass
class Interview:
    """One that is held, turn by turn."""

    case: Case
    messages: list[dict[str, str]] = field(default_factory=list)
    state: Any = None
    over: bool = False

    @property
    def said(self) -> list[str]:
        """The policy's turns."""
        return [one["content"] for one in self.messages if one["role"] == "assistant"]

    @property
    def right(self) -> bool:
        """Whether it has come to a good formulation."""
        return PATIENT.score(self.state)[0] >= SUCCESS

    @property
    def weak(self) -> int | None:
        """The first weak turn, from 1."""
        return first_weak([turn_of(words) for words in self.said], plan(self.case))

    def say(self, words: str) -> None:
        """The policy's turn, and the patient's answer."""
        case, turn = self.case.as_json(), len(self.said) + 1
        replied, self.state = PATIENT.reply(self.state, words, seed_of(case, turn, words))
        self.messages += [{"role": "assistant", "content": words}, *(replied or [])]
        self.over = replied is None or turn == MOST_TURNS


def begun(case: Case, said: Sequence[str] = ()) -> Interview:
    """An interview in which the policy has said this."""
    opened, state = PATIENT.open(case.as_json(), seed_of(case.as_json(), 0, ""))
    interview = Interview(case, [{"role": "system", "content": act_prompt()}, *opened], state)
    for words in said:
        interview.say(words)
    return interview


class Speaker:
    """A model that is sampled from."""

    def __init__(self, folder: Path) -> None:
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder, padding_side="left")
        self.model = AutoModelForCausalLM.from_pretrained(folder).eval()

    @torch.no_grad()
    def answers(self, chats: Sequence[Sequence[dict[str, str]]], limit: int, temperature: float) -> list[str | None]:
        """To every chat; None where one does not come to its end."""
        answers: list[str | None] = []
        for i in range(0, len(chats), BATCH):
            texts = [
                self.tokenizer.apply_chat_template(list(chat), tokenize=False, add_generation_prompt=True)
                for chat in chats[i : i + BATCH]
            ]
            given = self.tokenizer(texts, add_special_tokens=False, padding=True, return_tensors="pt")
            sampled = self.model.generate(
                **given, max_new_tokens=limit, do_sample=True, temperature=temperature, top_k=0, top_p=1.0
            )
            for ids in sampled[:, given.input_ids.shape[1] :].tolist():
                ended = self.tokenizer.eos_token_id in ids
                answers.append(self.tokenizer.decode(ids, skip_special_tokens=True) if ended else None)
        return answers

    def interview(self, interviews: Sequence[Interview]) -> None:
        """Hold them all to their ends."""
        while going := [one for one in interviews if not one.over]:
            answers = self.answers([one.messages for one in going], TURN_TOKENS, 1.0)
            for interview, words in zip(going, answers, strict=True):
                if words is None:
                    interview.over = True
                else:
                    interview.say(words)


def measure(speaker: Speaker, cases: Sequence[Case], samples: int, continued: int) -> dict[str, Any]:
    """Shares, and the counts that they are of."""
    interviews = [begun(case) for case in cases for _ in range(samples)]
    speaker.interview(interviews)
    by_style: dict[str, list[bool]] = defaultdict(list)
    for interview in interviews:
        by_style[interview.case.style].append(interview.right)
    failed = [one for one in interviews if not one.right and one.weak is not None]
    asked = [[{"role": "user", "content": verify_prompt(guidance_of(one.case), one.messages[1:])}] for one in failed]
    found: dict[str, list[bool]] = defaultdict(list)
    conditions: dict[str, list[Interview]] = defaultdict(list)
    for interview, answer in zip(failed, speaker.answers(asked, VERIFICATION_TOKENS, 0.7), strict=True):
        weak, right = interview.weak, plan(interview.case)
        assert weak is not None
        try:
            intervention = parse_intervention(answer or "")
        except InterventionParseError:
            found["parsed"].append(False)
            continue
        at_weak = intervention.location == weak
        found["parsed"].append(True)
        found["at the first weak turn"].append(at_weak)
        found["the right turn there"].append(at_weak and turn_of(intervention.content) == right[weak - 1])
        if intervention.location > len(interview.said):
            continue
        before = interview.said[: intervention.location - 1]
        for name, said in (
            ("intervention", [*before, intervention.content]),
            ("before the turn", before),
            ("weak turn", interview.said[: intervention.location]),
        ):
            conditions[name] += [begun(interview.case, said) for _ in range(continued)]
    for continuations in conditions.values():
        speaker.interview(continuations)
    return {
        "success": _share([one.right for one in interviews]),
        "success by style": {style: _share(rights) for style, rights in sorted(by_style.items())},
        "cases whose samples are all alike": _share(
            [len({one.right for one in interviews[i : i + samples]}) == 1 for i in range(0, len(interviews), samples)]
        ),
        "failed without a weak turn": _share([one.weak is None for one in interviews if not one.right]),
        "verification": {name: _share(hits) for name, hits in found.items()},
        "continued from": {name: _share([one.right for one in held]) for name, held in conditions.items()},
    }


def _share(hits: list[bool]) -> list[float]:
    return [round(sum(hits) / max(len(hits), 1), 4), len(hits)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--split", choices=sorted(SPLITS), default="heldout")
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("--samples", type=int, default=4, help="interviews a case")
    parser.add_argument("--continued", type=int, default=2, help="continuations of a failed interview")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    cases = case_sets()[args.split][: args.cases]
    print(json.dumps(measure(Speaker(args.model), cases, args.samples, args.continued), indent=2))


if __name__ == "__main__":
    main()
