"""Settings as they are written down and as they are published."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf

from int_verl.errors import UserError
from int_verl.settings.compose import checked, compose, flatten
from int_verl.settings.environment import as_hydra_reads
from int_verl.settings.published import TEXTS, public_name, published
from int_verl.settings.secrets import looks_secret
from int_verl.settings.sections import KINDS
from int_verl.settings.written import recorded, written, written_config
from tests.settings.test_compose import NEEDED


@pytest.mark.parametrize(
    "name",
    ["judge_key", "API_KEY", "apiKey", "hf_token", "dbPassword", "pw", "Authorization", "x-api-key", "client_secret"],
)
def test_names_of_secrets(name: str) -> None:
    assert looks_secret(name)


@pytest.mark.parametrize(
    "name", ["max_tokens", "tokenizer", "monkey", "author", "bypass", "HOME", "PWD", "skip_tokenizer_init"]
)
def test_names_of_other_things(name: str) -> None:
    assert not looks_secret(name)


@pytest.mark.parametrize(
    ("override", "kept"),
    [
        ("actor_rollout_ref.actor.loss_agg_mode=seq-mean-token-sum", True),
        ("trainer.logger=[console,file]", True),
        ("data.seed=3", True),
        ("+data.x=null", True),
        ("~data.seed", True),
        ("+a.key=${oc.env:X}", True),
        ("+data.word=anything", False),
        ("trainer.wandb_proxy=http://u:p@h", False),
        ("data.custom_cls.path=/home/me/x.py", False),
        ("+a={k:v}", False),
        ("broken=[", False),
    ],
)
def test_overrides(override: str, kept: bool) -> None:
    (found,) = written("rl.overrides", [override])
    assert (found == override) is kept
    assert found.split("=")[0] == override.split("=")[0]
    assert written("rl.overrides", [found]) == [found]


def test_what_is_written_is_written_the_same_again() -> None:
    settings = {
        "engine": {"base_urls": ["http://u:p@h/v1?token=x"], "overrides": ["+x=Secret9"]},
        "grader": {"reward_kwargs": {"a": {"token": "x"}, "b": ["text"], "c": 1.5, "d": None, "e": True, "f": ""}},
        "guide": {"separator": "\n\n***\n\n"},
    }
    once = written("", settings)
    assert written("", once) == once
    assert once["grader"]["reward_kwargs"] == {
        "a": {"token": "***"},
        "b": [once["grader"]["reward_kwargs"]["b"][0]],
        "c": 1.5,
        "d": None,
        "e": True,
        "f": "",
    }
    assert once["guide"] == settings["guide"]


def test_a_variable_keeps_its_name_and_its_value_can_be_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATTEMPTS", "4")
    config = compose(None, [*NEEDED, "sample.attempts='${oc.decode:${oc.env:ATTEMPTS}}'", "run.name=${oc.env:NO,x}"])
    assert checked(config).sample.attempts == 4
    assert checked(config).run.name == "x"
    assert written_config(config).sample == OmegaConf.to_container(config.sample, resolve=False)
    assert "4" not in str(OmegaConf.to_container(written_config(config).sample, resolve=False)["attempts"])
    first = recorded("sample.attempts", "${oc.env:ATTEMPTS}")
    assert recorded("sample.attempts", "${oc.env:ATTEMPTS}") == first
    monkeypatch.setenv("ATTEMPTS", "5")
    assert recorded("sample.attempts", "${oc.env:ATTEMPTS}") != first


def test_a_changed_key_is_recorded_as_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    found = set()
    for value in ("one-secret", "another"):
        monkeypatch.setenv("JUDGE_KEY", value)
        found.add(recorded("grader.reward_kwargs.x", "${oc.env:JUDGE_KEY}"))
        found.add(recorded("grader.reward_kwargs.judge_key", value))
    assert found == {"${oc.env:JUDGE_KEY}", "***"}


def test_settings_that_were_not_written_in_full_are_asked_for_again(tmp_path: Path) -> None:
    config = compose(None, [*NEEDED, "grader.reward_kwargs.judge_key=abcdef"])
    (tmp_path / "config.yaml").write_text(OmegaConf.to_yaml(written_config(config)))
    with pytest.raises(UserError, match=r"^grader\.reward_kwargs\.judge_key: \*\*\* stands for what was not written"):
        compose(tmp_path / "config.yaml", [])
    again = compose(tmp_path / "config.yaml", ["grader.reward_kwargs.judge_key=abcdef"])
    assert again == config


def test_overrides_reach_a_trainer_with_their_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"WORD": "abc/d=", "RATE": "1e-5", "LIST": "[a,b]", "WHOLE": "data.seed=3"}.items():
        monkeypatch.setenv(name, value)
    given = ["+a=${oc.env:WORD}", "b=${oc.env:RATE}", "c=${oc.env:LIST}", "d=x-${oc.env:WORD}", "${oc.env:WHOLE}"]
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump({"rl": {"overrides": given}}))
    config = compose(tmp_path / "recipe.yaml", NEEDED)
    assert checked(config).rl.overrides == (
        "+a=${oc.env:WORD}",
        "b='${oc.decode:${oc.env:RATE}}'",
        "c=[a,b]",
        "d=x-${oc.env:WORD}",
        "data.seed=3",
    )
    read = {key: as_hydra_reads(override) for key, override in zip("abcd", checked(config).rl.overrides, strict=False)}
    trainers = OmegaConf.create(read)
    OmegaConf.resolve(trainers)
    assert trainers == {"a": "abc/d=", "b": 1e-5, "c": ["a", "b"], "d": "x-abc/d="}


# Published


def test_what_is_published_is_known_to_be_safe() -> None:
    """Every setting that takes any text is left out, unless it is one of the names in the list."""
    tree = flatten(OmegaConf.to_container(compose(None, NEEDED)))  # type: ignore[arg-type]
    left_out = set(tree) - set(published(tree))
    assert left_out == {
        *("engine.base_urls", "engine.model", "engine.api_key_env", "engine.script", "engine.overrides", "run.dir"),
        *("proposer.engine", "grader.reward_kwargs", "problems.columns", "problems.answer_after", "problems.made_by"),
        *("guide.separator", "turns.options", "turns.hidden"),
        *("rl.reward_kwargs", "rl.reward_keys", "sample.attempts_from", "propose.interventions_from"),
        *("sft.overrides", "rl.overrides", "eval.k_by_source"),
    }
    assert {key.split(".")[0] for key in TEXTS} <= set(KINDS)


@pytest.mark.parametrize("value", ["sk-Secret", {"a": "b"}, ["x y"], "http://u:p@h", "A" * 40, "${oc.env:KEY}"])
def test_a_damaged_file_publishes_no_text(value: object) -> None:
    settings = dict.fromkeys(("sample.attempts", "sft.loss_on", "unknown.key", "grader.reward_kwargs.x"), value)
    assert published(settings) == {}


@pytest.mark.parametrize(
    ("name", "public"),
    [
        ("/home/me/models/Qwen3-4B", "Qwen3-4B"),
        ("../model", "model"),
        ("runs/x/rl/model", "model"),
        ("Qwen/Qwen3-4B", "Qwen/Qwen3-4B"),
        ("owner/set:train", "owner/set:train"),
        ("pkg://package.module", "pkg://package.module"),
        ("http://u:p@h/x", None),
        ("${oc.env:X}/y", None),
        ("a b\nc", None),
    ],
)
def test_public_names(name: str, public: str | None) -> None:
    assert public_name(name) == public
