"""What a recipe of somebody else's may name: variables of the environment, servers, folders."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from int_verl.errors import UserError
from int_verl.redaction import redact
from int_verl.settings.compose import checked, compose
from tests.settings.test_compose import NEEDED

SERVERS = "engine.base_urls=['http://node1:8000/v1']"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "an-aws-secret")
    monkeypatch.setenv("DATABASE_URL", "postgres://u:p@h/db")
    monkeypatch.setenv("SERVER_PASSWORD", "a-password")
    monkeypatch.setenv("MODELS", "/models")


def refused(*settings: str) -> str:
    with pytest.raises(UserError) as caught:
        checked(compose(None, [*NEEDED, *settings]))
    assert "\n" not in redact(str(caught.value))
    return str(caught.value)


@pytest.mark.parametrize(
    "name",
    ["HOME", "USER", "AWS_SECRET_ACCESS_KEY", "HF_TOKEN", "GITHUB_TOKEN", "WANDB_API_KEY", "SSH_AUTH_SOCK", "DB_KEY"],
)
@pytest.mark.parametrize("section", ["engine", "proposer.engine", "grader.reward_kwargs", "rl.reward_kwargs"])
def test_a_variable_that_is_no_servers_key_is_not_sent(
    name: str, section: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting = f"{section}.api_key_env={name}"
    assert refused(setting).startswith(f"{setting}: this variable would be sent to the server,")
    monkeypatch.setenv("INT_VERL_KEYS", f"OTHER, {name}")
    compose(None, [*NEEDED, setting])


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "VLLM_API_KEY", "SERVERS_KEY", "MY_TOKEN"])
def test_a_servers_key_is(name: str) -> None:
    assert checked(compose(None, [*NEEDED, f"engine.api_key_env={name}"])).engine.api_key_env == name


def test_a_key_in_the_place_of_its_name_is_not_repeated() -> None:
    message = refused("engine.api_key_env='sk-proj-0123456789'")
    assert "sk-proj" not in message
    assert "the name of the environment variable" in message


@pytest.mark.parametrize("setting", ["run.name", "model.path", "problems.train", "engine.model", "prompts.solve"])
def test_a_key_has_no_place_in_a_name(setting: str) -> None:
    assert "looks like a key's variable" in refused(f"{setting}=x${{oc.env:AWS_SECRET_ACCESS_KEY}}")
    compose(None, [*NEEDED, f"{setting}=${{oc.env:MODELS}}/x"])


def test_what_may_stand_in_a_servers_address() -> None:
    for variable in ("AWS_SECRET_ACCESS_KEY", "DATABASE_URL", "MODELS"):
        assert f"${variable} would be sent" in refused(f"engine.base_urls=['http://h/${{oc.env:{variable}}}']")
    config = compose(None, [*NEEDED, "engine.base_urls=['http://u:${oc.env:SERVER_PASSWORD}@h/v1']"])
    assert checked(config).engine.base_urls == ("http://u:a-password@h/v1",)
    assert redact("http://u:a-password@h") == "http://***@h"


def test_a_judges_key_comes_from_the_environment() -> None:
    config = compose(None, [*NEEDED, "grader.reward_kwargs.key=${oc.env:AWS_SECRET_ACCESS_KEY}"])
    assert checked(config).grader.reward_kwargs == {"key": "an-aws-secret"}
    assert redact("it says an-aws-secret") == "it says ${oc.env:AWS_SECRET_ACCESS_KEY}"


@pytest.mark.parametrize("value", ["made-up{key", "[made-up-key", "'made-up-key"])
def test_a_slip_of_the_hand_does_not_print_a_key(value: str) -> None:
    assert "made-up" not in refused(f"grader.reward_kwargs.judge_key={value}")


def test_a_variable_that_is_not_set_is_named() -> None:
    assert "NOT_THERE" in refused("grader.reward_kwargs.key=${oc.env:NOT_THERE}")


def test_a_value_of_the_environment_is_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOMETHING", "not-a-number")
    assert refused("sample.attempts=${oc.env:SOMETHING}").startswith("sample.attempts='${oc.env:SOMETHING}'")


@pytest.mark.parametrize(
    "name",
    ["../../../x", "a/b", "..", ".hidden", "/tmp/x", "~x", "-x", "x" * 300, "\u00fc" * 101, r"a\b", "'a\nb'", "''"],
)
def test_names_of_runs_that_are_no_names_of_folders(name: str, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump({"run": {"name": name.strip("'")}}))
    with pytest.raises(UserError, match=r"run\.name=") as caught:
        checked(compose(tmp_path / "recipe.yaml", NEEDED))
    assert "\n" not in str(caught.value)


def test_names_of_runs_that_are() -> None:
    for name in ("int_qwen3-4b", "x.1", "\u00fc", "a b", "x" * 200):
        assert checked(compose(None, [*NEEDED, f"run.name='{name}'"])).run.name == name


@pytest.mark.parametrize("setting", ["model.path", "problems.train", "run.dir", "engine.script", "grader.reward_path"])
@pytest.mark.parametrize("text", ["a\nb", "a\x00b", "\x1b[2J", "a\u2028b"])
def test_paths_stand_on_one_line(setting: str, text: str, tmp_path: Path) -> None:
    section, _, key = setting.partition(".")
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump({section: {key: text}}))
    needed = [override for override in NEEDED if not override.startswith(setting)]
    with pytest.raises(UserError, match="no other control characters"):
        checked(compose(tmp_path / "recipe.yaml", needed))


def test_text_that_no_file_can_hold_is_refused(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text('guide: {separator: "\\udc80"}\n')
    with pytest.raises(UserError, match=r"guide\.separator: its text is not UTF-8|recipe\.yaml"):
        compose(tmp_path / "recipe.yaml", NEEDED)


@pytest.mark.parametrize(
    "url",
    [
        "node1:8000",
        "ftp://h/v1",
        "http://",
        "http://h:99999/v1",
        "http://[::1",
        "http://u:p#w@h",
        "http://h /v1",
        "h",
        "",
    ],
)
def test_what_is_no_address_is_not_repeated(url: str, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump({"engine": {"base_urls": [url]}}))
    with pytest.raises(UserError, match=r"^engine\.base_urls\.0: "):
        checked(compose(tmp_path / "recipe.yaml", NEEDED))


def test_user_and_password_beside_a_key_are_one_too_many() -> None:
    both = ("engine.name=openai", "engine.base_urls=['http://u:hidden-password@h/v1']", "engine.api_key_env=A_KEY")
    message = refused(*both)
    assert message.startswith(
        "engine.base_urls: http://***@h/v1 has a user or a password beside engine.api_key_env=A_KEY"
    )
    assert checked(compose(None, [*NEEDED, *both[:2]])).engine.name == "openai"
