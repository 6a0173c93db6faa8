"""What must not go where, or not by whom."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.model.carriage import Service
from core.rules.restrictions import Restriction, barred, holds_for
from tests.core.strategies import ADDRESS

RULE = Restriction("rule")
GROUND, AIR, POST = (
    Service(name, carrier, {}, {})
    for name, carrier in (("ups-ground", "ups"), ("ups-air", "ups"), ("usps-ground", "usps"))
)


@pytest.mark.parametrize(
    ("conditions", "to", "holds"),
    [
        ({}, {}, True),
        ({"states": frozenset({"AK", "HI"})}, {}, False),
        ({"states": frozenset({"AK", "NJ"})}, {"region": "nj"}, True),
        ({"states": frozenset({"NJ"})}, {"country": "CA"}, False),
        ({"states": frozenset({"NJ"})}, {"region": "New Jersey"}, True),
        ({"states": frozenset({"PR"})}, {"country": "PR", "region": "San Juan"}, True),
        ({"countries": frozenset({"PR"})}, {"region": "PR"}, True),
        ({"countries": frozenset({"US"})}, {"country": "PR"}, True),
        ({"countries": frozenset({"CA"})}, {"region": "CA"}, False),
        ({"zips": ("071", "967")}, {}, True),
        ({"zips": ("967",)}, {}, False),
        ({"zips": ("071",)}, {"country": "FR"}, False),
        ({"countries": frozenset({"CA"})}, {"country": "ca"}, True),
        ({"countries": frozenset({"CA"})}, {}, False),
        ({"po_box": True}, {}, False),
        ({"po_box": True}, {"line1": "PO Box 9"}, True),
        ({"military": True}, {}, False),
        ({"military": True}, {"region": "AE"}, True),
        ({"states": frozenset({"NJ"}), "po_box": True}, {}, False),
        ({"states": frozenset({"NJ"}), "po_box": True}, {"line1": "PO Box 9"}, True),
    ],
)
def test_every_condition_given_must_be_met(conditions, to, holds):
    assert holds_for(replace(RULE, **conditions), replace(ADDRESS, **to)) is holds


def test_a_restriction_forbids_or_names_who_may_not_carry():
    ups = replace(RULE, name="no ups", carriers=frozenset({"ups"}))
    air = replace(RULE, name="no air", services=frozenset({"ups-air"}))

    assert RULE.forbids
    assert not ups.forbids
    assert not air.forbids
    services = [GROUND, AIR, POST]
    assert barred([RULE], services) == {}
    assert barred([air], services) == {"ups-air": "no air"}
    assert barred([air, ups], services) == {"ups-ground": "no ups", "ups-air": "no air"}
