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
from tests.quickstart_files import QUICKSTART, scripted_run, write_problem_sets

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


def generate(folder: Path, **settings: object) -> None:
    """A run of the generator up to `guide` on the quickstart's first problems, attempted by a scripted model."""
    from int_verl.cli import cli

    write_problem_sets(folder, 12, 4)
    overrides = [*scripted_run(folder), *(f"{key}={value}" for key, value in settings.items())]
    cli.main(["guide", "--config", str(QUICKSTART / "quickstart.yaml"), *overrides], standalone_mode=False)


def test_another_model_proposes(
    proposer: Path, codec: ChatCodec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INT_VERL_TEST_PROPOSER", str(proposer))
    engine = f"{{script: '{__file__}:script', context_length: 4096}}"
    generate(tmp_path, **{"proposer.path": proposer, "proposer.engine": engine})

    def rows(table: str) -> list[dict[str, object]]:
        return pq.read_table(tmp_path / f"run/{table}.parquet").to_pylist()

    theirs = proposer_codec(proposer)
    proposals = rows("propose/proposals")
    assert {row["status"] for row in proposals} >= {"proposed"}
    for row in proposals:
        assert row["model"] == f"{__file__}:script"
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


_PROGRAM = """
from tests.generate.test_one_problem_proposer import says


def propose(request):
    return says(request, {draft!r})
"""


def says(request: Request, draft: str) -> str:
    """A program's verification: nothing but the prompt's text, and no tokens."""
    (prompt,) = request.turns
    assert "**Substep 2:**" in prompt
    return f'<intervention>\n{{"content": "{draft}", "location": 2}}\n</intervention>'


def test_a_program_proposes_in_text_and_runs_again_when_it_has_changed(codec: ChatCodec, tmp_path: Path) -> None:
    program = tmp_path / "program.py"

    def proposals(draft: str) -> list[dict[str, object]]:
        program.write_text(_PROGRAM.format(draft=draft))
        generate(tmp_path, **{"proposer.engine": f"{{name: scripted, script: '{program}:propose'}}"})
        return pq.read_table(tmp_path / "run/propose/proposals.parquet").to_pylist()

    first = proposals("Let us be careful now.")
    assert {row["status"] for row in first} == {"proposed", "duplicate"}
    for row in first:
        assert row["content"] == "Let us be careful now."
        assert (row["model"], row["finish_reason"]) == (f"{program}:propose", "stop")
        *ids, end = row["token_ids"]  # type: ignore[misc, attr-defined]
        assert (codec.decode(ids), end) == (row["text"], codec.tokenizer.eos_token_id)
    card = (tmp_path / "run/guide/README.md").read_text()
    assert "checking the incorrect attempts against a reference solution, `program.py:propose` named" in card
    assert f"interventions by `program.py:propose`, revision `{first[0]['model_revision']}`" in card

    second = proposals("Now step by step.")
    assert {row["content"] for row in second} == {"Now step by step."}
    assert {row["model_revision"] for row in second}.isdisjoint(row["model_revision"] for row in first)
    assert {row["prompt_ids"] == before["prompt_ids"] for row, before in zip(second, first, strict=True)} == {True}


def test_a_text_that_is_too_long_is_cut_as_a_model_s_would_be(codec: ChatCodec) -> None:
    import asyncio

    from int_verl.generate.engines.scripted import ScriptedEngine
    from int_verl.settings.sampling import Sampling

    engine = ScriptedEngine(lambda _: "Step 2: minus 2, 13 -> 11", codec=lambda: codec)
    ids = codec.encode("Step 2: minus 2, 13 -> 11")

    def drawn(max_tokens: int) -> Completion:
        return asyncio.run(engine.generate(Request((1,), Sampling(max_tokens), seed=0)))

    assert drawn(len(ids) + 1) == Completion((*ids, codec.tokenizer.eos_token_id), "stop")
    assert drawn(len(ids)) == Completion(tuple(ids), "length")


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    from int_verl.errors import UserError

    with pytest.raises(UserError, match=r"engine\.script=.*gone\.py:propose: no such file"):
        generate(tmp_path, **{"proposer.engine": f"{{name: scripted, script: '{tmp_path}/gone.py:propose'}}"})


def test_a_key_that_no_engine_has() -> None:
    from rich.console import Console

    from int_verl.errors import UserError
    from int_verl.run.run import Run
    from int_verl.settings.compose import compose

    config = compose(QUICKSTART / "quickstart.yaml", ["proposer.path=other", "proposer.engine={nam: openai}"])
    with pytest.raises(UserError, match=r"proposer\.engine\.nam: no such key"):
        _ = Run(config, Console()).proposer
