"""Suppliers, buying policies, rates and duties as an admin writes them."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from config.buying import terms_of
from config.problems import ConfigProblems
from config.replenishment import exact
from core.model.money import Money
from core.model.purchasing import SupplierItem
from core.rules.replenishment import AlertKind
from tests.config.conftest import Folder

GOOD = """\
connections:
  acme: {type: supplier_file, location: theirs}
  mail: {type: email}
locations:
  own: {}
  theirs: {counted_by: acme}
calendars:
  china: {holidays: CN}
suppliers:
  acme:
    connection: acme
    restocks: own
    currency: CNY
    calendar: china
    counts: [own]
    items:
      MUG: {pack: 24, cost: "18.50", breaks: {240: "17.20"}, hts: "6911.10"}
currencies: {CNY: {2026-11-01: 0.1398}}
duties: [{hts: "6911", since: 2026-01-01, percent: 6}]
replenishment:
  alert: reorder_point
  rules:
    - {name: clearance, when: '"old" in sku.tags', alert: static, service: 80}
    - {name: mugs, when: 'sku.id.startsWith("MUG")', service: 90, cover_days: 20}
  skus: {MUG: {cover_days: 30}}
skus:
  items: {MUG: {tags: [old]}, CUP: {}}
"""


def test_the_skus_own_policy_goes_over_rules_and_rules_over_the_section(folder: Folder) -> None:
    buying = folder.with_least(GOOD).load().buying

    mug, cup = buying.of("MUG"), buying.of("CUP")

    assert (mug.alert, mug.service, mug.cover_days) == (AlertKind.STATIC, 90, 30)
    assert (cup.alert, cup.service, cup.cover_days) == (AlertKind.REORDER_POINT, 95, 14)
    assert mug.failed is None


def test_what_is_written_of_a_sku_goes_over_what_the_suppliers_files_tell(folder: Folder) -> None:
    supplier = folder.with_least(GOOD).load().config.suppliers["acme"]
    told = SupplierItem(
        "acme", "MUG", "AC-7", pack=12, least=36, cost=Money(9, "CNY"),
        breaks=((100, Money(8, "CNY")),), lead_days=33,
    )  # fmt: skip
    other = SupplierItem("acme", "CUP", "AC-8")

    found = terms_of("acme", supplier, {"MUG": told, "CUP": other})

    mug = found["MUG"]
    assert (mug.item, mug.pack, mug.least, mug.lead_days) == ("AC-7", 24, 36, 33)
    assert (mug.cost, mug.breaks) == (Money(1850, "CNY"), ((240, Money(1720, "CNY")),))
    assert found["CUP"] == other


@pytest.mark.parametrize(
    ("good", "bad", "wrong"),
    [
        ("connection: acme", "connection: mail", "'mail' is a connection of type email"),
        ("restocks: own", "restocks: won", "'won' names no location"),
        ("restocks: own", "restocks: theirs", "'theirs' is counted by 'acme', not by us"),
        ("calendar: china", "calendar: chine", "'chine' names no calendar"),
        ("counts: [own]", "counts: [won]", "'won' names no location"),
        ("currencies: {CNY:", "currencies: {EUR:", "there is no rate of CNY to USD"),
        ('240: "17.20"', '240: "19.20"', "one costs more (19.20) than before (18.50)"),
        ('cost: "18.50"', 'cost: "18.505"', "18.505 has more decimals than CNY has"),
        ('cost: "18.50"', "cost: much", "much"),
        ('cost: "18.50"', 'cost: "-1"', "-1 is no amount"),
        ('cost: "18.50"', "cost: true", "true and false are no amounts"),
        ('hts: "6911.10"', 'hts: "mugs"', "'mugs' is no tariff code"),
        ('hts: "6911.10"', "hts: 6911.10", "6911.10 is no text"),
        ("2026-11-01: 0.1398", "2026-11-01: 0", "0 is no rate"),
        ("alert: static, service: 80", "alert: static, service: 50", "50 is too small"),
        ('"old" in sku.tags', '"old" in sku.tag', "there is no 'tag' here"),
        ("alert: reorder_point", "alert: sometimes", "'sometimes' is not known here"),
    ],
)
def test_what_cannot_be_is_told(folder: Folder, good: str, bad: str, wrong: str) -> None:
    assert good in GOOD
    folder.with_least(GOOD.replace(good, bad, 1))

    with pytest.raises(ConfigProblems) as raised:
        folder.load()

    assert wrong in str(raised.value)


def test_hours_that_end_before_they_begin_are_told(folder: Folder) -> None:
    folder.with_least("alerts: {hours: {first: 19, last: 7}}\n")

    with pytest.raises(ConfigProblems, match="7 does not come after 19"):
        folder.load()


def test_a_rate_is_the_very_number_that_was_written(folder: Folder) -> None:
    config = folder.with_least(GOOD).load().config

    (rate,) = config.currencies["CNY"].values()
    assert rate == Decimal("0.1398")
    assert exact(rate) == Fraction(1398, 10_000)
