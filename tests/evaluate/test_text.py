"""Tables as text."""

from __future__ import annotations

import pytest
from rich.console import Console

from int_verl.evaluate import conditioning_table, format_table, skills_table, summarise
from tests.evaluate.rows import guided, scores


def test_tables_as_markdown_and_on_a_terminal():
    rows = scores("base", "heldout", [0, 8]) + scores("a|b", "heldout", [0, 8]) + scores("base", "hard", [0, 1])
    guided_rows = guided("intervention", "a", 0, ["correct"]) + guided("wrong_step", "a", 0, ["incorrect"])
    tables = [summarise(rows), conditioning_table(guided_rows), skills_table(rows, {"heldout-0": "known"})]
    console = Console(width=160, record=True)
    for table in tables:
        lines = format_table(table).splitlines()
        assert lines[1].count("---") == lines[0].replace("\\|", "").count("|") - 1
        console.print(format_table(table, "rich"))
    assert "a\\|b" in format_table(tables[0])
    assert "| base | 50.0 % [" in format_table(tables[0])
    assert "zero-advantage ratio" in console.export_text()
    with pytest.raises(ValueError, match="style"):
        format_table(tables[0], "html")
    with pytest.raises(ValueError, match="not a table"):
        format_table({})
