"""What one part of the configuration says of another."""

from __future__ import annotations

import pytest

from config.load import reload
from config.problems import ConfigProblems
from tests.config.conftest import FakeRegistry, Folder

GOOD = """\
connections:
  shop: {type: shopify}
  amazon: {type: amazon}
  acme: {type: supplier_file, location: acme-wh}
  mail: {type: email}
  other: {type: fake}
channels:
  shopify-us: {connection: shop, twins: {gid-1: [own], gid-2: [acme-wh]}, sells_from: [own, acme-wh]}
  amazon-us: {connection: amazon}
locations:
  own: {ships_through: acme, channels: [shopify-us]}
  acme-wh: {counted_by: acme, ships_through: acme}
policies:
  - {name: a, channels: [amazon-us], cap: 1}
skus:
  units_per_sale: {amazon-us: {PACK: 4}}
alerts: {through: mail, recipients: [{email: a@example.com}]}
"""


def test_a_configuration_whose_names_fit_is_accepted(folder: Folder) -> None:
    folder.with_least(GOOD)

    assert set(folder.load().config.connections) == {"shop", "amazon", "acme", "mail", "other"}


@pytest.mark.parametrize(
    ("good", "bad", "wrong"),
    [
        ("connection: shop,", "connection: shp,", "'shp' names no connection"),
        ("connection: shop,", "connection: mail,", "'mail' is a connection of type email"),
        ("sells_from: [own,", "sells_from: [won,", "'won' names no location"),
        ("{gid-1: [own]", "{gid-1: [won]", "'won' names no location"),
        ("gid-2: [acme-wh]", "gid-2: [own]", "'own' is shown by 'gid-1' already"),
        ("counted_by: acme", "counted_by: acne", "'acne' names no connection"),
        ("ships_through: acme,", "ships_through: mail,", "type email"),
        ("channels: [shopify-us]", "channels: [shopify]", "'shopify' names no channel"),
        ("channels: [amazon-us]", "channels: [amazon]", "'amazon' names no channel"),
        ("{amazon-us: {PACK", "{amazon: {PACK", "'amazon' names no channel"),
        ("through: mail,", "through: shop,", "type shopify"),
        ("through: mail,", "", "nothing is mailed to them"),
        (
            "alerts: {through: mail, recipients: [{email: a@example.com}]}",
            "suppliers: {elm: {restocks: own, remind: {mail: a@elm.example}}}",
            "nothing is mailed to them",
        ),
        ("location: acme-wh}", "location: own}", "'own' is not counted by this connection"),
        ("location: acme-wh}", "location: nowhere}", "'nowhere' names no location"),
    ],
)
def test_a_name_that_does_not_fit_is_refused(
    folder: Folder, good: str, bad: str, wrong: str
) -> None:
    folder.with_least(GOOD.replace(good, bad, 1))

    problem = folder.problem()

    assert wrong in problem.wrong


PLACES = (
    GOOD
    + """\
location_groups: {suppliers: [acme-wh]}
seasons:
  - {name: s, first: 2026-11-23, last: 2026-11-30, policies: [{name: t, channels: [shopify-us], cap: 1}]}
calendars: {china: {holidays: CN}}
"""
)


@pytest.mark.parametrize(
    ("good", "bad", "wrong"),
    [
        ("sells_from: [own,", "sells_from: [suppliers,", ""),
        ("sells_from: [own,", "sells_from: [supplier,", "'supplier' names no location"),
        ("suppliers: [acme-wh]", "suppliers: [acme]", "'acme' names no location"),
        ("suppliers: [acme-wh]", "suppliers: []", ""),
        ("{suppliers: [", "{own: [", "'own' is a location already"),
        ("{name: a,", "{name: a, locations: [suppliers, own],", ""),
        ("{name: a,", "{name: a, locations: [supplies],", "'supplies' names no location"),
        ("cap: 1}\nskus", "locations: [own], fixed: 3}\nskus", "cannot say fixed"),
        ("channels: [shopify-us], cap", "channels: [shop], cap", "'shop' names no channel"),
        ("{name: t,", "{name: t, locations: [owned],", "'owned' names no location"),
        ("{name: t,", "{name: t, when: 'sku.idea == \"x\"',", "there is no 'idea' here"),
        ("last: 2026-11-30", "last: 2026-11-20", "comes before"),
        ("last: 2026-11-30", "last: 2026-11-30, snapshots: [{locations: [suppliers]}]", ""),
        (
            "last: 2026-11-30",
            "last: 2026-11-30, snapshots: [{locations: [ours]}]",
            "names no location",
        ),
        ("own: {", "own: {stale: {},", "no figure of it can be late"),
        ("acme-wh: {", "acme-wh: {stale: {},", "nobody knows when its figures are due"),
        ("acme-wh: {", "acme-wh: {stale: {}, feed: {every: 1d},", ""),
        ("acme-wh: {", "acme-wh: {closing: {},", "nobody knows when it closes"),
        ("acme-wh: {", "acme-wh: {calendar: china, closing: {time_zone: Mars},", "no time zone"),
        ("acme-wh: {", "acme-wh: {calendar: china, closing: {time_zone: Asia/Shanghai},", ""),
        ("{connection: amazon}", "{connection: amazon, handling_days: 2}", ""),
        ("{connection: shop,", "{connection: shop, handling_days: 2,", "state no handling time"),
    ],
)
def test_places_seasons_and_groups_are_checked(
    folder: Folder, good: str, bad: str, wrong: str
) -> None:
    assert good in PLACES
    folder.with_least(PLACES.replace(good, bad, 1))

    if not wrong and bad != "suppliers: []":
        assert folder.load()
        return
    # An empty group would mean "all" where a channel sells from it.
    assert wrong in folder.problem().wrong


def test_a_connector_nobody_listed_may_be_anything(folder: Folder) -> None:
    folder.with_least(GOOD.replace("connection: shop,", "connection: other,"))

    assert folder.load()


def test_a_location_whose_counter_cannot_be_told_is_not_sold_from_elsewhere(folder: Folder) -> None:
    # given Amazon's own warehouse, which it sells from itself
    text = GOOD.replace("  acme-wh: {", "  fba: {counted_by: amazon}\n  acme-wh: {").replace(
        ", sells_from: [own, acme-wh]", ""
    )
    folder.with_least(text)

    # when another channel sells from it too, or does not
    problem = folder.problem()
    folder.with_least(GOOD.replace("  acme-wh: {", "  fba: {counted_by: amazon}\n  acme-wh: {"))
    accepted = folder.load()

    # then only the second is accepted
    assert problem.path == ("channels", "shopify-us")
    assert "'fba', which 'amazon' counts" in problem.wrong
    assert accepted.config.locations["fba"].counted_by == "amazon"


FBA = "fba: {counted_by: amazon, ships_through: amazon, channels: [shopify-us]}"


def test_what_amazon_counts_and_ships_itself_is_sold_elsewhere(folder: Folder) -> None:
    # given FBA stock that Amazon ships for Shopify, when it is loaded, then it is accepted
    folder.with_least(
        GOOD.replace("own: {", f"{FBA}\n  own: {{").replace("[own, acme-wh]}", "[fba]}")
    )

    assert folder.load().config.locations["fba"].ships_through == "amazon"


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        (FBA.replace("ships_through: amazon", "ships_through: acme"), "ships from there itself"),
        (FBA.replace("counted_by: amazon", "counted_by: lockstep"), "in its own warehouses"),
        (FBA.replace("counted_by: amazon", "counted_by: acme"), "in its own warehouses"),
        (FBA.replace("[shopify-us]", "[amazon-us]"), "nobody but 'amazon' sells from it"),
        (FBA.replace("counted_by: amazon", "counted_by: amazon-ca"), "ships from there itself"),
        (FBA.replace("fba: {", "fba: {basis: gross, "), "takes its own sales off"),
    ],
)
def test_a_place_that_amazon_cannot_ship_from_is_refused(
    folder: Folder, place: str, wrong: str
) -> None:
    text = GOOD.replace("other: {", "amazon-ca: {type: amazon}\n  other: {")
    folder.with_least(
        text.replace("own: {", f"{place}\n  own: {{").replace("[own, acme-wh]}", "[own, fba]}")
    )

    assert wrong in " ".join(one.wrong for one in folder.problems())


PLACE = "counted_by: shop, remote_id: gid://shopify/Location/7"


def test_a_location_whose_counter_can_be_told_is_sold_from_elsewhere(folder: Folder) -> None:
    # given a Shopify location that every channel sells from, when it is loaded, then it is accepted
    folder.with_least(GOOD.replace("own: {", f"own: {{{PLACE}, "))

    assert folder.load().config.locations["own"].remote_id == "gid://shopify/Location/7"


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        ("own: {counted_by: shop, ", "not told which location of 'shop'"),
        ("own: {remote_id: gid://shopify/Location/7, ", "'lockstep' has no names for places"),
        (f"own: {{{PLACE}, basis: gross, ", "takes its own sales off"),
        (f"two: {{{PLACE}}}\n  own: {{{PLACE}, ", "'two' is this place of 'shop' already"),
        (
            "fba: {counted_by: amazon, ships_through: acme, channels: [amazon-us]}\n  own: {",
            "ships from there itself",
        ),
    ],
)
def test_a_counted_place_that_cannot_be_is_refused(folder: Folder, place: str, wrong: str) -> None:
    folder.with_least(GOOD.replace("own: {", place, 1))

    problem = folder.problem()

    assert wrong in problem.wrong


def test_names_are_checked_although_other_values_are_wrong(folder: Folder) -> None:
    folder.with_least(
        GOOD.replace("connection: shop,", "connection: shp,") + "running: {threads: x}"
    )

    wrong = " ".join(problem.wrong for problem in folder.problems())

    assert "'shp' names no connection" in wrong
    assert "'x' is no whole number" in wrong


def test_a_reload_of_what_did_not_change_gives_the_same(folder: Folder) -> None:
    folder.with_least(GOOD)
    before = folder.load()

    after = reload(before, folder.main, environment={}, registry=FakeRegistry())

    assert after is before


def test_a_reload_takes_what_changed(folder: Folder) -> None:
    folder.with_least("skus: {table: skus.csv}").write("sku\nA\n", name="skus.csv")
    before = folder.load()
    folder.write("sku\nA\nB\n", name="skus.csv")

    after = reload(before, folder.main, environment={}, registry=FakeRegistry())

    assert not isinstance(after, ConfigProblems)
    assert after.digest != before.digest
    assert set(after.catalog.skus) == {"A", "B"}


def test_a_reload_of_what_is_wrong_returns_the_problems_and_keeps_the_old(folder: Folder) -> None:
    folder.with_least("alerts: {low_stock: 3}")
    before = folder.load()
    folder.with_least("alerts: {low_stock: three}")

    after = reload(before, folder.main, environment={}, registry=FakeRegistry())

    assert isinstance(after, ConfigProblems)
    assert before.config.alerts.low_stock == 3


def test_a_rotated_secret_is_a_change(folder: Folder) -> None:
    folder.with_least("connections: {a: {type: fake, token: '${env:TOKEN}'}}")
    before = folder.load(TOKEN="old")

    after = reload(before, folder.main, environment={"TOKEN": "new"}, registry=FakeRegistry())

    assert after is not before
