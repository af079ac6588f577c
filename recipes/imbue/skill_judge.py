"""Skill ratings of free utterances by a served model, which sees the nearest strong and the nearest weak example.

The examples (`exemplars.jsonl`) are written and rated by us, for this recipe. Nearest is by BM25 over stemmed words, as
SQLite's full-text search has it: nothing to install, and the same on every machine. Not verified on real models.
"""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dear_man import FULL, SKILLS

from int_verl.judging.judge import Judge, JudgeSettings
from int_verl.judging.question import harmless

HERE = Path(__file__).parent
RUBRICS = {
    "describe": "Describe: says what happened as facts that both could see, without judgement or exaggeration.",
    "express": "Express: says what the speaker feels, as the speaker's own feeling, without blame for it.",
    "assert": "Assert: asks clearly for what is wanted, or says no clearly, so that it cannot be missed.",
    "reinforce": "Reinforce: says what the partner gains from it, in what the partner wants; no threat, no begging.",
    "mindful": "Mindful: stays with the matter whatever the partner says, hears the partner, does not attack back.",
    "confident": "Appear confident: speaks as one who may ask or refuse; no apology for it, no hedging, no giving in.",
    "negotiate": "Negotiate: offers something that the speaker can do, or asks what would work, without giving up.",
}


class SilentJudgeError(Exception):
    """The judge has no verdict on an utterance."""


@dataclass(frozen=True, slots=True)
class Exemplar:
    """``Exemplar("express", 2, "I feel left out when I hear of it last.", "Own feeling, tied to the fact.")``"""

    skill: str
    rating: int
    utterance: str
    why: str


def read_exemplars(path: Path = HERE / "exemplars.jsonl") -> list[Exemplar]:
    """The rated set that comes with the recipe, or one of the same form."""
    return [Exemplar(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


class Nearest:
    """Exemplars by likeness of their words.

    Raises:
        ValueError: a skill has no exemplar that is rated 2, or none that is rated 0.
    """

    def __init__(self, exemplars: Sequence[Exemplar]) -> None:
        self._exemplars, self._lock = list(exemplars), threading.Lock()
        rated = {(exemplar.skill, exemplar.rating) for exemplar in exemplars}
        if missing := [(skill, rating) for skill in SKILLS for rating in (0, FULL) if (skill, rating) not in rated]:
            raise ValueError(f"exemplars: none for {missing[0][0]} with rating {missing[0][1]}")
        self._db = sqlite3.connect(":memory:", check_same_thread=False)
        self._db.execute(
            "CREATE VIRTUAL TABLE e USING"
            " fts5(utterance, skill UNINDEXED, rating UNINDEXED, tokenize='porter unicode61')"
        )
        rows = [(number, one.utterance, one.skill, one.rating) for number, one in enumerate(self._exemplars)]
        self._db.executemany("INSERT INTO e(rowid, utterance, skill, rating) VALUES (?, ?, ?, ?)", rows)

    def of(self, skill: str, rating: int, utterance: str) -> Exemplar:
        """The nearest with this rating in this skill; the first of them where no word is shared."""
        words = " OR ".join(f'"{word}"' for word in dict.fromkeys(re.findall(r"[^\W_]+", utterance.casefold())))
        found: list[tuple[int]] = []
        if words:
            query = "SELECT rowid FROM e WHERE e MATCH ? AND skill = ? AND rating = ? ORDER BY bm25(e), rowid LIMIT 1"
            with self._lock:
                found = self._db.execute(query, (words, skill, rating)).fetchall()
        if found:
            return self._exemplars[found[0][0]]
        return next(one for one in self._exemplars if (one.skill, one.rating) == (skill, rating))


class SkillJudge:
    """Rates utterances through `int_verl.judging`.

    Args:
        exemplars: path of the rated set; None: the recipe's.
        settings: of `JudgeSettings`; the template is the recipe's.

    Raises:
        UserError: a setting names nothing that there is.
    """

    def __init__(self, exemplars: str | None = None, **settings: Any) -> None:
        self._nearest = Nearest(read_exemplars(Path(exemplars)) if exemplars else read_exemplars())
        template = str(HERE / "prompts" / "skill.jinja")
        self._judge = Judge(JudgeSettings(**settings, template=template, partial=True))

    async def rate(self, told: str, before: Sequence[Mapping[str, str]], utterance: str, skill: str) -> float:
        """From 0 to 2.

        Args:
            told: what the speaker was told.
            before: the messages before, in which the speaker is the assistant.

        Raises:
            SilentJudgeError: there is no verdict.
        """
        extra = {
            "problem": told,
            "rubric": RUBRICS[skill],
            "before": [{"role": one["role"], "content": " ".join(harmless(one["content"]).split())} for one in before],
            "strong": self._example(skill, FULL, utterance),
            "weak": self._example(skill, 0, utterance),
        }
        judgement = await self._judge.judge(utterance, "", extra)
        if judgement is None:
            return 0.0
        if judgement.fault:
            raise SilentJudgeError(f"{skill}: {judgement.fault}")
        return FULL * judgement.score

    async def rate_all(self, told: str, messages: Sequence[Mapping[str, str]]) -> list[dict[str, float]]:
        """Skill -> rating of every utterance of the speaker; each pair is asked once."""
        places = [place for place, one in enumerate(messages) if one["role"] == "assistant"]
        asked = [
            self.rate(told, messages[:place], messages[place]["content"], skill) for place in places for skill in SKILLS
        ]
        ratings = await asyncio.gather(*asked)
        rows = [ratings[start : start + len(SKILLS)] for start in range(0, len(ratings), len(SKILLS))]
        return [dict(zip(SKILLS, row, strict=True)) for row in rows]

    def _example(self, skill: str, rating: int, utterance: str) -> dict[str, str]:
        found = self._nearest.of(skill, rating, utterance)
        return {"utterance": found.utterance, "why": found.why}
