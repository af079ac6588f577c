"""Links between the documents lead somewhere, in a checkout and on the site, and the files that they name are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.quickstart_files import ROOT

PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("recipes/*/README.md")]
NAMED = re.compile(r"`((?:[\w.-]+/)+[\w*-]+\.(?:py|sh|yaml|jinja))`")
"A file of the checkout, from its root, from the package or from the page."
LINK = re.compile(r"\]\((?!https?://|mailto:)([^)#]*)(?:#([^)]*))?\)")


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_links(page: Path) -> None:
    for path, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), path
        if page.parent.name == "docs":  # the site is made of docs/ alone (mkdocs.yml)
            assert target.parent == page.parent, path
        if anchor:
            assert anchor in anchors(target), f"{path}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_files_that_are_named_are_there(page: Path) -> None:
    for name in NAMED.findall(page.read_text(encoding="utf-8")):
        if not name.startswith(("verl/", "workers/", "path/")):  # verl's own, and yours
            roots = (ROOT, ROOT / "int_verl", page.parent)
            assert any(True for root in roots for _ in root.glob(name)), name


def test_the_navigation_has_every_page() -> None:
    named = re.findall(r"[\w-]+\.md", (ROOT / "mkdocs.yml").read_text().partition("\nnav:")[2])
    made = {"settings.md", "commands.md"}  # by the hook .ci/docs_reference.py
    assert sorted(named) == sorted({page.name for page in (ROOT / "docs").glob("*.md")} | made)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and mkdocs make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
