"""A template of somebody else's reads its variables; what it tries beside that is one line that names it."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from int_verl.errors import UserError
from int_verl.generate.prompts import load_prompts

CANARY = "CANARY"
"In a template: the path of a file that it tries to make."
RUNS_CODE = [
    "{{ self.__init__.__globals__.__builtins__.open('CANARY', 'w') }}",
    "{{ self._TemplateReference__context.environment.loader.searchpath }}",
    "{{ problem.__class__.__mro__[1].__subclasses__() }}",
    "{{ problem | attr('__class__') }}",
    "{{ problem['__class__'] }}",
    "{{ '{0.__class__}'.format(problem) }}",
    "{{ '{x.__class__}'.format_map({'x': problem}) }}",
    "{{ lipsum.__globals__['os'].system('touch CANARY') }}",
    "{{ cycler.__init__.__globals__.os.popen('touch CANARY').read() }}",
    "{{ joiner.__init__.__globals__.os.system('touch CANARY') }}",
    "{{ namespace.__init__.__globals__ }}",
    "{{ range.__self__ }}",
    "{% macro m() %}{% endmacro %}{{ m.__call__.__func__.__globals__ }}",
    "{% macro m() %}{% endmacro %}{{ m._func.__globals__.__builtins__.open('CANARY', 'w') }}",
    "{% set ns = namespace(f=self) %}{{ ns.f.__init__.__globals__ }}",
    "{{ [self]|map(attribute='__init__')|list|first|attr('__globals__') }}",
    "{{ ([self]|map(attribute='__init__')|first).__globals__ }}",
    "{% for f in [problem.__class__] %}{{ f.mro() }}{% endfor %}",
]
NEVER_ENDS = [
    "{% for i in range(10**9) %}x{% endfor %}",
    "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "{% for a in range(99999) if a < 0 %}{% endfor %}" * 20,
    "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(80) }}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{% for x in [[[]]] recursive %}{{ loop([[[]]]) }}{% endfor %}",
    "{{ 10 ** (10 ** 10) }}",
    "{{ 'x' * 10 ** 12 }}",
    "{{ 10 ** 12 * [1] }}",
    '{% extends "bad.jinja" %}',
    '{% include "bad.jinja" %}',
    "{{ " + "(" * 9000 + "1" + ")" * 9000 + " }}",
]
FAILS = [
    "{{ problem + 3 }}",
    "{{ 1 / 0 }}",
    "{{ problem.nothing }}",
    "{{ problem.text.x }}",
    "{{ problem[9999] }}",
    "{{ problem() }}",
    "{% include problem %}",
    "{{ [1, 2] | sum(attribute='a') }}",
    "{% for k, v in problem %}{% endfor %}",
    "{{ [3].append(4) }}",
]


@pytest.fixture
def render(tmp_path: Path) -> Callable[[str], str]:
    def render(source: str) -> str:
        path = tmp_path / "bad.jinja"
        path.write_text("{{ problem }}" + source.replace(CANARY, str(tmp_path / "canary")))
        return load_prompts(solve=str(path)).solve("Find x.")

    return render


@pytest.mark.parametrize("source", [*RUNS_CODE, *NEVER_ENDS, *FAILS], ids=lambda source: source[:60])
def test_it_is_refused_in_one_line(tmp_path: Path, render: Callable[[str], str], source: str) -> None:
    started = time.monotonic()
    with pytest.raises(UserError, match=r"^prompt template .*bad\.jinja") as refused:
        render(source)
    assert "\n" not in str(refused.value)
    assert time.monotonic() - started < 20
    assert not (tmp_path / "canary").exists()


def test_what_templates_are_for_still_works(render: Callable[[str], str]) -> None:
    counted = "{{ loop.index }}/{{ loop.length }}{% if not loop.last %},{% endif %}"
    assert render("{% for c in 'ab' %}" + counted + "{% endfor %}").endswith("1/2,2/2")
    assert render("{% for c in [] %}{% else %}none{% endfor %}").endswith("none")
    assert render("{% for k, v in {'a': 1}.items() %}{{ k }}={{ v }}{% endfor %}").endswith("a=1")
    assert render("{% for x in [[1, [2]]] recursive %}{{ x[0] }}{{ loop(x[1:]) }}{% endfor %}").endswith("12")
    assert render("{% macro twice(s) %}{{ s * 2 }}{{ 2 ** 3 }}{% endmacro %}{{ twice('ab') }}").endswith("abab8")
    assert render(
        "{% set ns = namespace(n=0) %}{% for i in range(5) %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}"
    ).endswith("10")
    assert render("{{ '{:>3}'.format(7) }}{{ problem | upper | replace('X', 'y') }}").endswith("  7FIND y.")


def test_every_prompt_has_all_its_turns(tmp_path: Path) -> None:
    """Turns are of one rendering, not of the run."""
    path = tmp_path / "mine.jinja"
    path.write_text("{{ problem }}{% for i in range(90000) %}{% endfor %}")
    prompts = load_prompts(solve=str(path))
    assert [prompts.solve(str(number)) for number in range(15)] == [str(number) for number in range(15)]


def test_threads_count_apart(tmp_path: Path) -> None:
    path = tmp_path / "mine.jinja"
    path.write_text("{{ problem }}{% for i in range(60000) %}{% endfor %}")
    prompts = load_prompts(solve=str(path))
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(prompts.solve, map(str, range(16)))) == [str(number) for number in range(16)]
