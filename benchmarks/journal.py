"""What the journal costs a request, in time and on disk, at the paper's sizes.

    python benchmarks/journal.py
    python benchmarks/journal.py --prompt 4000 --completion 7000 --requests 500 --text some.txt

A prompt is shared by 32 requests, as by the rollouts of a guided prefix. Token ids are those of a text under a
byte-pair encoding of 32,000 tokens that is trained on it; ids are then spread over a vocabulary of 151,000, so that
small ids do not help the compression. Without `--text` the text is this repository's documentation.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from int_verl.generate.engines.base import Completion, Request
from int_verl.generate.journal import Journal, request_key
from int_verl.settings.sampling import Sampling

ROOT = Path(__file__).resolve().parents[1]
SHARED_BY = 32
VOCABULARY = 151_000


def token_ids(text: str) -> list[int]:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator(
        text.splitlines(keepends=True), trainers.BpeTrainer(vocab_size=32_000, show_progress=False)
    )
    spread = random.Random(0).sample(range(VOCABULARY), tokenizer.get_vocab_size())
    return [spread[token] for token in tokenizer.encode(text).ids]


def pieces(ids: Sequence[int], length: int, count: int) -> list[tuple[int, ...]]:
    """`count` stretches of the text, each from another place."""
    rng = random.Random(1)
    around = [*ids, *ids[:length]]
    starts = [rng.randrange(len(ids)) for _ in range(count)]
    return [tuple(around[start : start + length]) for start in starts]


def microseconds(work: Callable[[], object], times: int) -> float:
    """Of a core, each."""
    started = time.process_time()
    work()
    return 1e6 * (time.process_time() - started) / times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompt", type=int, default=4_000, help="tokens")
    parser.add_argument("--completion", type=int, default=7_000, help="tokens")
    parser.add_argument("--requests", type=int, default=640)
    parser.add_argument("--text", type=Path, help="what the tokens are of")
    args = parser.parse_args()
    text = args.text.read_text() if args.text else "".join(file.read_text() for file in sorted(ROOT.glob("**/*.md")))
    ids = token_ids(text)
    prompts = pieces(ids, args.prompt, args.requests // SHARED_BY + 1)
    sampling = Sampling(16_384, 0.7, 0.8, 20)
    requests = [Request(prompts[number // SHARED_BY], sampling, number) for number in range(args.requests)]
    completions = [Completion(piece, "stop") for piece in pieces(ids, args.completion, args.requests)]
    keys: list[bytes] = []
    with tempfile.TemporaryDirectory() as folder, Journal(Path(folder) / "journal.sqlite") as journal:

        def name_all() -> None:
            keys.extend(request_key("revision", request) for request in requests)

        def miss() -> None:
            for key in keys:
                assert journal.get(key) is None

        def put() -> None:
            for key, completion in zip(keys, completions, strict=True):
                journal.put(key, completion)

        def hit() -> None:
            for key, completion in zip(keys, completions, strict=True):
                assert journal.get(key) == completion

        costs = {
            "key": microseconds(name_all, len(requests)),
            "get, not there": microseconds(miss, len(requests)),
            "put, committed": microseconds(put, len(requests)),
            "get": microseconds(hit, len(requests)),
        }
        journal.close()
        size = (Path(folder) / "journal.sqlite").stat().st_size
    print(f"{args.requests} requests of {args.prompt} prompt and {args.completion} completion tokens")
    for what, cost in costs.items():
        print(f"  {what:15} {cost:6.0f} us of a core")
    print(f"  {size / args.requests / args.completion:.2f} bytes a token on disk, the index included")


if __name__ == "__main__":
    main()
