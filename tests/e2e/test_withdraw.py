"""A place that will not ship after all: a person says so, and the order goes on, once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import select

from jobs.demo.world import Pace
from jobs.store.tables import audit, cases, fulfillment
from tests.e2e.house import house
from tests.e2e.test_modes_and_stops import committed, handed_over, sell, stage

#: Nobody answers and nobody ships.
SILENT = Pace(publish_every=1e9, acknowledge=(1e9, 1e9), ship=(1e9, 1e9))


def test_a_request_nobody_answers_is_withdrawn_by_a_person_and_routed_elsewhere(
    tmp_path: Path,
) -> None:
    def named(tree: dict[str, Any]) -> None:
        for place in tree["locations"].values():
            place |= {"calendar": "week", "remind": {"mail": "desk@place.example"}}
        tree["calendars"] = {**tree.get("calendars", {}), "week": {"holidays": "US"}}

    def reminded() -> list[str]:
        mails = shop.world.smtp.books()["mails"]
        return [one["text"] for one in mails if one["to"] == ["desk@place.example"]]

    with house(tmp_path, pace=SILENT, edit=named) as shop:
        # given an order whose place does not answer in time, not even when it is reminded
        shop.go_live()
        name = sell(shop, "TEAPOT")
        shop.live(300, step=60)
        (first,) = handed_over(shop)
        shop.live(86_400 + 21_600, step=21_600)
        (told,) = shop.cases("request_overdue")
        assert "in the agreed time" in told
        assert first in told
        (mail,) = reminded()
        assert first in mail
        assert "1  TEAPOT" in mail

        # and which is told of louder when that goes on, but for a day that is Thanksgiving, and after
        # a word to it that it is late to ship
        shop.live(86_400, step=21_600)
        assert shop.cases("request_overdue") == [told]
        shop.live(86_400, step=21_600)
        (told,) = shop.cases("request_overdue")
        assert "much too long" in told
        assert first in told
        assert ["has no answer" in one for one in reminded()] == [True, False]

        # when somebody asked the place, and says what it said
        shop.cli("withdraw", "shopify-us:0:F9", "--note", "nobody", check=1)
        shop.cli("withdraw", first, "--note", "Bob: the shelf is empty", "--by", "ann")
        shop.live(300, step=60)

        # then another place is asked, once, and the Case is over
        asked = handed_over(shop)
        assert len(asked) == 2
        assert set(asked.values()) == {1}
        assert stage(shop, name) == "routed"
        assert committed(shop) == 1
        places = {row.key: row.location for row in shop.rows(select(fulfillment))}
        (second,) = asked.keys() - {first}
        assert places[first] != places[second]
        assert not any(first in one for one in shop.cases("request_overdue"))
        (told,) = shop.rows(select(audit).where(audit.c.action == "withdraw"))
        assert (told.who, told.note) == ("ann", "Bob: the shelf is empty")
        assert "rejected" in shop.cli("explain", "order", name).stdout.lower()

        # and it cannot be withdrawn twice, nor one that was not handed over
        shop.cli("withdraw", first, "--note", "again", check=1)
        shop.cli("stop", "writes", "--by", "ann")
        planned = sell(shop, "MUG-BLUE")
        shop.live(120, step=60)
        key = next(one.key for one in shop.rows(select(fulfillment)) if one.state == "planned")
        shop.cli("withdraw", key, "--note", "too early", check=1)
        assert stage(shop, planned) == "routed"
        assert shop.rows(select(cases).where(cases.c.kind == "unknown_request")) == []
