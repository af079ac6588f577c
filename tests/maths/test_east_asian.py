# ruff: noqa: E501
"""Chinese and Japanese punctuation, connectives, counters, units and what it is usual to say around an answer."""

from __future__ import annotations

import pytest

from int_verl.grading import Grader

SAME = [
    ("5,6", "5、6"), ("5", "5。"), ("x=1,x=3", "x=1或x=3"), ("x=1,x=3", r"x=1 \text{ 或 } x=3"), ("1,3", "1和3"), ("1,3", r"1\text{ 以及 }3"),
    ("1,3", "1及3"), ("1,3", "1，3"), ("1,3", "1；3"), ("3 or 4", "3或4"), ("(2,5)", "（2，5）"), ("[2,5)", "［2，5）"), ("x=4", "x＝4"), ("x>3", "x＞3"),
    ("-1<x<3", "－1＜x＜3"), ("123", "１２３"), ("3.5", "３．５"), ("50%", "50％"), (r"\frac12", "百分之50"), ("3:4", "3比4"),
    ("7", "7个"), ("7", r"7\text{个}"), ("3", "3种"), ("3人", "3"), ("3", "3次"), ("2", "2個"), ("2", "2つ"), ("12", "12通り"),
    ("7元", "7"), (r"7\text{ cm}", r"7\text{厘米}"), ("20^\\circ C", "20℃"), ("30^\\circ", "30度"), ("3小时", "3 hours"), ("30000", "3万"),
    ("9", "答案是9"), ("9", "答案：9"), ("9", r"\text{答案是 } 9"), ("9", "答案为9。"), ("9", "所以答案是 9"), ("A", "选A"), (r"\{1,2\}", r"\text{解集为}\{1,2\}"),
    ("答えは 5", "5"), ("5", "答えは5です"), ("x=1,x=3", "x=1または x=3"),
    (r"\emptyset", "无解"), ("no solution", r"\text{無解}"), ("no solution", "解なし"), ("5", "约5"),
    ("3∶4", "3:4"), ("12名学生", "12"), ("最大值为5", "5"), ("最小值是-1", "-1"), ("“5”", "5"), ("「5」", "5"), ("故选：C", "C"), ("共12种", "12"), ("5立方厘米", "5 cm^3"),
    ("x≤2且x≠0", r"x\le 2, x\ne 0"), ("does not exist", "不存在"), ("答：5米", "5"), ("｛1，2｝", r"\{1,2\}"),
]  # fmt: skip
DIFFERENT = [
    ("5,6", "5、7"), ("5", "5、6"), ("1,3", "1或4"), ("3", "3或4"), ("9", "答案是8"), ("7", "8个"), ("7厘米", "7米"), ("3小时", "3分钟"), ("3", "3万"),
    ("[2,5)", "（2，5）"), ("3", "不是3"), ("甲", "乙"), ("x>3", "x＜3"), ("5", "无解"), ("小明", "小红"),
    ("5", "答案不是5"), ("5", "不等于5"), ("5", "大于5"), ("5", "至少5"), ("5", "5！"), ("3", "3个或4个"), ("5米", "5平方米"),
]  # fmt: skip


@pytest.mark.parametrize(("gold", "answer"), SAME)
def test_same(pair_grader: Grader, gold: str, answer: str) -> None:
    assert pair_grader.grade(answer, gold).correct


@pytest.mark.parametrize(("gold", "answer"), DIFFERENT)
def test_different(pair_grader: Grader, gold: str, answer: str) -> None:
    assert not pair_grader.grade(answer, gold).correct


def test_boxes_with_a_connective_between_are_one_answer(pair_grader: Grader) -> None:
    assert pair_grader.grade_response(r"所以 $x=\boxed{1}$ 或 $\boxed{3}$", "3").verdict == "incorrect"
    assert pair_grader.grade_response(r"$\boxed{1}$、$\boxed{3}$。", "1, 3").correct


def test_an_answer_stated_without_a_box() -> None:
    with Grader(workers=1, unboxed=True) as grader:
        assert grader.grade_response("计算得到结果。\n答案：12。", "12").correct
        assert not grader.grade_response("计算得到结果。\n答案：13。", "12").correct
