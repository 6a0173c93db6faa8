"""Whose number it is: shown on every number that the couriers give out for tests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.rules.tracking_numbers import FORMS, candidates, judge

COURIERS = Path(__file__).parents[3] / "shared/reference/carriers/tracking_numbers/couriers"
UPS = "1Z5R89390357567127"
USPS = "9400110200881269505160"
FEDEX = "986578788855"
#: invalid as the form it is listed under, valid as another of the same courier
ANOTHER_FORM = {"331426749957"}


def numbers(kind: str) -> Iterator[tuple[str, str]]:
    """(courier, number) of every number listed as "valid" or "invalid"."""
    if not COURIERS.exists():
        pytest.skip(f"no {COURIERS}")
    for file in sorted(COURIERS.glob("*.json")):
        courier = json.loads(file.read_text(encoding="utf-8"))
        for form in courier["tracking_numbers"]:
            for number in form["test_numbers"][kind]:
                yield courier["courier_code"], number


def told_of(number: str) -> set[str]:
    """The couriers as that list names them."""
    found = candidates(number)
    named = {one.carrier.removesuffix("_ecommerce") for one in found}
    return named | {one.form for one in found}


def test_every_valid_number_is_its_couriers() -> None:
    listed = list(numbers("valid"))

    missed = [(courier, number) for courier, number in listed if courier not in told_of(number)]

    assert missed == []
    assert len(listed) == 192


def test_no_invalid_number_is_its_couriers() -> None:
    listed = [one for one in numbers("invalid") if one[1] not in ANOTHER_FORM]

    taken = [(courier, number) for courier, number in listed if courier in told_of(number)]

    assert taken == []
    assert len(listed) == 87


def test_few_numbers_are_claimed_first_by_another_carrier() -> None:
    listed = [one for one in numbers("valid") if one[0] != "s10"]

    wrong = [
        number
        for courier, number in listed
        if not candidates(number)[0].carrier.startswith(courier)
    ]

    assert len(wrong) <= 4
    assert all(len(candidates(number)) > 1 for number in wrong)


@pytest.mark.parametrize(
    # A letter in a doubled place hides every fifth, and of FedEx's modulo 11 a ten looks like nothing.
    ("number", "noticed"),
    [(USPS, 1.0), (UPS, 0.9), (FEDEX, 0.9)],
)
def test_wrong_digits_are_noticed(number: str, noticed: float) -> None:
    form = candidates(number)[0].form
    wrong = [
        number[:at] + other + number[at + 1 :]
        for at in range(2, len(number))
        if number[at].isdigit()
        for other in "0123456789"
        if other != number[at]
    ]

    taken = [one for one in wrong if form in {each.form for each in candidates(one)}]

    assert 1 - len(taken) / len(wrong) >= noticed


@pytest.mark.parametrize(
    "number",
    [
        "",
        " ",
        "1Z",
        "HELLO",
        "☃" * 12,
        "１２３４５６７８９０１２",
        "9" * 400,
        "1Z5R89390357567127 0",
    ],
)
def test_what_is_no_number_is_nobodys(number: str) -> None:
    assert candidates(number) == ()
    assert not judge(number, told="").valid


@pytest.mark.parametrize(
    ("number", "told", "carrier", "valid", "code"),
    [
        (UPS, "ups", "ups", True, "number_as_told"),
        (UPS.lower(), "", "ups", True, "number_by_form"),
        (UPS, "usps", "ups", True, "number_of_another"),
        (UPS[:-1] + "8", "ups", "ups", False, "number_not_of"),
        # SmartPost: FedEx's parcel under the post's number.
        (USPS, "fedex", "fedex", True, "number_as_told"),
        (UPS, "joe's trucks", "joe's trucks", True, "number_unproved"),
        # Two carriers' check digits fit; what was said breaks the tie.
        ("287809468872", "purolator", "purolator", True, "number_as_told"),
        ("287809468872", "fedex", "fedex", True, "number_as_told"),
        ("PICKUP", "", "", False, "number_of_nobody"),
    ],
)
def test_what_was_said_counts_unless_the_number_gainsays_it(
    number: str, told: str, carrier: str, valid: bool, code: str
) -> None:
    verdict = judge(number, told=told)

    assert (verdict.carrier, verdict.valid, verdict.reason.code) == (carrier, valid, code)


def test_no_two_forms_have_one_name() -> None:
    assert len({one.name for one in FORMS}) == len(FORMS)
