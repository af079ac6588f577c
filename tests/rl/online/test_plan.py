"""The agent loop's settings, through verl's registry and back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from int_verl.errors import UserError
from int_verl.rl.online.plan import Plan
from int_verl.settings.generation import ProposeSettings
from int_verl.settings.online import OnlineSettings
from int_verl.settings.sampling import Sampling

ONLINE = st.builds(
    OnlineSettings,
    enabled=st.booleans(),
    loss_on=st.sampled_from(["own", "all"]),
    row_share=st.floats(0.01, 1),
    waves=st.lists(st.integers(1, 9), max_size=3).map(tuple),
    tokens_per_step=st.none() | st.integers(1, 10**9),
)


@given(ONLINE, st.booleans(), st.integers(1, 10**5))
def test_it_comes_back_as_it_was(online: OnlineSettings, two_turns: bool, tokens: int) -> None:
    plan = Plan(online, ProposeSettings(two_turns=two_turns, sampling=Sampling(tokens)), "sentences", "solution")
    loaded = OmegaConf.create(json.dumps(plan.registry()))  # as verl reads the file: JSON is YAML
    (_, entry) = loaded
    assert entry.name == "int_online"
    values: Any = OmegaConf.to_container(entry.plan)
    assert Plan.read(values) == plan
    assert Plan.read(values) is Plan.read(values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"onlin": {}}, r"int_online: plan\.onlin: no such key; it has online, propose"),
        ({"online": {"loss_on": "none"}}, r"int_online: plan\.online\.loss_on='none': input should be 'own' or 'all'"),
        ({"online": {"row_share": 0}}, r"int_online: plan\.online\.row_share=0: input should be greater than 0"),
        ({"online": {"wave": [1]}}, r"int_online: plan\.online\.wave: no such key; it has enabled, loss_on"),
        ({"propose": {"sampling": {"top": 1}}}, r"int_online: plan\.propose\.sampling\.top: no such key"),
        ({"propose": {"guided_solution_sampling": {"top": 1}}}, r"plan\.propose\.guided_solution_sampling\.top: no"),
    ],
)
def test_what_is_no_setting_is_said(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Plan.read(values)
