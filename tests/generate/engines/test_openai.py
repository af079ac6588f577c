"""The generator on real vLLM servers by URL, and on verl's, with servers that are killed in mid-run."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from domain import problem_rows
from rich.console import Console

from int_verl.errors import EngineError, UserError
from int_verl.generate.chat import ChatCodec
from int_verl.generate.engines.base import Completion, Request
from int_verl.generate.engines.chat_form import chat_forms
from int_verl.generate.engines.openai import OpenAIEngine
from int_verl.generate.journal import Journal
from int_verl.progress import StageProgress
from int_verl.run.run import Run
from int_verl.run_files import TABLES
from int_verl.settings.compose import compose
from int_verl.settings.engine import EngineSettings
from int_verl.settings.sampling import Sampling
from int_verl.stages.assemble import Stages
from tests.generate.engines.vllm_servers import VLLMServers, free_port
from tests.quickstart_files import QUICKSTART

pytestmark = [pytest.mark.verl, pytest.mark.timeout(600)]

PROBLEMS = 40
CHAT = re.compile(r"<\|im_start\|>user\n(.*)<\|im_end\|>\n<\|im_start\|>assistant\n(.*)", re.DOTALL)
Rows = dict[str, list[dict[str, Any]]]


class Watched(StageProgress):
    """Calls ``then[what, number]`` when so many events of a kind have been counted."""

    def __init__(self, then: dict[tuple[str, int], Callable[[], None]]) -> None:
        super().__init__(Console(quiet=True), "guide", PROBLEMS, "problems")
        self.then = then

    def count(self, what: str, number: int = 1) -> None:
        super().count(what, number)
        action = self.then.pop((what, self.counts[what]), None)
        if action is not None:
            action()


class Servers(VLLMServers):
    """Two vLLM servers of the quickstart's model.

    A request is computed alone and from its first token: what stands beside it in a batch, or in the cache, changes the
    last digits of its logits, and now and then a draw.
    """

    def __init__(self, logs: Path) -> None:
        alone = ("--max-num-seqs", "1", "--no-enable-prefix-caching")
        super().__init__(QUICKSTART / "model", "tiny", 512, logs, alone)
        self.ports = (free_port(), free_port())

    @property
    def urls(self) -> str:
        return f"[{','.join(map(self.url, self.ports))}]"

    def answered(self) -> float:
        """Requests that those which are up have answered so far."""
        return sum(self.metric(port, "vllm:request_success_total") for port in self.running)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with Servers(tmp_path_factory.mktemp("logs")) as both:
        for start_or_wait in (both.start, both.wait):
            for port in both.ports:
                start_or_wait(port)
        yield both


@pytest.fixture(scope="module")
def problems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("problems")
    for split, count in (("train", PROBLEMS), ("heldout", 4)):
        rows = "".join(json.dumps(row) + "\n" for row in problem_rows(split, count))
        (folder / f"{split}.jsonl").write_text(rows)
    return folder


def generated(folder: Path, problems: Path, engine: list[str], then: dict[tuple[str, int], Callable[[], None]]) -> Rows:
    """Run the generator in a run folder; every row of every table."""
    settings = [
        f"run.dir={folder}",
        f"problems.train={problems / 'train.jsonl'}",
        f"problems.heldout={problems / 'heldout.jsonl'}",
        "engine.in_flight=64",
        "guide.rollouts=4",
        *engine,
    ]
    run = Run(compose(QUICKSTART / "quickstart.yaml", settings), Console(quiet=True))
    with Watched(then) as progress:
        Stages(run).guide.execute(progress)
        assert not then, "the run ended before what was to happen in it"
    files = {table: file for tables in TABLES.values() for table, (file, _) in tables.items()}
    return {table: pq.read_table(folder / file).to_pylist() for table, file in files.items()}


def by_url(servers: Servers) -> list[str]:
    return ["engine.name=openai", "engine.model=tiny", f"engine.base_urls={servers.urls}"]


@pytest.fixture(scope="module")
def undisturbed(servers: Servers, problems: Path, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    rows = generated(tmp_path_factory.mktemp("undisturbed"), problems, by_url(servers), {})
    assert len(rows["attempts"]) == 4 * PROBLEMS
    assert rows["guided"]
    return rows


def test_completions(servers: Servers, codec: ChatCodec) -> None:
    """The end token is the last one of a completion that stopped; a seed repeats its draw on either server."""
    prompt = codec.prompt_ids("Work modulo 23. Start with 16.")
    (end,) = codec.end_ids

    async def main() -> None:
        urls = [servers.url(port) for port in servers.ports]
        settings, second = EngineSettings(base_urls=(*urls,)), EngineSettings(base_urls=(*urls[1:],))
        async with OpenAIEngine(settings, "tiny", 512) as both, OpenAIEngine(second, "tiny") as one:
            requests = [Request(prompt, Sampling(24), seed) for seed in range(40)]
            first = await asyncio.gather(*map(both.generate, requests))
            again = await asyncio.gather(*map(one.generate, reversed(requests)))
            assert first == again[::-1]
            assert len(set(first)) > 20
            for completion in first:
                assert completion.finish_reason == ("stop" if completion.token_ids[-1] == end else "length")
                assert len(completion.token_ids) == 24 or completion.token_ids[-1] == end
            with pytest.raises(UserError, match="max_model_len"):
                await both.generate(Request(prompt, Sampling(600), 1))
        with pytest.raises(UserError, match=r"--max-model-len 1024"):
            await OpenAIEngine(settings, "tiny", 1024).__aenter__()
        with pytest.raises(UserError, match="serves tiny, not large"):
            await OpenAIEngine(settings, "large").__aenter__()

    asyncio.run(main())


def test_text_gives_the_rows_that_token_ids_give(
    servers: Servers, problems: Path, undisturbed: Rows, tmp_path: Path
) -> None:
    """Special tokens, seeds, prefixes and ends included; the tiny model draws the tokens that its tokenizer gives."""
    assert generated(tmp_path, problems, [*by_url(servers), "engine.tokens=text"], {}) == undisturbed


def test_chat_gives_the_tokens_that_token_ids_give(servers: Servers, undisturbed: Rows, codec: ChatCodec) -> None:
    """Of attempts and of guided rollouts, whose prefixes the server continues as the assistant's final message."""
    rows = [*undisturbed["attempts"][:20], *undisturbed["guided"][:60]]
    requests = []
    for row in rows:
        question, begun = CHAT.fullmatch(codec.decode(row["prompt_ids"])).groups()
        turns = (question, begun) if begun else (question,)
        sampling = Sampling(row["max_tokens"], row["temperature"], row["top_p"], row["top_k"])
        requests.append(Request(tuple(row["prompt_ids"]), sampling, row["seed"], turns=turns))
    assert any(request.turns[-1].endswith("\n\n") for request in requests)

    async def main() -> list[Completion]:
        settings = EngineSettings(base_urls=(servers.url(servers.ports[0]),))
        async with OpenAIEngine(settings, "tiny", 512, tuple(chat_forms(codec))) as engine:
            return await asyncio.gather(*map(engine.generate, requests))

    drawn = asyncio.run(main())
    assert [list(completion.token_ids) for completion in drawn] == [row["token_ids"] for row in rows]


def test_servers_killed_and_restarted_in_mid_run_lose_no_row(
    servers: Servers, problems: Path, undisturbed: Rows, tmp_path: Path
) -> None:
    """The first is killed and restarted; once it is back the second is killed, so that the first has to do the rest."""
    first, second = servers.ports

    def restart_first() -> None:
        servers.kill(first)
        servers.start(first)

    def only_the_first_is_left() -> None:
        servers.wait(first)
        servers.kill(second)

    then = {("problems", PROBLEMS // 4): restart_first, ("problems", PROBLEMS // 2): only_the_first_is_left}
    rows = generated(tmp_path, problems, by_url(servers), then)
    assert servers.metric(first, "vllm:request_success_total") > 0, "it came back into use"
    assert rows == undisturbed


def test_verls_server_killed_in_mid_run_stops_it_and_what_it_drew_is_kept(
    servers: Servers, problems: Path, undisturbed: Rows, tmp_path: Path
) -> None:
    """The run goes on by URL, which saves the test a second start of verl; the journal does not know of engines."""

    def kill_a_server() -> None:
        import ray

        named = [actor for actor in ray.util.list_named_actors(all_namespaces=True) if "server" in actor["name"]]
        ray.kill(ray.get_actor(named[0]["name"], named[0]["namespace"]))

    with pytest.raises(EngineError, match=r"the rollout server at .* failed"):
        generated(
            tmp_path, problems, ["engine.name=verl", "engine.reopen=0"], {("problems", PROBLEMS // 2): kill_a_server}
        )
    with Journal(tmp_path / "journal.sqlite") as journal:
        assert len(journal) > 4 * (PROBLEMS // 2)
    before = servers.answered()
    assert generated(tmp_path, problems, by_url(servers), {}) == undisturbed
    asked = servers.answered() - before
    assert 0 < asked < len(undisturbed["attempts"]) + len(undisturbed["proposals"]), "only for the rest"
