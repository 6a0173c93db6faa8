"""What outside names mean: codes with their check digits, precedence, doubt, and what held when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.names import Known, Meaning, NameChange, OutsideName, Scheme, Source
from core.rules.names import (
    BadName,
    Written,
    check_digit,
    in_force,
    nearest_place,
    normal,
    overruled,
    understand,
)

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
DIGITS = st.text("0123456789", min_size=11, max_size=11)


def known(scheme: Scheme, sku: str, units: int = 1, *, place: str = "") -> Known:
    return Known(
        OutsideName(scheme, place, "X"), Meaning(sku, units), Source.FILE, "names.csv: row 2"
    )


# Codes


@pytest.mark.parametrize(
    "code", ["036000291452", "0036000291452", "00036000291452", "036000-29145 2", "96385074"]
)
def test_published_codes_of_every_length_are_taken(code: str) -> None:
    kept = normal(Scheme.GTIN, code)

    assert len(kept) == 14
    assert kept.endswith(code.replace("-", "").replace(" ", "")[-8:])


def test_a_upc_and_its_ean_are_one_code() -> None:
    assert normal(Scheme.GTIN, "036000291452") == normal(Scheme.GTIN, "0036000291452")


@given(DIGITS, st.integers(0, 11), st.integers(1, 9))
def test_no_single_wrong_digit_of_a_code_is_taken(body: str, at: int, off: int) -> None:
    code = body + str(check_digit(body))
    wrong = code[:at] + str((int(code[at]) + off) % 10) + code[at + 1 :]

    assert normal(Scheme.GTIN, code) == code.zfill(14)
    with pytest.raises(BadName, match="check digit"):
        normal(Scheme.GTIN, wrong)


@pytest.mark.parametrize(
    ("scheme", "name", "why"),
    [
        (Scheme.GTIN, "36000291452", "leading zeros"),
        (Scheme.GTIN, "3.6E+10", "expected digits"),
        (Scheme.GTIN, "٠٣٦٠٠٠٢٩١٤٥٢", "expected digits"),
        (Scheme.ASIN, "B00", "no ASIN"),
        (Scheme.ITEM, " ", "1 to 300 letters"),
        (Scheme.REMOTE_SKU, "A\x00B", "control character"),
        (Scheme.LISTING, "x" * 301, "1 to 300 letters"),
    ],
)
def test_what_nobody_can_have_named_is_refused(scheme: Scheme, name: str, why: str) -> None:
    with pytest.raises(BadName, match=why):
        normal(scheme, name)


def test_names_keep_their_letters_and_an_asin_is_written_large() -> None:
    assert normal(Scheme.REMOTE_SKU, " Mug/blau № 1 😀 ") == "Mug/blau № 1 😀"
    assert normal(Scheme.ASIN, "b0abcdefgh") == "B0ABCDEFGH"


# Meaning


def test_a_page_s_own_word_is_above_everything_else() -> None:
    written = Written(
        itself=[known(Scheme.LISTING, "TEA", 6)],
        called=[known(Scheme.REMOTE_SKU, "CUP")],
        listed="MUG",
        codes=[known(Scheme.ASIN, "TRAY")],
    )

    found = understand("X", written, accept=True)

    assert (found.sku, found.units, found.why.code) == ("TEA", 6, "name_written")


@pytest.mark.parametrize(
    ("written", "accept", "sku", "units", "why"),
    [
        (Written(), True, "X", 1, "name_as_it_stands"),
        (Written(pack=4), True, "X", 4, "name_as_it_stands"),
        (Written(), False, None, 1, "name_unknown"),
        (Written(listed="TEA"), False, "TEA", 1, "name_of_sku"),
        (Written(listed="TEA", pack=4), False, "TEA", 4, "name_of_sku"),
        (Written(called=[known(Scheme.REMOTE_SKU, "TEA", 6)]), True, "TEA", 6, "name_written"),
        # A pack of a Sku that goes by the Sku's own name there.
        (
            Written(called=[known(Scheme.REMOTE_SKU, "TEA", 6)], listed="TEA"),
            True, "TEA", 6, "name_written",
        ),
        # What is written is above what would be taken as it stands.
        (Written(codes=[known(Scheme.GTIN, "TEA", 6)]), True, "TEA", 6, "name_written"),
        (Written(codes=[known(Scheme.GTIN, "TEA")], listed="TEA"), True, "TEA", 1, "name_written"),
    ],
)  # fmt: skip
def test_names_are_understood_by_what_is_written_of_them(
    written: Written, accept: bool, sku: str | None, units: int, why: str
) -> None:
    found = understand("X", written, accept=accept)

    assert (found.sku, found.units, found.why.code, found.perhaps) == (sku, units, why, ())


@pytest.mark.parametrize(
    ("written", "perhaps", "why"),
    [
        (
            Written(listed="TEA", codes=[known(Scheme.GTIN, "CUP")]),
            ("CUP", "TEA"), "name_of_two",
        ),
        (
            Written(codes=[known(Scheme.GTIN, "CUP"), known(Scheme.ASIN, "TEA")]),
            ("CUP", "TEA"), "name_of_two",
        ),
        (Written(called=[known(Scheme.REMOTE_SKU, "CUP")], listed="X"), ("CUP", "X"), "name_of_two"),
        (
            Written(itself=[known(Scheme.ITEM, "CUP", place="leaf"), known(Scheme.ITEM, "TEA")]),
            ("CUP", "TEA"), "name_of_two",
        ),
        # One by its name, six by its code.
        (Written(listed="TEA", codes=[known(Scheme.GTIN, "TEA", 6)]), ("TEA",), "pack_of_two"),
        (Written(itself=[known(Scheme.LISTING, "TEA", 6)], pack=4), ("TEA",), "pack_of_two"),
        (
            Written(called=[known(Scheme.REMOTE_SKU, "TEA", 6)], pack=4), ("TEA",), "pack_of_two",
        ),
    ],
)  # fmt: skip
def test_what_speaks_of_two_things_is_never_guessed_at(
    written: Written, perhaps: tuple[str, ...], why: str
) -> None:
    found = understand("X", written, accept=True)

    assert (found.sku, found.perhaps, found.why.code) == (None, perhaps, why)


def test_a_channel_s_own_meaning_of_a_name_is_nearer_than_everybody_s() -> None:
    near = known(Scheme.REMOTE_SKU, "TEA", place="amazon-us")
    far = known(Scheme.REMOTE_SKU, "CUP")

    assert nearest_place([far, near]) == [near]
    assert nearest_place([far]) == [far]


# History

NAME = OutsideName(Scheme.ITEM, "leaf", "V-77")


def change(
    number: int, hours: float, sku: str | None, *, source: Source = Source.PERSON
) -> NameChange:
    begins = NOON + timedelta(hours=hours)
    meaning = Meaning(sku) if sku else None
    return NameChange(number, NAME, source, meaning, begins, NOON, "ann")


def test_a_line_holds_from_its_instant_until_the_next() -> None:
    lines = [change(1, 0, "TEA"), change(2, 2, "CUP"), change(3, 4, None), change(4, 5, "MUG")]

    def sku(hours: float) -> str | None:
        held = in_force(lines, at=NOON + timedelta(hours=hours)).get(Source.PERSON)
        return held.meaning.sku if held and held.meaning else None

    assert [sku(hours) for hours in (-1, 0, 1.9, 2, 3.9, 4, 5)] == [
        None, "TEA", "TEA", "CUP", "CUP", None, "MUG",
    ]  # fmt: skip


@given(st.permutations([change(1, 0, "TEA"), change(2, 0, "CUP"), change(3, 3, "MUG")]))
def test_of_two_of_one_instant_the_later_told_one_holds_in_whatever_order_they_are_read(
    lines: list[NameChange],
) -> None:
    held = in_force(lines, at=NOON + timedelta(hours=1))

    assert held[Source.PERSON].meaning == Meaning("CUP")


def test_files_and_people_are_told_apart_and_compared() -> None:
    lines = [change(1, 0, "TEA", source=Source.FILE), change(2, 0, "CUP")]

    held = in_force(lines, at=NOON)

    assert {source: one.meaning for source, one in held.items()} == {
        Source.FILE: Meaning("TEA"), Source.PERSON: Meaning("CUP"),
    }  # fmt: skip
    assert overruled({NAME: Meaning("TEA")}, {NAME: Meaning("CUP")}) == [NAME]
    assert overruled({NAME: Meaning("TEA")}, {NAME: Meaning("TEA")}) == []
    assert overruled({NAME: Meaning("TEA", 2)}, {NAME: Meaning("TEA")}) == [NAME]
    assert overruled({}, {NAME: Meaning("CUP")}) == []
