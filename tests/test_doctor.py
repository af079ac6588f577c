"""What `int-verl doctor` makes of a machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from int_verl.attention import VERLS_OWN
from int_verl.cli import cli
from int_verl.doctor import DEFAULT_ATTENTIONS, Check, check_flash_attention, explain_probe
from int_verl.errors import UserError
from tests.trainers.launches import rl_launch, sft_launch

GPU = {
    "plugins": ["int_verl.plugin", "int_verl.cpu.register"],
    "device": "cuda",
    "cuda_build": "13.0",
    "gpus": 8,
    "configs": "ok",
    "vllm": "0.24.0",
}
"What the probe finds where all is well."
MISSING = "does not import (No module named 'flash_attn')"
SDPA = "override_config.attn_implementation=sdpa"


def attention(found: dict[str, Any], **attentions: str) -> Check:
    (check,) = (check for check in explain_probe(found, attentions or DEFAULT_ATTENTIONS) if check.name == "attention")
    return check


def test_a_gpu_needs_flash_attention() -> None:
    assert attention(GPU).ok
    check = attention(GPU | {"flash_attn_error": MISSING})
    assert not check.ok
    assert check.detail == f"flash-attn {MISSING}, and sft and rl would train with it"
    assert "--no-build-isolation flash-attn==" in check.remedy
    assert "sft.overrides=" in check.remedy
    assert "rl.overrides=" in check.remedy
    assert "\n" not in check.detail + check.remedy
    assert not attention(GPU | {"flash_attn_error": "does not import (undefined symbol: _ZN3c10)"}).ok


@pytest.mark.parametrize(
    ("sft", "rl", "ok"),
    [
        ("sdpa", "sdpa", True),
        ("sdpa", "eager", True),
        ("kernels-community/flash-attn2", "flash_attention_3", True),
        ("sdpa", VERLS_OWN, False),
        (VERLS_OWN, "sdpa", False),
    ],
)
def test_unless_both_stages_name_another_attention(sft: str, rl: str, ok: bool) -> None:
    check = attention(GPU | {"flash_attn_error": MISSING}, sft=sft, rl=rl)
    assert check.ok is ok
    assert ok or check.detail.endswith("sft would train with it" if sft == VERLS_OWN else "rl would train with it")


def test_a_machine_without_a_gpu_needs_none() -> None:
    found = explain_probe(GPU | {"device": "cpu", "gpus": 0, "flash_attn_error": MISSING})
    assert all(check.ok for check in found)


@pytest.mark.verl
def test_the_remedy_names_settings_that_mend_it(tmp_path: Path) -> None:
    remedy = check_flash_attention(MISSING, DEFAULT_ATTENTIONS).remedy
    for launch, section in ((sft_launch, "sft"), (rl_launch, "rl")):
        override = remedy.partition(f"{section}.overrides=['")[2].partition("']")[0]
        assert launch(tmp_path, tmp_path, tmp_path, platform="gpu").attention() == VERLS_OWN
        assert launch(tmp_path, tmp_path, tmp_path, platform="gpu", overrides=(override,)).attention() == "sdpa"


@pytest.mark.verl
def test_stages_are_refused_before_the_first_one_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """verl would refuse SFT only after all the generation."""
    launch = sft_launch(tmp_path, tmp_path, tmp_path, platform="gpu")
    launch.check_host()
    monkeypatch.setattr("int_verl.trainers.launch.has_nvidia", lambda: True)
    monkeypatch.setattr("int_verl.trainers.launch.find_spec", lambda _: None)
    with pytest.raises(UserError, match="flash-attn is not installed, and sft would train with it"):
        launch.check_host()
    with pytest.raises(UserError, match="flash-attn is not installed, and rl would train with it"):
        rl_launch(tmp_path, tmp_path, tmp_path, platform="gpu").check_host()
    sft_launch(tmp_path, tmp_path, tmp_path, platform="gpu", overrides=(f"+model.{SDPA}",)).check_host()
    sft_launch(tmp_path, tmp_path, tmp_path, platform="cpu").check_host()


@pytest.mark.verl
def test_the_attention_is_that_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, str]] = []
    monkeypatch.setattr("int_verl.doctor.report", lambda attentions: asked.append(dict(attentions)) or [])
    arguments = ["--config", "recipes/quickstart/quickstart.yaml", "platform=gpu", f"sft.overrides=['+model.{SDPA}']"]
    CliRunner().invoke(cli, ["doctor"])
    CliRunner().invoke(cli, ["doctor", *arguments])
    assert asked == [DEFAULT_ATTENTIONS, {"sft": "sdpa", "rl": VERLS_OWN, "rl_baseline": VERLS_OWN}]
