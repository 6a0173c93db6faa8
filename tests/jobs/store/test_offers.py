"""Quantities as levels: wanted, sent, shown; a later want is never overtaken by an earlier one (I6)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.model.catalog import FulfilledBy, Listing, ListingStatus, OfferKey, OfferReading
from jobs.clock import ManualClock
from jobs.store.offers import OfferRow, Offers, Wanted
from jobs.store.store import Store
from jobs.store.tables import offer
from tests.jobs.builders import NOON, SHOP, minutes, rows

KEY = OfferKey(SHOP, "v1", "loc1")
LATER = minutes(60)
PAGE = Listing(SHOP, "v1", "TEA", "Tea", ListingStatus.ACTIVE, FulfilledBy.US, inventory_id="i1")


@pytest.fixture(autouse=True)
def _listed(store: Store) -> None:
    list_page(store, PAGE, sku="TEA")


def list_page(store: Store, *pages: Listing, sku: str | None) -> set[str]:
    with store.transaction() as tx:
        return Offers(tx).record_listings(
            pages, resolve={(one.channel, one.remote_id): (sku, 1) for one in pages}
        )


def want(store: Store, quantity: int, *, why: str = "stock", key: OfferKey = KEY) -> int:
    """How many offers changed."""
    with store.transaction() as tx:
        return len(Offers(tx).want([Wanted(key, "TEA", quantity, ((why, {"left": quantity}),))]))


def due(store: Store) -> list[OfferRow]:
    with store.reading() as tx:
        return Offers(tx).to_look_at(SHOP, limit=10)


def read(store: Store, quantity: int | None) -> list[tuple[OfferKey, int, int | None]]:
    with store.transaction() as tx:
        return Offers(tx).read([OfferReading(KEY, quantity, tx.now)], look_at=LATER)


def send(store: Store) -> OfferRow:
    one = due(store)[0]
    with store.transaction() as tx:
        Offers(tx).sending([one], look_at=minutes(1))
    return one


def stored(store: Store) -> dict[str, object]:
    return rows(store, offer)[0]


def test_a_want_has_a_new_version_only_when_the_number_changes(store: Store) -> None:
    assert want(store, 5) == 1
    first = stored(store)

    assert want(store, 5, why="other words") == 0
    assert stored(store) == first
    assert want(store, 7) == 1
    assert want(store, 5) == 1

    assert (stored(store)["wanted"], stored(store)["wanted_version"]) == (5, 2)
    assert stored(store)["steps"] == [["stock", {"left": 5}]]


def test_a_new_want_is_looked_at_now_whatever_was_planned(store: Store, clock: ManualClock) -> None:
    want(store, 5)
    read(store, 5)
    assert due(store) == []
    clock.advance(60)

    want(store, 4)

    assert [one.change.quantity for one in due(store)] == [4]


def test_what_sells_too_much_is_lowered_first(store: Store) -> None:
    pages = [replace(PAGE, remote_id=f"v{n}") for n in (2, 3)]
    list_page(store, *pages, sku="TEA")
    for number, shown in ((1, 3), (2, 9), (3, None)):
        key = OfferKey(SHOP, f"v{number}", "loc1")
        want(store, 5, key=key)
        with store.transaction() as tx:
            Offers(tx).read([OfferReading(key, shown, NOON)], look_at=NOON)

    assert due(store)[0].change.key.remote_id == "v2"
    assert len(due(store)) == 3


def test_what_is_sent_is_in_doubt_until_the_remote_answers(store: Store) -> None:
    want(store, 5)
    read(store, 9)
    want(store, 4)

    one = send(store)

    row = stored(store)
    assert (row["sent"], row["sent_version"], row["read_due"]) == (4, one.wanted_version, True)
    assert due(store) == [], "nobody looks before the call can be over"


def test_what_is_shown_is_settled(store: Store) -> None:
    want(store, 5)
    one = send(store)

    with store.transaction() as tx:
        Offers(tx).shown(one, at=tx.now, submission="S1", look_at=LATER)

    row = stored(store)
    assert (row["shown"], row["shown_at"], row["sent"], row["read_due"]) == (5, NOON, None, False)
    assert (row["submission"], row["look_at"]) == ("S1", LATER)


def test_what_was_accepted_is_not_shown_until_it_is_read_back(store: Store) -> None:
    want(store, 5)
    one = send(store)
    with store.transaction() as tx:
        Offers(tx).sent(one, submission="S1", look_at=LATER)
    assert (stored(store)["shown"], stored(store)["sent"]) == (None, 5)

    lost = read(store, 5)

    assert lost == []
    assert (stored(store)["shown"], stored(store)["sent"]) == (5, None)


def test_a_number_that_never_came_to_be_is_told(store: Store) -> None:
    want(store, 5)
    one = send(store)
    with store.transaction() as tx:
        Offers(tx).sent(one, submission="S1", look_at=LATER)

    assert read(store, 9) == [(KEY, 5, 9)]
    assert read(store, 9) == []


def test_what_did_not_take_effect_is_free_to_be_sent_again(store: Store) -> None:
    want(store, 5)
    one = send(store)

    with store.transaction() as tx:
        Offers(tx).not_sent(one, read_due=True, look_at=tx.now)

    again = due(store)[0]
    assert (again.state.sent, again.state.read_due) == (None, True)


def test_a_refused_version_is_not_asked_again_until_the_want_changes(store: Store) -> None:
    want(store, 5)
    one = send(store)
    with store.transaction() as tx:
        Offers(tx).refused(one, words="8541 no")
    assert (due(store), stored(store)["refused"]) == ([], "8541 no")

    want(store, 6)

    again = due(store)[0]
    assert again.refused_version != again.wanted_version


@pytest.mark.parametrize("end", ["shown", "sent", "not_sent", "refused"])
def test_a_want_that_changed_during_the_call_is_looked_at_now(store: Store, end: str) -> None:
    want(store, 5)
    one = send(store)
    want(store, 2)

    with store.transaction() as tx:
        offers = Offers(tx)
        match end:
            case "shown":
                offers.shown(one, at=tx.now, submission="S", look_at=LATER)
            case "sent":
                offers.sent(one, submission="S", look_at=LATER)
            case "not_sent":
                offers.not_sent(one, read_due=True, look_at=LATER)
            case "refused":
                offers.refused(one, words="no")

    again = due(store)
    assert [found.change.quantity for found in again] == [2]
    assert again[0].refused_version != again[0].wanted_version


def test_a_want_that_came_between_look_and_wait_is_looked_at(store: Store) -> None:
    want(store, 5)
    looked = due(store)
    want(store, 2)

    with store.transaction() as tx:
        Offers(tx).wait(looked, until=None)

    assert [found.change.quantity for found in due(store)] == [2]
    with store.transaction() as tx:
        Offers(tx).wait(due(store), until=None)
    assert due(store) == []


def test_a_sale_between_look_and_wait_is_looked_at(store: Store) -> None:
    want(store, 5)
    read(store, 5)
    with store.transaction() as tx:
        tx.connection.execute(offer.update().values(look_at=NOON))
    looked = due(store)
    with store.transaction() as tx:
        Offers(tx).moved(SHOP, ["v1"])

    with store.transaction() as tx:
        Offers(tx).wait(looked, until=LATER)

    assert [found.state.read_due for found in due(store)] == [True]


def test_what_the_channel_showed_at_first_is_remembered(store: Store) -> None:
    want(store, 5)
    read(store, 3)
    read(store, 5)

    assert stored(store)["found"] == 3


def test_only_new_changed_and_newly_mapped_listings_are_told(store: Store) -> None:
    assert list_page(store, PAGE, sku="TEA") == set()
    assert list_page(store, replace(PAGE, title="Green tea"), sku="TEA") == {"TEA"}
    assert list_page(store, replace(PAGE, title="Green tea"), sku=None) == set()
    assert list_page(store, replace(PAGE, title="Green tea"), sku="MUG") == {"MUG"}


def test_what_others_fulfill_never_gets_a_quantity_from_us(store: Store) -> None:
    list_page(store, replace(PAGE, remote_id="fba", fulfilled_by=FulfilledBy.AMAZON), sku="TEA")
    list_page(store, replace(PAGE, remote_id="untracked", tracked=False), sku="TEA")

    with store.reading() as tx:
        assert [one.remote_id for one in Offers(tx).listings_of(["TEA"])] == ["v1"]
