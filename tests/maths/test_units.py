# ruff: noqa: E501
"""Units: spellings and powers, money, angles, what is counted, and words that multiply."""

from __future__ import annotations

import pytest

from int_verl.grading import Grader
from int_verl.maths.units import Unit, unit, without_unit

SAME = [
    (r"4\text{ m}", "4 metres"), ("4 m", "4 meter"), ("4", "4 meters"), ("4 meters", "4"), (r"2\text{ hr}", "2 hours"), ("2 h", "2 hrs"),
    ("5 s", "5 seconds"), ("5 sec", r"5\text{ seconds}"), ("10 min", r"10\text{ minutes}"), ("6 feet", "6 ft"), ("5 in", r"5\text{ inches}"),
    ("8 ounces", "8 oz"), ("8 lb", "8 pounds"), ("5 kg", r"5\text{ kilograms}"), ("3 L", "3 liters"), (r"2\pi\text{ cm}", r"2\pi cm"),
    ("60 km/h", "60 kph"), ("60 km/h", r"60\text{ km per hour}"), (r"60\ \mathrm{km/h}", "60 kilometers per hour"), ("60 mph", "60 miles per hour"),
    (r"60 \frac{\text{km}}{\text{h}}", "60 km/h"), ("5 m/s", r"5\ \mathrm{m\,s^{-1}}"), (r"9.8\ \mathrm{m/s^2}", r"9.8\text{ m/s}^2"),
    ("9 sq. ft", r"9\text{ ft}^2"), ("9 square feet", "9 ft^2"), ("9 cm³", "9\\text{ cm}^3"), ("9 cubic centimeters", "9 cm^3"), (r"9\text{ sq cm}", "9 cm²"),
    ("9 cm squared", r"9\,\mathrm{cm}^{2}"), ("9 m^2", "9 square meters"), ("3 square units", "3"), (r"3\text{ units}^2", "3"),
    (r"\$12.50", "12.50 dollars"), (r"\$12.50", "12.5"), ("12.5", r"\$12.50"), ("€5", "5 euros"), (r"\text{€}5", "5 euro"), ("5€", "€5"), ("£5", "5 pounds"),
    ("¥5", "5 yen"), ("25 cents", "25¢"), (r"\$1,000", "1000 dollars"), (r"\text{\$}5", r"\$5"),
    ("30^\\circ", "30 degrees"), (r"\frac{\pi}{6}\text{ rad}", r"30^\circ"), (r"30^\circ", r"\frac{\pi}{6}\text{ radians}"), ("20 °C", r"20^\circ C"),
    ("12", r"12\text{ ways}"), (r"12\text{ ways}", "12"), ("12", r"12\text{ students}"), ("12 students", r"12\text{ people}"), ("1 apple", "1 apples"),
    ("5 balls", r"5\text{ red balls}"), ("12 ways", "12 different ways"), (r"3\text{ cm}, 4\text{ cm}", "3,4"), (r"(3\text{ cm}, 4\text{ cm})", "(3,4)"),
    (r"(3\text{ m}, 4\text{ m})", r"(3\text{ meters},4\text{ meters})"), ("5 cm", "x = 5 cm"),
    ("5,000,000", r"5\text{ million}"), ("5 million", r"5\times10^6"), (r"2.5\text{ million}", "2,500,000"), (r"\$3\text{ billion}", r"3\cdot10^9"),
    ("5 thousand dollars", r"\$5000"), ("24", "2 dozen"), (r"\frac12\text{ million}", "500000"),
    (r"\$5\text{ per hour}", "5 dollars per hour"), (r"2x\text{ m}", "2x"), (r"(2x+1)\text{ cm}", "2x+1"), ("9 cm2", "9 cm^2"), ("5 times", "5"),
    (r"5\,\frac{m}{s}", "5 m/s"), ("5 pairs", "5"), ("5 in total", "5"), ("5 cm long", "5 cm"), (r"12\pi\text{ cm}^2", r"12\pi"), ("5 kilometers/hour", "5 km/h"),
]  # fmt: skip
DIFFERENT = [
    (r"9\text{ cm}", r"9\text{ cm}^2"), ("9 cm^2", "9 cm"), (r"9\text{ cm}^2", r"9\text{ cm}^3"), (r"9\text{ m}^2", r"9\text{ cm}^2"), ("9 square feet", "9 feet"),
    ("3 m", "3 km"), ("3 m", "3 miles"), ("3 hours", "3 minutes"), ("60 km/h", "60 m/s"), ("12 m/s", "12 m/s^2"), ("60 km/h", "60 km"), ("5 kg", "5 g"),
    ("3 L", "3 mL"), ("50 N", "50 J"), ("3 in", "3 ft"), ("3 dollars", "3 cents"), (r"\$3", "3 euros"), (r"\$3", "€3"), (r"\$3", "£3"), (r"\$3", "3 cm"),
    (r"7\text{ rad}", r"7^\circ"), (r"30^\circ", r"\frac{\pi}{3}\text{ rad}"), (r"7^\circ\text{C}", r"7^\circ\text{F}"),
    (r"7\text{ apples}", r"7\text{ eggs}"), ("7 apples", "7 eggs"), ("10 boys", "10 girls"), ("7 apples", "7 cm"), ("7 apples", "8 apples"),
    ("5", r"5\text{ million}"), ("5 million", "5"), ("5 million", "5 billion"), (r"5\text{ dozen}", "5"),
    ("2 m", "200 cm"), ("1 hour", "60 minutes"), (r"\$1", "100 cents"), ("4 m", "4"), ("3 n/m", "3"), ("2ab", "2"), ("5x", "5"), ("2 sec x", "2"),
    (r"(3\text{ cm}, 4\text{ cm})", r"(3\text{ cm},4\text{ m})"), ("3 red balls and 2 blue", "3"),
    ("$5 per hour", "$5 per day"), (r"x_{\text{max}}", "x"), (r"5_{\text{max}}", "5"), ("6 pm", "6 am"), ("10 m by 5 m", "10"), (r"12\pi\text{ cm}^2", r"12\pi\text{ cm}"),
    *[("5", answer) for answer in (
        "5 squared", r"5\text{ cubed}", "5 plus", "5 times x", r"5\text{ factorial}", "5 halves", "5 tenths", "5 negative", "5 less", "5 below zero", "5 times as many",
        "5 lakh", "5 divided by 2", "5 to the power 2", "5 base 7", "5 is incorrect", "5 too low", r"5 \text{ (impossible)}", "5 etc.", "5 abc", "5xyz", "5abd",
    )],
]  # fmt: skip


@pytest.mark.parametrize(("gold", "answer"), SAME)
def test_same(pair_grader: Grader, gold: str, answer: str) -> None:
    assert pair_grader.grade(answer, gold).correct


@pytest.mark.parametrize(("gold", "answer"), DIFFERENT)
def test_different(pair_grader: Grader, gold: str, answer: str) -> None:
    assert not pair_grader.grade(answer, gold).correct


def test_what_a_unit_is() -> None:
    assert unit("60 km/h") == unit(r"60\text{ kilometers per hour}") == Unit(frozenset([("km", 1), ("h", -1)]))
    assert unit("5 red apples").things == {"red", "apple"}
    assert unit("12 ways") == Unit()
    assert without_unit(r"\frac{3}{2}\text{ hours}") == r"\frac{3}{2}"
    assert without_unit("2ab") is None
    assert without_unit(r"7\text{ or more}") is None
