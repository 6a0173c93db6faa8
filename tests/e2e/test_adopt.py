"""Going live: sixty open orders, forty of them handed over elsewhere, and not one write too many."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from core.rules.modes import Mode
from jobs import adopt, log
from jobs.demo import observe
from jobs.demo.reckoning import picked_up, shown
from jobs.demo.world import Pace
from jobs.runner import Runner
from jobs.store.permissions import WRITING_FLOWS, Permissions
from tests.e2e.drill import START, application, wait_until, world

CHANNEL = "shopify-us"
#: Tokens and reports change nothing a seller has; a place writes its own files.
THEIR_OWN = (
    "token",
    "createReport",
    "stock-file",
    "acknowledgment-file",
    "shipment-file",
    "pick-up",
)


def _place_old_orders(made, count: int) -> list[str]:  # type: ignore[no-untyped-def]
    names = []
    for number in range(count):
        sku = made.goods[number % 2].sku
        placed = made.shopify.place_order({"lines": [{"sku": sku, "quantity": 1}]})
        names.append(placed["name"])
    return names


def _effects(made) -> list[str]:  # type: ignore[no-untyped-def]
    """Every request that changed something at a remote: handing out tokens does not."""
    return [
        f"{name}: {entry.operation} {entry.subject}"
        for name, simulator in made.simulators.items()
        for entry in simulator.log.entries()
        if entry.took_effect and entry.operation not in THEIR_OWN
    ]


def _write_csv(path: Path, header: list[str], rows: list[list[str]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


@pytest.mark.slow
def test_a_take_over_writes_nothing_while_observing_and_only_what_the_plan_listed_afterwards(
    tmp_path: Path,
):
    pace = Pace(acknowledge=(30.0, 60.0), ship=(7200.0, 7200.0))
    with world(speed=300, seed=5, pace=pace) as made:
        # given sixty open orders from before the cut-over, in a shop whose numbers stand
        names = _place_old_orders(made, 60)
        made.clock.set(at=made.clock.now())
        cutover = made.clock.now().replace(microsecond=0)
        path = made.write_config(tmp_path / "shop", language="en")
        text = path.read_text().replace(START.isoformat(), cutover.isoformat())
        path.write_text(text)
        before = {key: units for key, units in shown(made).items() if key[0] == CHANNEL}

        with application(path, made) as app:
            # when everything is recorded and decided in observe
            observe(app)
            _run_for(app, made, seconds=1800)

            # then no remote was changed
            assert _effects(made) == []

            # when the plan is made, read and applied, and the channel is switched to act
            handed = _write_csv(
                tmp_path / "handed.csv",
                ["order", "place", "carrier", "tracking"],
                [[name, "newark", "", ""] for name in names[:40]],
            )
            listed = _write_csv(tmp_path / "route.csv", ["order"], [[name] for name in names[40:]])
            wish = adopt.Wish(
                CHANNEL,
                app.wiring.config.orders.route_from,
                None,
                adopt.read_handed_over(handed),
                tuple(row["order"] for row in adopt.read_rows(listed, ("order",))),
            )
            plan, differences = adopt.propose(app.store, app.wiring, wish, by="tester")
            assert _effects(made) == []
            adopt.apply(app.store, app.wiring, plan, by="tester")
            with app.store.transaction() as tx:
                for flow in WRITING_FLOWS:
                    Permissions(tx).set_mode(
                        CHANNEL, flow, Mode.ACT, skus=None, share=None, by="tester"
                    )
            _run_for(app, made, seconds=3600)

        # then exactly the twenty listed orders were handed over, once each
        handed_over = picked_up(made)
        assert len(handed_over) == 20
        assert set(handed_over.values()) == {1}
        # and no quantity moved that the plan had not listed
        moved = {
            sku
            for (channel, sku), units in shown(made).items()
            if channel == CHANNEL and units != before[channel, sku]
        }
        listed_skus = {one.subject.split()[0] for one in differences if one.what == "quantity"}
        assert moved <= listed_skus


def _run_for(app, made, *, seconds: float) -> None:  # type: ignore[no-untyped-def]
    """Run due units in this process for so many clock seconds."""
    runner = Runner(app.store, app.wiring, log.get())
    runner.declare()
    end = made.clock.now().timestamp() + seconds

    def over() -> bool:
        for unit in runner.due():
            runner.run(unit)
        return made.clock.now().timestamp() >= end

    assert wait_until(over, patience=seconds / 300 * 4 + 60)
