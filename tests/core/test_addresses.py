"""What an address says about itself."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.orders import Address
from core.rules.addresses import (
    as_posted,
    buyer_mark,
    countries_of,
    door_mark,
    is_military,
    is_po_box,
    plain_form,
    state_of,
    undeliverable,
)
from tests.core.strategies import ADDRESS


@pytest.mark.parametrize(
    "line",
    ["PO Box 12", "P.O. BOX 12", "p o box 7", "Post Office Box 9", "Box 441", "P.O.B. 12", "PO-Box 12",
     "P0 Box 12", "POBOX12", "P.O. Bx 12", "PO #12", "P.O. 12", "Box No. 12", "BOX #12",
     "Apartado 12", "Apdo. Postal 12", "P.O. Drawer 3", "12 Main St, PO Box 4"],
)  # fmt: skip
def test_a_post_office_box_is_known_by_its_line(line: str):
    assert is_po_box(Address(line1=line))
    assert is_po_box(Address(line1="Acme Inc", line2=line))


@pytest.mark.parametrize(
    "line",
    ["12 Boxwood Lane", "4 Post Road", "Box Elder Ave 3", "Apo St 1", "12 Po Blvd", "Poboxville 5",
     # other carriers know the way there, or it is military post, which is told apart by itself
     "RR 2 Box 45", "HC 1 Box 12", "12 Main St Box 5", "PSC 3 Box 22", "Unit 2050 Box 4190"],
)  # fmt: skip
def test_a_street_or_a_rural_route_is_no_post_office_box(line: str):
    assert not is_po_box(Address(line1=line))


def test_military_addresses_are_known_by_their_region_or_their_city():
    assert is_military(Address(city="APO", region="ae"))
    assert is_military(Address(city="Ramstein", region="Armed Forces Europe", country="US"))
    assert is_military(Address(city="F.P.O.", country="US"))
    assert not is_military(Address(city="Apopka", region="FL"))
    assert not is_military(Address(city="Ascoli Piceno", region="AP", country="IT"))


@pytest.mark.parametrize(
    ("country", "region", "state", "countries"),
    [
        ("US", "California", "CA", {"US"}),
        ("us", " n.j. ", "NJ", {"US"}),
        ("US", "Washington, D.C.", "DC", {"US"}),
        ("US", "Puerto Rico", "PR", {"US", "PR"}),
        ("PR", "San Juan", "PR", {"US", "PR"}),
        ("GU", "", "GU", {"US", "GU"}),
        ("US", "Nowhere", "NOWHERE", {"US"}),
        ("CA", "ON", "", {"CA"}),
        ("US", "CA", "CA", {"US"}),
    ],
)
def test_a_state_is_one_whichever_way_its_channel_writes_it(country, region, state, countries):
    address = Address(country=country, region=region)

    assert state_of(address) == state
    assert countries_of(address) == countries
    assert as_posted(address).region == (state if len(state) == 2 else region)


# --- what nobody can deliver by ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, ()),
        ({"line1": "asdf"}, (("line1", "placeholder"),)),
        ({"line1": "N/A"}, (("line1", "placeholder"),)),
        ({"line1": "...."}, (("line1", "placeholder"),)),
        ({"name": "test"}, (("name", "placeholder"),)),
        ({"name": "xxxxx"}, (("name", "placeholder"),)),
        ({"line1": "ada@example.com 1"}, (("line1", "mail_or_link"),)),
        ({"line1": "https://example.com/1"}, (("line1", "mail_or_link"),)),
        ({"line1": "Main Street"}, (("line1", "no_number"),)),
        ({"line1": "\u5317\u4eac\u5e02"}, (("line1", "script"),)),
        ({"city": "\u041d\u044c\u044e\u0430\u0440\u043a"}, (("city", "script"),)),
    ],
)
def test_what_no_carrier_delivers_by_is_named_by_its_part(changes, found):
    assert undeliverable(replace(ADDRESS, **changes)) == found


@pytest.mark.parametrize(
    "changes",
    [
        {"line1": "General Delivery"},
        {"line1": "One Infinite Loop"},
        {"line1": "Acme Building", "line2": "12 Main St"},
        {"line1": "PO Box 12"},
        {"name": "Jos\u00e9 Nu\u00f1ez"},
        {"name": "Xi"},
        {"name": "Na"},
        {"name": "\u5f20\u4f1f"},
        {"name": "J. Test"},
        {"name": "", "company": "Acme"},
        {"line1": "\u5317\u4eac Main St 12"},
        {"line1": "\u5317\u4eac\u5e02", "country": "CN"},
        {"line1": "", "name": "", "city": ""},
    ],
)
def test_what_can_be_delivered_is_left_alone(changes):
    assert undeliverable(replace(ADDRESS, **changes)) == ()


@given(st.builds(Address, st.text(), st.text(), st.text(), city=st.text(), country=st.just("US")))
def test_any_text_is_judged_without_failing(address):
    for part, why in undeliverable(address):
        assert part in ("name", "line1", "city")
        assert why in ("placeholder", "no_number", "mail_or_link", "script")
    plain_form(address)
    door_mark(address)
    buyer_mark(address)


# --- which are the same --------------------------------------------------------------------------

SPELLINGS = [
    {"line1": "12 Main Street", "line2": "Apartment 4"},
    {"line1": "12 MAIN ST.", "line2": "apt 4"},
    {"line1": "12  main st, Apt. 4"},
    {"line1": "12 M\u00e1in St", "line2": "Apt #4", "postal_code": "07102-1234"},
    {"line1": "12 Main St", "line2": "#4"},
    {"line1": "Unit 4", "line2": "12 Main Street"},
]


def test_spellings_of_one_address_are_one_form_and_share_a_mark():
    spelled = [replace(ADDRESS, **one) for one in SPELLINGS]

    assert len({plain_form(one) for one in spelled}) == 1
    assert len({door_mark(one) for one in spelled}) == 1
    other = replace(ADDRESS, line1="12 Main St", line2="Apt 5")
    assert plain_form(other) != plain_form(spelled[0])
    assert door_mark(replace(ADDRESS, line1="13 Main St")) != door_mark(ADDRESS)
    assert door_mark(replace(ADDRESS, postal_code="07103")) != door_mark(ADDRESS)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("PO Box 12", "P.O.B. 12", True),
        ("PO Box 12", "POBOX12", True),
        ("PO Box 12", "PO Box 13", False),
        ("12 Main St Apt 4B", "12 Main St # 4-B", True),
        ("12 Main St Apt 4B", "12 Main St Apt 4C", False),
        ("12 Main St Apt 1204", "Apt 1204, 12 Main St", True),
        ("12 5th Ave", "12 Fifth Avenue", True),
        ("12 Main St Bldg 2 Apt 4", "12 Main St Bldg 3 Apt 4", False),
        ("4 Main St Apt 4", "4 Main St Apt 44", False),
        ("12 Main St", "12 Main St Apt 4", False),
    ],
)
def test_one_door_has_one_form_and_the_next_one_another(one, other, same):
    here, there = replace(ADDRESS, line1=one), replace(ADDRESS, line1=other)

    assert (plain_form(here) == plain_form(there)) is same
    assert not same or door_mark(here) == door_mark(there)


def test_a_mark_needs_something_to_be_made_of_and_shows_nothing_of_it():
    assert door_mark(None) is door_mark(replace(ADDRESS, line1="Main St")) is None
    assert buyer_mark(None) is buyer_mark(ADDRESS) is None
    assert buyer_mark(replace(ADDRESS, phone="555 0199")) is None
    mark = buyer_mark(replace(ADDRESS, email="Ada@Example.com"))
    assert mark == buyer_mark(Address(email=" ada@example.com "))
    assert mark is not None
    assert "ada" not in mark
    phone = buyer_mark(replace(ADDRESS, phone="+1 (201) 555-0199"))
    assert phone == buyer_mark(Address(phone="201-555-0199"))
