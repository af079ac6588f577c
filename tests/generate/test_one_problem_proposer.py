"""Interventions by another model than the one that attempts: only text goes from one to the other."""

from __future__ import annotations

import json
import os
from functools import lru_cache
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from int_verl.generate.chat import ChatCodec
from int_verl.generate.engines.base import Completion, Request
from tests.quickstart_files import QUICKSTART, SCRIPT, write_problem_sets

_TEMPLATE = "{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] }}<|end|>\n{% endfor %}<|assistant|>\n"


@lru_cache
def proposer_codec(folder: Path) -> ChatCodec:
    return ChatCodec(folder)


@pytest.fixture(scope="module")
def proposer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's folder, without weights: a tokenizer of single characters, and a chat template of its own."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("proposer")
    special = ["<|end|>", "<|user|>", "<|assistant|>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet(), reverse=True)
    backend = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate([*special, *alphabet])}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens(special)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|end|>", pad_token="<|end|>")
    tokenizer.chat_template = _TEMPLATE
    tokenizer.save_pretrained(folder)
    (folder / "config.json").write_text(json.dumps({"model_type": "qwen3", "max_position_embeddings": 8192}))
    return folder


def script(request: Request) -> Completion:
    """The proposer: reads and writes its own tokens, and thinks as the quickstart's scripted model does."""
    from tests import mod23_script

    codec = proposer_codec(Path(os.environ["INT_VERL_TEST_PROPOSER"]))
    text = codec.decode(request.prompt_ids)
    user = text.split("<|user|>\n")[1].split("<|end|>")[0]
    theirs = mod23_script.codec()
    answer = mod23_script.script(Request(theirs.prompt_ids(user), request.sampling, request.seed))
    ids = codec.encode(theirs.decode(theirs.without_end(answer.token_ids)))
    return Completion((*ids, codec.tokenizer.eos_token_id), "stop")


def test_another_model_proposes(
    proposer: Path, codec: ChatCodec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from int_verl.cli import cli

    monkeypatch.setenv("INT_VERL_TEST_PROPOSER", str(proposer))
    write_problem_sets(tmp_path, 12, 4)
    settings = {
        "engine.name": "scripted",
        "engine.script": f"{SCRIPT}:script",
        "proposer.path": proposer,
        "proposer.engine": f"{{script: '{__file__}:script', context_length: 4096}}",
        "problems.train": tmp_path / "train.jsonl",
        "problems.heldout": tmp_path / "heldout.jsonl",
        "run.dir": tmp_path / "run",
    }
    overrides = [f"{key}={value}" for key, value in settings.items()]
    cli.main(["guide", "--config", str(QUICKSTART / "quickstart.yaml"), *overrides], standalone_mode=False)

    def rows(table: str) -> list[dict[str, object]]:
        return pq.read_table(tmp_path / f"run/{table}.parquet").to_pylist()

    theirs = proposer_codec(proposer)
    proposals = rows("propose/proposals")
    assert {row["status"] for row in proposals} >= {"proposed"}
    for row in proposals:
        assert row["model"] == str(proposer)
        assert theirs.decode(theirs.without_end(tuple(row["token_ids"]))) == row["text"]
        assert theirs.decode(row["prompt_ids"]).endswith("<|assistant|>")
    attempts = {(row["problem_id"], row["attempt"]): row for row in rows("sample/attempts")}
    kept = rows("guide/sft")
    assert kept
    for row in kept:
        assert row["model"] == str(QUICKSTART / "model")
        attempt = attempts[row["problem_id"], row["attempt"]]
        assert attempt["token_ids"][: len(row["prefix_ids"])] == row["prefix_ids"]
        assert codec.decode(row["intervention_ids"]).endswith(row["content"])
    assert {row["model"] for table in ("sample/attempts", "guide/guided") for row in rows(table)} == {
        str(QUICKSTART / "model")
    }
    manifest = json.loads((tmp_path / "run/propose/manifest.json").read_text())
    assert manifest["settings"]["proposer.path"] == str(proposer)
    assert manifest["inputs"]["proposer"]


def test_a_key_that_no_engine_has() -> None:
    from rich.console import Console

    from int_verl.errors import UserError
    from int_verl.run.run import Run
    from int_verl.settings.compose import compose

    config = compose(QUICKSTART / "quickstart.yaml", ["proposer.path=other", "proposer.engine={nam: openai}"])
    with pytest.raises(UserError, match=r"proposer\.engine\.nam: no such key"):
        _ = Run(config, Console()).proposer
