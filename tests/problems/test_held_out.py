"""What is held out is told by the problems alone."""

from __future__ import annotations

from int_verl.problems.held_out import hold_out, is_held_out


def test_a_problem_and_its_renaming_are_on_one_side() -> None:
    pairs = [(f"Find $x + {k}y$ in full.", f"Find $u + {k}v$ in full.") for k in range(50)]
    assert {is_held_out(one, 0.5) == is_held_out(other, 0.5) for one, other in pairs} == {True}
    assert len({is_held_out(one, 0.5) for one, _ in pairs}) == 2
    assert [is_held_out(one, 0.5) for one, _ in pairs] != [is_held_out(one, 0.5, "another") for one, _ in pairs]
    assert not any(is_held_out(one, 0.0) for one, _ in pairs)


def rows(numbers: range) -> list[dict[str, str]]:
    return [{"id": str(k), "problem": f"What is {k} times 7?"} for k in numbers]


def test_so_many_are_held_out_and_they_stay_so_in_another_order() -> None:
    train, held = hold_out(rows(range(200)), 64)
    assert (len(train), len(held)) == (136, 64)
    assert sorted(train + held, key=lambda row: int(row["id"])) == rows(range(200))
    assert [row["id"] for row in held] == sorted((row["id"] for row in held), key=int)
    again = hold_out(reversed(rows(range(200))), 64)[1]
    assert {row["id"] for row in again} == {row["id"] for row in held}
    assert hold_out(rows(range(200)), 64, "another")[1] != held


def test_one_more_problem_replaces_one_at_most() -> None:
    before = {row["id"] for row in hold_out(rows(range(100)), 30)[1]}
    for more in range(101, 120):
        after = {row["id"] for row in hold_out(rows(range(more)), 30)[1]}
        assert len(before - after) <= more - 100
        assert {int(new) for new in after - before} <= set(range(100, more))
