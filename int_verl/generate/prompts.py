"""The prompts of the generator: Jinja templates, checked when loaded, with a version that goes into every row.

Built-in names are ``math/solve``, ``math/guided_solution``, ``math/verify``, ``math/verify_one_turn`` and the same
four of ``science`` and ``code``, and ``math/bare``, the problem alone; conversations have ``turns/act``,
``turns/guided_plan`` and ``turns/verify``, and the baselines ``baselines/hint`` and ``baselines/self_reflection``. A
path that ends in ``.jinja`` is a template of the user's own; it may extend a built-in one
(``{% extends "math/verify.jinja" %}``). See docs/prompts.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import BaseLoader, ChoiceLoader, FileSystemLoader, Template, TemplateNotFound, TemplateSyntaxError, meta

from int_verl.errors import UserError, first_line
from int_verl.settings.compose import is_it
from int_verl.template_sandbox import TemplateSandbox

BUILT_IN_FOLDER = Path(__file__).parent / "prompts"
VARIABLES = {
    "solve": frozenset(("problem",)),
    "guided_solution": frozenset(("problem", "reference_solution")),
    "verify": frozenset(("problem", "reference_solution", "steps", "guided_solution", "heard")),
    "hint": frozenset(("problem", "hint")),
    "self_reflection": frozenset(("problem", "reference_solution", "attempt")),
}
NEEDED = {
    "solve": frozenset(("problem",)),
    "guided_solution": frozenset(("problem", "reference_solution")),
    "verify": frozenset(("steps",)),
    "hint": frozenset(("problem", "hint")),
    "self_reflection": frozenset(("problem",)),
}
"""Without these a template says the same of every problem or attempt; in two turns the first has shown the rest."""
VERSION_DIGITS = 8


def built_in_names() -> list[str]:
    """Names that `load_prompts` takes, for example ``math/verify``."""
    return sorted(
        path.relative_to(BUILT_IN_FOLDER).with_suffix("").as_posix() for path in BUILT_IN_FOLDER.glob("*/*.jinja")
    )


@dataclass(frozen=True, slots=True)
class Prompt:
    """One template."""

    name: str
    """Built-in name, or the path as it was given."""

    template: Template

    version: str
    """Name and the first digits of the SHA-256 of its source and of all it extends or includes: ``verify-0b1f2c3d``."""

    uses: frozenset[str]
    "The variables that they use."

    def render(self, **variables: object) -> str:
        """The user message.

        Raises:
            UserError: the template fails: it uses what is not there or not for templates, or takes too long.
        """
        assert isinstance(self.template.environment, TemplateSandbox)
        try:
            return self.template.environment.rendered(self.template, variables)
        except Exception as error:  # whatever a template of somebody else's does wrong
            raise UserError(
                f"prompt template {self.name}: {first_line(error)}; it may use {_listed(variables)}"
            ) from None


@dataclass(frozen=True, slots=True)
class Prompts:
    """The templates of a run. Each method returns a user message; the caller applies the chat template."""

    solve_prompt: Prompt
    guided_solution_prompt: Prompt
    verify_prompt: Prompt
    hint_prompt: Prompt

    def solve(self, problem: str) -> str:
        return self.solve_prompt.render(problem=problem)

    def guided_solution(self, problem: str, reference_solution: str) -> str:
        """Turn 1 of the two-turn protocol: solve it with the reference at hand."""
        return self.guided_solution_prompt.render(problem=problem, reference_solution=reference_solution)

    def verify(
        self,
        problem: str,
        reference_solution: str,
        attempt_steps: Sequence[str],
        guided_solution: str | None,
        heard: Sequence[Sequence[str]] = (),
    ) -> str:
        """Turn 2, or the only turn if `guided_solution` is None.

        The built-in templates repeat problem and reference only where turn 1 has not shown them. Each step stands
        in the prompt verbatim, after its number: ``**Substep 3:** ...``.

        Args:
            heard: of a conversation, what the partner said before each of the steps, and in the end.
        """
        return self.verify_prompt.render(
            problem=problem,
            reference_solution=reference_solution,
            steps=list(attempt_steps),
            guided_solution=guided_solution,
            heard=[list(said) for said in heard],
        )

    def hint(self, problem: str, hint: str) -> str:
        """The problem with the beginning of its reference solution."""
        return self.hint_prompt.render(problem=problem, hint=hint)

    @property
    def solve_version(self) -> str:
        return self.solve_prompt.version

    @property
    def guided_solution_version(self) -> str:
        return self.guided_solution_prompt.version

    @property
    def verify_version(self) -> str:
        return self.verify_prompt.version


def load_prompts(
    solve: str = "math/solve",
    guided_solution: str = "math/guided_solution",
    verify: str = "math/verify",
    hint: str = "baselines/hint",
    cases: bool = False,
) -> Prompts:
    """Load and check the templates, each a built-in name or a path that ends in ``.jinja``.

    Args:
        cases: whether problems are cases, in which the policy may always be told the same.

    Raises:
        UserError: a template that does not exist, has a syntax error, uses a variable that its role does not have or
            lacks one without which it makes no sense.
    """
    return Prompts(
        load_prompt("solve", solve, alike=cases),
        load_prompt("guided_solution", guided_solution),
        load_prompt("verify", verify),
        load_prompt("hint", hint),
    )


def load_prompt(role: str, name: str, alike: bool = False) -> Prompt:
    """One template by its role; its variables are checked against those that the role has.

    Args:
        alike: whether it may say the same of every problem.

    Raises:
        UserError: as `load_prompts`.
    """
    is_path = name.endswith(".jinja")
    loader: BaseLoader = FileSystemLoader(BUILT_IN_FOLDER)
    if is_path:
        path = Path(name).expanduser()
        if not path.is_file():
            raise UserError(f"prompts.{role}={name}: no such file; give a path to a .jinja file or a built-in name")
        loader = ChoiceLoader([FileSystemLoader(path.parent), loader])
        entry, short_name = path.name, path.stem
    else:
        if name not in built_in_names():
            built_in = built_in_names()
            known = f"{is_it(name, built_in)}built-in are {', '.join(built_in)}"
            raise UserError(f"prompts.{role}={name}: no template of this name; {known}")
        entry, short_name = f"{name}.jinja", name
    environment = TemplateSandbox(loader)
    try:
        sources, uses = _sources(environment, entry, role, name, frozenset() if alike else NEEDED[role])
        template = environment.get_template(entry)
    except TemplateNotFound as error:
        raise UserError(f"prompt template {name} refers to {error.name}, which does not exist beside it") from None
    except TemplateSyntaxError as error:
        where = f"{error.name or entry}, line {error.lineno}"
        raise UserError(f"prompt template {name}: {error.message} ({where})") from None
    except UnicodeDecodeError as error:
        raise UserError(f"prompt template {name} is not UTF-8: {error.reason} at byte {error.start}") from None
    except RecursionError:
        raise UserError(f"prompt template {name}: nested too deeply; write it simpler") from None
    digest = hashlib.sha256("\0".join(sources).encode()).hexdigest()
    return Prompt(name, template, f"{short_name}-{digest[:VERSION_DIGITS]}", uses)


def _sources(
    environment: TemplateSandbox, entry: str, role: str, name: str, needed: frozenset[str]
) -> tuple[list[str], frozenset[str]]:
    """The template's source and those that it extends or includes, each once; their variables, which are checked."""
    assert environment.loader is not None
    allowed = VARIABLES[role]
    used: set[str] = set()
    sources: dict[str, str] = {}
    waiting = [entry]
    while waiting:
        current = waiting.pop()
        if current in sources:
            continue
        sources[current] = environment.loader.get_source(environment, current)[0]
        tree = environment.parse(sources[current], name=current)
        uses = meta.find_undeclared_variables(tree)
        used |= uses
        if unknown := uses - allowed - {"self", "caller"}:
            within = "" if current == entry else f" (in {current})"
            raise UserError(
                f"prompt template {name}{within}: unknown variable {_listed(unknown)}; it may use {_listed(allowed)}"
            )
        waiting += [other for other in meta.find_referenced_templates(tree) if other]
    if missing := needed - used:
        raise UserError(f"prompt template {name}: never says {{{{ {min(missing)} }}}}, which prompts.{role} has to")
    return [f"{key}\0{source}" if key != entry else source for key, source in sources.items()], frozenset(used)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
