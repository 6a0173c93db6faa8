"""FBA stock: one walk a pull, begun anew where its page tokens ran out."""

from __future__ import annotations

import pytest

from core.errors import Unavailable
from core.model.stock import StockSnapshot
from tests.contracts.rigs import AmazonRig, rig_of

MANY = 120


def pull(rig: AmazonRig) -> StockSnapshot:
    (batch,) = rig.connector.pull_stock(since=None)
    (snapshot,) = batch.items
    return snapshot


def test_what_amazon_can_ship_is_the_figure_and_the_rest_is_kept_in_its_words() -> None:
    with rig_of("amazon") as rig:
        # given units in Amazon's warehouse, some of them sold and not shipped
        rig.simulator.add_listing("FBA", quantity=10, channel="AMAZON_NA")
        rig.simulator.place_order({"lines": [{"sku": "FBA", "quantity": 3}]})

        # when they are pulled
        snapshot = pull(rig)

        # then only these are there, net of what is sold, as of a moment before they were asked for
        (row,) = snapshot.rows
        assert (row.sku, row.quantity, row.item) == ("FBA", 7, "FBA")
        assert dict(row.words) == {"fulfillable": 7, "reserved": 3}
        assert snapshot.complete
        assert snapshot.as_of < rig.clock.now()


def test_all_pages_are_read_in_one_pull() -> None:
    with rig_of("amazon") as rig:
        # given more units than fit on a page
        for number in range(MANY):
            rig.simulator.add_listing(f"F{number}", quantity=1, channel="AMAZON_NA")

        # when they are pulled, then all are told at once
        assert len(pull(rig).rows) == MANY


@pytest.mark.parametrize(("slow", "told"), [(1, True), (99, False)])
def test_a_walk_whose_token_expired_begins_anew_and_gives_up_in_the_end(
    slow: int, told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rig_of("amazon") as rig:
        for number in range(MANY):
            rig.simulator.add_listing(f"F{number}", quantity=1, channel="AMAZON_NA")
        stock = rig.connector._stock
        page, turns = stock._page, iter(range(1000))

        # given second pages that are asked for half a minute late, once or always
        def late(token: str) -> object:
            if token and next(turns) < slow:
                rig.clock.advance(31)
            return page(token)

        monkeypatch.setattr(stock, "_page", late)

        # when it is pulled, then the walk after that is whole, or nothing is told at all
        if told:
            began = rig.clock.now()
            snapshot = pull(rig)
            assert len(snapshot.rows) == MANY
            assert snapshot.as_of > began
        else:
            with pytest.raises(Unavailable):
                pull(rig)
