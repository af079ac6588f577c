"""Templates: what they show, their versions, and the errors that name template and variable."""

from __future__ import annotations

import random
import re
from pathlib import Path

import domain
import pytest

from int_verl.errors import UserError
from int_verl.generate.prompts import built_in_names, load_prompts
from int_verl.interventions import InterventionParseError, parse_intervention
from int_verl.interventions.verification_log import first_error, wrong_steps

STEPS = ["Let $x$ be {{ problem }}.\nSo <b>x</b> & y.", "Then \\frac{1}{2}.\n", "{% raw %}"]
PROMPTS = Path(domain.__file__).parent / "prompts"


def test_the_built_in_templates() -> None:
    kinds = ("solve", "guided_solution", "verify", "verify_one_turn")
    names = [f"{field}/{kind}" for field in ("math", "science", "code") for kind in kinds]
    names += ["turns/act", "turns/guided_plan", "turns/verify"]
    assert built_in_names() == sorted([*names, "math/bare", "baselines/hint", "baselines/self_reflection"])


def test_the_bare_prompt_is_the_problem() -> None:
    problem = "Find all $n$ with\n\n{{ n }} < 3 & <b>.\n"
    assert load_prompts(solve="math/bare").solve(problem) == problem


@pytest.mark.parametrize("field", ["math", "science", "code"])
@pytest.mark.parametrize("verify", ["verify", "verify_one_turn"])
def test_what_the_templates_show(field: str, verify: str) -> None:
    prompts = load_prompts(f"{field}/solve", f"{field}/guided_solution", f"{field}/{verify}")
    assert "PROBLEM" in prompts.solve("PROBLEM")
    turn_1 = prompts.guided_solution("PROBLEM", "REFERENCE")
    assert "PROBLEM" in turn_1
    assert "REFERENCE" in turn_1
    one_turn = prompts.verify("PROBLEM", "REFERENCE", STEPS, None)
    assert one_turn.count("PROBLEM") == one_turn.count("REFERENCE") == 1
    turn_2 = prompts.verify("PROBLEM", "REFERENCE", STEPS, "SOLUTION")
    assert turn_2.count("REFERENCE") == (verify == "verify_one_turn")
    for text in (one_turn, turn_2):
        for i, step in enumerate(STEPS, 1):
            assert f"**Substep {i}:** {step}" in text
        assert text.index("**Substep 2:**") < text.index("**Substep 3:**") < text.index("<intervention>")
        assert "critical error" in text
        assert "final answer" in text or "complete program" in text
    assert "{{" not in one_turn.replace(STEPS[0], "")


def test_what_the_verification_prompt_asks_for_is_what_is_read() -> None:
    text = load_prompts().verify("P", "R", ["a"], None)
    assert "Substep i verdict: CORRECT, or WRONG, or WRONG, RECOVERED" in text
    assert "First critical error: Substep i" in text
    assert wrong_steps(text) == []
    assert first_error(text) is None
    with pytest.raises(InterventionParseError) as raised:
        parse_intervention(text)  # the prompt's own last block is the empty one
    assert raised.value.reason == "empty_block"


def test_versions() -> None:
    prompts = load_prompts()
    name, digest = prompts.verify_version.rsplit("-", 1)
    assert name == "math/verify"
    assert len(digest) == 8
    assert int(digest, 16) >= 0
    versions = [prompts.solve_version, prompts.guided_solution_version, prompts.verify_version]
    again = load_prompts()
    assert [again.solve_version, again.guided_solution_version, again.verify_version] == versions
    assert not any(" " in version for version in versions)
    assert load_prompts(verify="code/verify").verify_version != prompts.verify_version


def test_the_quickstarts_templates_render_as_in_pretraining() -> None:
    paths = (str(PROMPTS / f"{name}.jinja") for name in ("solve", "guided_solution", "verify"))
    prompts = load_prompts(*paths)
    problem = domain.draw_problem(random.Random(1))
    reference = domain.reference_solution(problem, problem.values)
    attempt = domain.own_solution(problem, problem.values)
    assert prompts.solve(problem.text) == domain.solve_prompt(problem)
    assert prompts.guided_solution(problem.text, reference) == domain.guided_solution_prompt(problem, reference)
    steps = attempt.split("\n\n")
    assert prompts.verify(problem.text, reference, steps, None) == domain.verify_prompt(problem, reference, attempt)
    assert prompts.verify_version.startswith("verify-")


def test_a_template_of_ones_own_extends_a_built_in_one_and_its_version_follows_its_source(tmp_path: Path) -> None:
    own = tmp_path / "mine.jinja"
    own.write_text('{% extends "math/verify.jinja" %}{% block errors %}Only signs count.{% endblock %}')
    first = load_prompts(verify=str(own))
    text = first.verify("P", "R", ["a"], None)
    assert "Only signs count." in text
    assert "**Substep 1:** a" in text
    own.write_text('{% extends "math/verify.jinja" %}{% block errors %}Only signs matter.{% endblock %}')
    assert load_prompts(verify=str(own)).verify_version != first.verify_version
    assert first.verify_version.startswith("mine-")


def test_the_version_follows_what_a_template_includes(tmp_path: Path) -> None:
    (tmp_path / "main.jinja").write_text('{% include "part.jinja" %}')
    (tmp_path / "part.jinja").write_text("{{ problem }}")
    before = load_prompts(solve=str(tmp_path / "main.jinja")).solve_version
    (tmp_path / "part.jinja").write_text("{{ problem }}!")
    assert load_prompts(solve=str(tmp_path / "main.jinja")).solve_version != before


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ probelm }}", "unknown variable probelm; it may use problem"),
        ("{{ problem }} {{ reference_solution }}", "unknown variable reference_solution; it may use problem"),
        ("{% if problem %}", "line 1"),
        ("{{ problem.text }}", "has no attribute 'text'"),
        ('{% include "nowhere.jinja" %}', "refers to nowhere.jinja, which does not exist"),
        ("{{ problem | nofilter }}", "nofilter"),
    ],
)
def test_a_bad_template_is_a_user_error_that_names_it(tmp_path: Path, source: str, message: str) -> None:
    path = tmp_path / "bad.jinja"
    path.write_text(source)
    with pytest.raises(UserError, match=r"bad\.jinja") as raised:
        load_prompts(solve=str(path)).solve("P")
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", ["math/slove", "/no/such/file.jinja", "", "math", "../prompts/math/solve"])
def test_a_template_that_is_not_there(name: str) -> None:
    with pytest.raises(UserError, match=rf"prompts\.solve={re.escape(name)}: no "):
        load_prompts(solve=name)


@pytest.mark.parametrize("source", ["", "Solve it.", "{# {{ problem }} #}"])
def test_a_template_that_says_the_same_of_every_problem_is_refused(tmp_path: Path, source: str) -> None:
    (tmp_path / "mine.jinja").write_text(source)
    with pytest.raises(UserError, match=r"never says \{\{ problem \}\}"):
        load_prompts(solve=str(tmp_path / "mine.jinja"))
    with pytest.raises(UserError, match=r"never says \{\{ steps \}\}"):
        load_prompts(verify=str(tmp_path / "mine.jinja"))
