"""Whether an engine heeds the seeds: the same tokens for different seeds make every success rate meaningless."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from int_verl.generate.engines.base import Completion, Request

_DRAWS, _TOKENS, _PROMPTS, _REMEMBERED = 6, 16, 3, 4096


@dataclass(slots=True)
class _Seen:
    first: int
    "Hash of the first completion."
    seeds: set[int]
    differ: bool = False


@dataclass(slots=True)
class Sameness:
    """Looks at every completion, and says it once when prompt after prompt gets one text for all its seeds.

    A prompt counts when 6 seeds of it are there; the sentence is said when 3 prompts in a row, of those that count, got
    one text of at least 16 tokens for all of them. A model that is sure of its answers repeats itself now and then, not
    always.

    Args:
        say: called with the sentence, once.
    """

    say: Callable[[str], None]
    _prompts: OrderedDict[int, _Seen] = field(default_factory=OrderedDict)
    _in_a_row: int = 0
    _said: bool = False

    def see(self, request: Request, completion: Completion) -> None:
        if self._said or request.sampling.temperature == 0 or request.sampling.top_k == 1:
            return
        prompt, text = hash((request.prompt_ids, request.sampling)), hash(completion.token_ids)
        seen = self._prompts.setdefault(prompt, _Seen(text, set()))
        if request.seed in seen.seeds or len(seen.seeds) >= _DRAWS:
            return
        seen.seeds.add(request.seed)
        seen.differ |= text != seen.first or len(completion.token_ids) < _TOKENS
        if len(seen.seeds) == _DRAWS:
            self._in_a_row = 0 if seen.differ else self._in_a_row + 1
            if self._in_a_row == _PROMPTS:
                self._said = True
                self.say(
                    f"the engine draws the same tokens for different seeds ({_DRAWS} of {_DRAWS} draws, {_PROMPTS} "
                    f"prompts in a row, temperature {request.sampling.temperature:g}): success rates mean nothing; "
                    "it may ignore `seed` or `temperature`, or repeat answers from a cache of its own"
                )
        if len(self._prompts) > _REMEMBERED:
            self._prompts.popitem(last=False)
