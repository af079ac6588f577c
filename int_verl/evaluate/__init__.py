"""Figures of finished rollouts: pass@k, zero-advantage ratio, their intervals and tables.

Arrays are named by their axes: `P` problems, `G` rollouts of one problem, `B` bootstrap resamples. Tables are JSON:
numbers, strings, lists and dicts with string keys; an estimate is ``{"value": 0.41, "low": 0.36, "high": 0.46}``.
"""

from int_verl.evaluate.ending import ending_table
from int_verl.evaluate.estimates import Estimate, bootstrap, pass_at_k, wilson, zero_advantage_at, zero_advantage_ratio
from int_verl.evaluate.tables import CONDITIONING_COLUMNS, conditioning_table, skills_table, summarise
from int_verl.evaluate.text import Cells, format_table, table_cells

__all__ = [
    "CONDITIONING_COLUMNS",
    "Cells",
    "Estimate",
    "bootstrap",
    "conditioning_table",
    "ending_table",
    "format_table",
    "pass_at_k",
    "skills_table",
    "summarise",
    "table_cells",
    "wilson",
    "zero_advantage_at",
    "zero_advantage_ratio",
]
