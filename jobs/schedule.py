"""Which units there are, what each runs, and how often: all of it follows from the configuration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from core.ports import (
    AlertTarget,
    BulkOfferTarget,
    CancellationTarget,
    FulfillmentSource,
    HintQueue,
    InboundSource,
    InvoiceSource,
    ListingSource,
    MailedRequestTarget,
    OfferTarget,
    OrderCensus,
    OrderSource,
    PurchaseAnswerSource,
    PurchaseOrderService,
    PurchaseOrderTarget,
    PurchaseReminderTarget,
    RateSource,
    ReceiptSource,
    RefundTarget,
    RequestService,
    RequestTarget,
    ReturnSource,
    ReturnTarget,
    ShelfReport,
    ShelfSource,
    ShipmentTarget,
    StockSource,
    TrackingSource,
)
from jobs import (
    answers,
    booked_in,
    bulk,
    cancellations,
    census,
    dates,
    decide,
    demand,
    drift,
    hints,
    invoices,
    notices,
    publish,
    pull,
    purchase,
    purchase_calls,
    push,
    quotes,
    receipts,
    reminders,
    renaming,
    repay,
    replenish,
    request_mails,
    requests,
    reservations,
    return_steps,
    returns,
    shadow,
    silence,
    tell,
    tracking,
    upkeep,
)
from jobs.quoted import live_services
from jobs.run import Run
from jobs.store.permissions import PURCHASES, RECEIPTS, REFUNDS
from jobs.wiring import Wiring

#: When everything runs once: facts first, then decisions, then writes.
_TURNS = {
    "listings": 0,
    **dict.fromkeys(
        ("orders", "hints", "stock", "inbound", "acknowledgments", "purchase-answers"), 1
    ),
    **dict.fromkeys(
        (
            "returns",
            "notices",
            "statuses",
            "tracking",
            "shelf",
            "census",
            "invoices",
            "rates",
            RECEIPTS,
        ),
        2,
    ),
    **dict.fromkeys(("demand", "dates", "names", "silence"), 3),
    **dict.fromkeys(
        (
            "offers",
            "requests",
            "shipments",
            "cancellations",
            REFUNDS,
            "replenishment",
            "purchases",
            "reservations",
        ),
        4,
    ),
    **dict.fromkeys(("alerts", "bulk"), 5),
    **dict.fromkeys(("mail", "drift", "reminders"), 6),
    **dict.fromkeys(("upkeep", "shadow"), 7),
}
#: What the core decides of orders and offers stands between what is pulled and what is written.
_DECIDING = {"core/orders": 3, "core/offers": 3}


@dataclass(frozen=True)
class Unit:
    """(connector, flow) and what a run of it does. `flow` may say when it wants to go on, sooner than `every`."""

    id: str
    every: timedelta
    flow: Callable[[Run], timedelta | None]


def _turn(unit: Unit) -> tuple[int, str]:
    _, flow = unit.id.split("/")
    return (_DECIDING[unit.id] if unit.id in _DECIDING else _TURNS[flow]), unit.id


def units_of(wiring: Wiring) -> dict[str, Unit]:
    """Every unit of this configuration, by id, in their turn where everything runs once."""
    made = [*_core_units(wiring)]
    for channel in wiring.config.channels:
        made.extend(_channel_units(wiring, channel))
    for connection in wiring.connectors:
        made.extend(_connection_units(wiring, connection))
    return {unit.id: unit for unit in sorted(made, key=_turn)}


def _core_units(wiring: Wiring) -> list[Unit]:
    pace = wiring.config.pace
    return [
        Unit("core/orders", timedelta(minutes=1), decide.decide_orders),
        Unit("core/offers", timedelta(minutes=1), decide.decide_offers),
        Unit("core/dates", dates.EVERY, dates.follow_dates),
        Unit("core/names", renaming.EVERY, renaming.follow_names),
        Unit("core/alerts", timedelta(seconds=15), tell.decide_alerts),
        Unit("core/mail", pace.mail, tell.send_mails),
        Unit("core/demand", demand.EVERY, demand.decide_demand),
        Unit("core/upkeep", timedelta(minutes=5), upkeep.look_after),
        Unit("core/replenishment", wiring.config.replenishment.every, replenish.refresh_plans),
        Unit("core/silence", silence.EVERY, silence.watch_channels),
        Unit("core/shadow", timedelta(minutes=30), shadow.report_yesterday),
    ]


def _channel_units(wiring: Wiring, channel: str) -> list[Unit]:
    pace = wiring.config.pace
    connector = wiring.connectors[wiring.connection_of[channel]]
    made = []
    if isinstance(connector, OrderSource):
        made.append(
            Unit(f"{channel}/orders", pace.orders, lambda run: pull.pull_orders(run, channel))
        )
        if isinstance(connector, HintQueue) and connector.has_queue:
            made.append(
                Unit(f"{channel}/hints", hints.EVERY, lambda run: hints.follow_hints(run, channel))
            )
    if isinstance(connector, OrderCensus):
        made.append(
            Unit(f"{channel}/census", pace.census, lambda run: census.take_census(run, channel))
        )
    if isinstance(connector, ListingSource):
        made.append(
            Unit(f"{channel}/listings", pace.listings, lambda run: pull.pull_listings(run, channel))
        )
    if isinstance(connector, OfferTarget):
        made.append(
            Unit(f"{channel}/offers", pace.offers, lambda run: publish.push_offers(run, channel))
        )
    if isinstance(connector, BulkOfferTarget):
        made.append(Unit(f"{channel}/bulk", pace.offers, lambda run: bulk.carry(run, channel)))
    if isinstance(connector, ShelfSource):
        every = wiring.config.drift.every
        made.append(Unit(f"{channel}/drift", every, lambda run: drift.read_slice(run, channel)))
    if isinstance(connector, ShelfReport):
        whole = wiring.config.drift.whole
        made.append(Unit(f"{channel}/shelf", whole, lambda run: drift.read_report(run, channel)))
    if isinstance(connector, CancellationTarget):
        made.append(
            Unit(
                f"{channel}/cancellations",
                pace.shipments,
                lambda run: cancellations.push_cancellations(run, channel),
            )
        )
    if isinstance(connector, ReturnSource):
        made.append(
            Unit(
                f"{channel}/returns",
                pace.returns,
                lambda run: _returns(run, channel),
            )
        )
    if isinstance(connector, RefundTarget):
        made.append(
            Unit(
                f"{channel}/{REFUNDS}",
                pace.shipments,
                lambda run: repay.push_refunds(run, channel),
            )
        )
    if isinstance(connector, ShipmentTarget):
        made.append(
            Unit(
                f"{channel}/shipments",
                pace.shipments,
                lambda run: push.push_confirmations(run, channel),
            )
        )
    return made


def _returns(run: Run, channel: str) -> None:
    """What stands there first: what a person did there meanwhile is not done again."""
    returns.pull_returns(run, channel)
    if isinstance(run.wiring.connectors[run.wiring.connection_of[channel]], ReturnTarget):
        return_steps.push_returns(run, channel)


def _reminds(wiring: Wiring, connection: str) -> bool:
    """Partners whose orders do not go by mail are reminded through this connection."""
    config = wiring.config
    asked = [one.remind for one in config.locations.values()]
    asked += [one.remind for one in config.suppliers.values()]
    return connection == config.alerts.through and any(one.mail for one in asked)


def _connection_units(wiring: Wiring, connection: str) -> list[Unit]:
    pace = wiring.config.pace
    connector = wiring.connectors[connection]
    counted = [
        name for name, one in wiring.config.locations.items() if one.counted_by == connection
    ]
    asked = [one.id for one in wiring.locations if one.ships_through == connection]
    carriers = [carrier for carrier, by in wiring.tracked_by.items() if by == connection]
    made = []
    if isinstance(connector, StockSource) and counted:
        made.append(
            Unit(f"{connection}/stock", pace.stock, lambda run: pull.pull_stock(run, connection))
        )
    if f"{connection}/reservations" in wiring.reservation_units:
        made.append(
            Unit(
                f"{connection}/reservations",
                pace.requests,
                lambda run: reservations.push_reservations(run, connection),
            )
        )
    if isinstance(connector, RequestTarget) and asked:
        made.append(
            Unit(
                f"{connection}/requests",
                pace.requests,
                lambda run: push.push_requests(run, connection),
            )
        )
    if isinstance(connector, RequestService) and asked:
        made.append(
            Unit(
                f"{connection}/requests",
                pace.requests,
                lambda run: requests.submit_requests(run, connection),
            )
        )
        if connector.ask_every is not None:
            made.append(
                Unit(
                    f"{connection}/statuses",
                    pace.responses,
                    lambda run: requests.ask_about_requests(run, connection),
                )
            )
    if isinstance(connector, MailedRequestTarget) and asked:
        made.append(
            Unit(
                f"{connection}/requests",
                pace.requests,
                lambda run: request_mails.mail_requests(run, connection),
            )
        )
    if isinstance(connector, FulfillmentSource) and asked:
        made.append(
            Unit(
                f"{connection}/acknowledgments",
                pace.responses,
                lambda run: answers.pull_acknowledgments(run, connection),
            )
        )
    sells_to_us = any(one.connection == connection for one in wiring.config.suppliers.values())
    if isinstance(connector, FulfillmentSource) and (asked or sells_to_us):
        made.append(
            Unit(
                f"{connection}/notices",
                pace.responses,
                lambda run: notices.pull_notices(run, connection),
            )
        )
    if isinstance(connector, InboundSource) and counted:
        made.append(
            Unit(
                f"{connection}/inbound",
                pace.inbound,
                lambda run: booked_in.pull_inbound(run, connection),
            )
        )
    if isinstance(connector, PurchaseOrderTarget) and sells_to_us:
        made.append(
            Unit(
                f"{connection}/{PURCHASES}",
                pace.requests,
                lambda run: purchase.push_purchases(run, connection),
            )
        )
    if isinstance(connector, PurchaseOrderService) and sells_to_us:
        made.append(
            Unit(
                f"{connection}/{PURCHASES}",
                pace.requests,
                lambda run: purchase_calls.submit_purchases(run, connection),
            )
        )
    in_thread = (isinstance(connector, PurchaseReminderTarget) and sells_to_us) or (
        isinstance(connector, MailedRequestTarget) and asked
    )
    if in_thread or (isinstance(connector, AlertTarget) and _reminds(wiring, connection)):
        made.append(
            Unit(
                f"{connection}/reminders",
                pace.requests,
                lambda run: reminders.push_reminders(run, connection),
            )
        )
    if isinstance(connector, PurchaseAnswerSource) and sells_to_us:
        made.append(
            Unit(
                f"{connection}/purchase-answers",
                pace.responses,
                lambda run: purchase.pull_answers(run, connection),
            )
        )
    if isinstance(connector, InvoiceSource) and (sells_to_us or asked):
        made.append(
            Unit(
                f"{connection}/invoices",
                pace.responses,
                lambda run: invoices.pull_invoices(run, connection),
            )
        )
    if isinstance(connector, ReceiptSource):
        made.append(
            Unit(
                f"{connection}/{RECEIPTS}",
                pace.responses,
                lambda run: receipts.exchange_receipts(run, connection),
            )
        )
    if isinstance(connector, RateSource) and live_services(wiring, connection):
        made.append(
            Unit(
                f"{connection}/rates",
                quotes.EVERY,
                lambda run: quotes.ask_ahead(run, connection),
            )
        )
    if isinstance(connector, TrackingSource) and carriers:
        made.append(
            Unit(
                f"{connection}/tracking",
                pace.tracking,
                lambda run: tracking.pull_tracking(run, connection, carriers=carriers),
            )
        )
    return made
