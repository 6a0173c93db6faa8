"""What a connector may be able to do."""

from __future__ import annotations

import inspect

import pytest

from core import ports
from core.ports import Batch, CheckReport, Connector, Reject, TrackingReport

CAPABILITIES = [
    found
    for found in vars(ports).values()
    if isinstance(found, type) and issubclass(found, Connector) and found is not Connector
]


def test_the_capabilities_are_found():
    assert {"OrderSource", "OfferTarget", "ShipmentTarget", "AlertTarget"} <= {
        found.__name__ for found in CAPABILITIES
    }


@pytest.mark.parametrize("capability", CAPABILITIES, ids=lambda found: found.__name__)
def test_a_capability_with_a_method_missing_cannot_be_made(capability):
    half_done = type("HalfDone", (capability,), {"check": lambda self: CheckReport("x")})

    with pytest.raises(TypeError, match="abstract"):
        half_done()


@pytest.mark.parametrize("capability", CAPABILITIES, ids=lambda found: found.__name__)
def test_everything_a_capability_asks_for_is_explained(capability):
    own = [
        vars(capability)[name] for name in capability.__abstractmethods__ & vars(capability).keys()
    ]

    assert own
    assert all(inspect.getdoc(one) for one in own)


def test_a_connector_that_holds_nothing_open_may_be_closed_twice():
    class Idle(Connector):
        def check(self) -> CheckReport:
            return CheckReport("idle")

    idle = Idle()
    idle.close()
    idle.close()

    assert idle.check().name == "idle"


def test_a_batch_is_a_page_that_does_not_complete_its_walk_unless_it_says_so():
    page = Batch(items=(1, 2), cursor="c", rejects=(Reject("order", "7", "no lines", "{}"),))

    assert page.complete_to is None
    assert page.rejects[0].problem == "no lines"


def test_a_carriers_raw_answer_is_kept_out_of_logs():
    assert "secret" not in repr(TrackingReport("1Z", (), raw="secret"))
