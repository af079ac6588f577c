"""The tables of `likelihood_table` as cells, with the paper's figures beside those that it has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from int_verl.evaluate.analysis_text import decimal
from int_verl.evaluate.likelihood_table import PARTS
from int_verl.evaluate.paper import ENTROPY, NLL, PROBABILITY
from int_verl.evaluate.text import Cells


def likelihood_cells(table: Mapping[str, Any]) -> Iterator[Cells]:
    """NLL of all data by part, the entropy of each model on its own rollouts, and the shift of probability."""
    interval = f"{table['confidence'] * 100:.0f} % intervals over problems, by the bootstrap."
    paper = "The paper's are of Qwen3-4B-Instruct-2507 on competition mathematics: compare directions, not values."
    if table["data"]:
        parts = [part for part in ("all", *PARTS) if any(part in one["parts"] for one in table["data"])]
        rows = [
            [
                one["data"],
                one["model"],
                f"{one['rows']:,}",
                *(decimal(one["parts"].get(part, {}).get("nll")) for part in parts),
                decimal(one["nll_row"], 1),
                f"{NLL[one['data']]:g}" if one["model"] == "base" and one["data"] in NLL else "-",
            ]
            for one in table["data"]
        ]
        heads = ["data", "under", "rows", *parts, "a row", "paper"]
        yield Cells("Negative log-likelihood, nats a token", heads, rows, [interval, paper])
    if table["rollouts"]:
        rows = [
            [
                one["model"],
                f"{one['rows']:,}",
                f"{one['parts']['all']['tokens']:,}",
                decimal(one["parts"]["all"]["entropy"]),
                f"{ENTROPY[one['model']]:g}" if one["model"] in ENTROPY else "-",
            ]
            for one in table["rollouts"]
        ]
        notes = ["At temperature 1, along each model's own rollouts.", interval, paper]
        yield Cells("Next-token entropy, nats", ["model", "rollouts", "tokens", "entropy", "paper"], rows, notes)
    rows = [
        [
            f"{rows_of} ({found['rows']:,} rows)",
            *(decimal(found[when]) for when in ("before", "after", "change")),
            "{:.3f} → {:.3f}".format(*PROBABILITY[rows_of]),
        ]
        for rows_of, found in table["shift"].items()
        if found
    ]
    if rows:
        notes = [f"Mean over tokens; the change is paired. {interval}", paper]
        heads = ["rows", "before SFT", "after SFT", "change", "paper"]
        yield Cells("Probability of the intervention's tokens", heads, rows, notes)
