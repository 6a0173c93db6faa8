"""What a place's answer, line by line, makes of a request."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from core.model.fulfillment import AcknowledgmentStatus, AnsweredLine
from core.model.money import Money
from core.rules.answers import AskedLine, Judged, Late, Repriced, judge, repriced

NAMES = {"MUG": "MUG", "V-MUG": "MUG", "TEA": "TEA", "POT": "POT"}


def asked(quantity: int, *, per_unit: int = 1, shipped: int = 0, declined: int = 0) -> AskedLine:
    return AskedLine(quantity, per_unit, shipped, declined)


def yes(item: str, units: int) -> AnsweredLine:
    return AnsweredLine(item, AcknowledgmentStatus.ACCEPTED, units)


def no(item: str, units: int) -> AnsweredLine:
    return AnsweredLine(item, AcknowledgmentStatus.REJECTED, units)


def test_what_is_accepted_changes_nothing() -> None:
    made = judge({("1", "MUG"): asked(3)}, [yes("V-MUG", 3)], names=NAMES)
    assert made == Judged({}, (), (), (), nothing_left=False, promised={})


def test_a_part_that_is_rejected_is_taken_off_the_last_lines_first() -> None:
    # given two lines of one thing, and an answer that knows it by another name
    lines = {("1", "MUG"): asked(3), ("2", "MUG"): asked(2), ("3", "TEA"): asked(1)}
    made = judge(lines, [yes("MUG", 2), no("V-MUG", 3), yes("TEA", 1)], names=NAMES)

    # then the last loses all of it, the first the rest
    assert made.declined == {("2", "MUG"): 2, ("1", "MUG"): 1}
    assert not made.nothing_left
    assert made.broken == ()


def test_the_same_answer_again_declines_nothing_more() -> None:
    lines = {("1", "MUG"): asked(5, declined=2)}
    again = judge(lines, [yes("MUG", 3), no("MUG", 2)], names=NAMES)
    assert again.declined == {}

    # and a later one that declines more declines the difference
    more = judge(lines, [no("MUG", 5)], names=NAMES)
    assert more.declined == {("1", "MUG"): 3}
    assert more.nothing_left


def test_what_was_shipped_is_not_declined_any_more() -> None:
    made = judge({("1", "MUG"): asked(5, shipped=4)}, [no("MUG", 5)], names=NAMES)
    assert made.declined == {("1", "MUG"): 1}
    assert not made.nothing_left


def test_units_that_come_later_are_told_with_their_day() -> None:
    later = AnsweredLine("MUG", AcknowledgmentStatus.BACKORDERED, 2, date(2026, 12, 4))
    made = judge({("1", "MUG"): asked(3)}, [yes("MUG", 1), later], names=NAMES)
    assert made.late == (Late("MUG", 2, date(2026, 12, 4)),)
    assert made.declined == {}


def test_what_was_not_asked_for_is_strange_and_so_is_more_than_was() -> None:
    made = judge({("1", "MUG"): asked(3)}, [yes("MUG", 4), yes("BOWL", 1)], names=NAMES)
    assert made.strange == ("BOWL", "MUG")


def test_a_kit_of_which_a_part_comes_is_broken() -> None:
    # given a set of a pot and two mugs, twice
    lines = {("1", "POT"): asked(2), ("1", "MUG"): asked(4, per_unit=2)}

    # when a mug is missing, then a mug and a pot would come alone
    made = judge(lines, [yes("POT", 2), yes("MUG", 3), no("MUG", 1)], names=NAMES)
    assert made.declined == {("1", "MUG"): 1}
    assert made.broken == ("MUG", "POT")

    # and where a whole set is declined, nothing is
    made = judge(lines, [yes("POT", 1), no("POT", 1), yes("MUG", 2), no("MUG", 2)], names=NAMES)
    assert made.broken == ()


def test_prices_beyond_the_tolerance_and_in_other_money_are_told() -> None:
    # given what a unit should cost
    expected = {"MUG": Money(1000, "USD"), "TEA": Money(500, "USD")}
    told = [
        AnsweredLine("V-MUG", AcknowledgmentStatus.ACCEPTED, 1, price=Money(1020, "USD")),
        AnsweredLine("TEA", AcknowledgmentStatus.ACCEPTED, 1, price=Money(500, "CAD")),
        AnsweredLine("POT", AcknowledgmentStatus.ACCEPTED, 1, price=Money(1, "USD")),
    ]

    # then two percent are a deviation unless they are tolerated, Canadian dollars always
    assert repriced(told, names=NAMES, expected=expected, tolerance=0) == (
        Repriced("MUG", Money(1000, "USD"), Money(1020, "USD")),
        Repriced("TEA", Money(500, "USD"), Money(500, "CAD")),
    )
    assert [one.sku for one in repriced(told, names=NAMES, expected=expected, tolerance=2)] == [
        "TEA"
    ]


@given(
    st.dictionaries(
        st.tuples(st.sampled_from("123"), st.sampled_from(["MUG", "TEA"])),
        st.builds(asked, st.integers(1, 9), shipped=st.integers(0, 3)),
        min_size=1,
    ),
    st.lists(
        st.builds(
            AnsweredLine,
            st.sampled_from(["MUG", "V-MUG", "TEA"]),
            st.sampled_from(list(AcknowledgmentStatus)),
            st.integers(0, 9),
        ),
        max_size=4,
    ),
)
def test_no_more_is_declined_than_was_asked_for_and_not_shipped_and_only_once(
    lines: dict[tuple[str, str], AskedLine], answers: list[AnsweredLine]
) -> None:
    lines = {
        key: asked(one.quantity + one.shipped, shipped=one.shipped) for key, one in lines.items()
    }
    known = {word: sku for word, sku in NAMES.items() if any(sku == of for _, of in lines)}
    made = judge(lines, answers, names=known)
    for key, units in made.declined.items():
        assert 0 < units <= lines[key].quantity - lines[key].shipped
    after = {
        key: asked(one.quantity, shipped=one.shipped, declined=made.declined.get(key, 0))
        for key, one in lines.items()
    }
    assert judge(after, answers, names=known).declined == {}
