"""QUOTES: what carriers really ask, asked ahead, so that no decision ever waits for a carrier.

Open orders, and those of the last days, say from where to where and how heavy. What is asked of a
ZIP code is taken for its three-digit area, which is what carriers' zones are made of. A carrier that
is silent, slow or out of quota stops nothing but this unit: the rate table is used.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from config.zip3 import centroids, states
from core.errors import Rejected
from core.model.carriage import Dispatch, Lane, RateAnswer, RateQuestion, Service
from core.model.cases import Case, Severity
from core.model.catalog import ChannelId, Sku
from core.model.orders import Address
from core.model.reasons import Reason
from core.model.routing import Piece, Way
from core.ports import RateSource
from core.rules.addresses import is_military
from core.rules.carriage import area_of, zone_to
from core.rules.live_rates import asked, doubt, parcels, table_price
from core.rules.loads import billable
from jobs.quoted import live_services
from jobs.routing import piece_of
from jobs.run import Run
from jobs.store.quotes import QuoteRow, Quotes, Source, Wanted
from jobs.store.store import Tx
from jobs.wiring import Wiring

EVERY = timedelta(minutes=5)
#: Orders looked at, and questions asked, in one run.
MOST_ORDERS, MOST_QUESTIONS = 5_000, 200
#: Asked again when so much of its time, one part in four, is left.
_LEFT = 4
#: What was no price is asked for again after this time at the latest.
_AGAIN = timedelta(hours=6)
#: Kept so long after its end, for people to look at.
_KEPT = timedelta(days=7)
_KIND = "live_rates_unusable"
#: What is wrong with answers -> how that is told.
_TOLD = {
    "currency": "live_rate_currency",
    "absurd": "live_rate_absurd",
    "unreadable": "live_rate_unreadable",
    "not_offered": "live_rate_not_offered",
    "refused": "live_rate_refused",
}
#: Wrong, not only absent.
_WRONG = ("currency", "absurd", "unreadable")


#: a lane, its zone, and the services that go there
_Offered = tuple[Lane, int, Sequence[Service]]


@dataclass(slots=True)
class _Need:
    """One price to ask for."""

    lane: Lane
    zone: int
    grams: int
    #: orders that may be routed yet, and all
    open: int = 0
    orders: int = 0


def ask_ahead(run: Run, connection: str) -> None:
    """Ask for the prices that orders need and nobody has, those of open orders first.

    Raises what the carrier does to us, but for Rejected, which is an answer.
    """
    source = run.wiring.connector(connection, RateSource)
    services = live_services(run.wiring, connection)
    with run.reading() as tx:
        needs = _missing(tx, run.wiring, connection, source.price_basis, services)
    try:
        for need in needs[:MOST_QUESTIONS]:
            today = run.wiring.day(run.clock.now())
            answers = _answers(source, RateQuestion(need.lane, need.grams, today))
            with run.transaction() as tx:
                usual = Source(connection, source.price_basis, "", need.lane.origin)
                valid = run.wiring.config.routing.quotes.valid
                Quotes(tx).record(_rows(need, usual, services, answers, at=tx.now, valid=valid))
    finally:
        with run.transaction() as tx:
            Quotes(tx).forget(connection, before=tx.now - _KEPT)
            _tell(tx, connection, source.price_basis, services)


def _answers(source: RateSource, question: RateQuestion) -> Mapping[str, RateAnswer] | None:
    """By the carrier's code; None: it prices no such parcel on this lane."""
    try:
        return {one.service: one for one in source.quote_rates(question)}
    except Rejected:
        return None


def _rows(
    need: _Need,
    usual: Source,
    services: Mapping[str, Service],
    answers: Mapping[str, RateAnswer] | None,
    *,
    at: datetime,
    valid: timedelta,
) -> Iterator[QuoteRow]:
    """What was answered for each of the carrier's codes that we use, prices or not."""
    by_code = {_code(one): one for one in services.values()}
    for code, service in by_code.items():
        answer = answers.get(code) if answers is not None else None
        price = table_price(service, need.zone, need.grams)
        problem = doubt(answer, price) if answers is not None else "refused"
        good = answer if not problem else None
        yield QuoteRow(
            area=need.lane.area,
            origin=usual.origin,
            connection=usual.connection,
            basis=usual.basis,
            service=code,
            grams=need.grams,
            cents=good.price.amount if good and good.price else None,
            days=good.days if good else None,
            problem=problem,
            asked_at=at,
            valid_until=at + (valid if good else min(valid, _AGAIN)),
        )


# --- what is asked ---------------------------------------------------------------------------------


def _missing(
    tx: Tx, wiring: Wiring, connection: str, basis: str, services: Mapping[str, Service]
) -> list[_Need]:
    """Prices that orders need and that are not there, or end soon; the most needed first."""
    terms = wiring.config.routing.quotes
    soon = tx.now + terms.valid / _LEFT
    known = {
        (one.origin, one.area, one.service, one.grams)
        for one in Quotes(tx).rows(connection, basis, after=tx.now)
        if one.problem or one.valid_until > soon
    }
    found: dict[tuple[str, str, int], _Need] = {}
    lanes, goods = _Lanes(tx, wiring, services), _Goods(wiring)
    wanted = Quotes(tx).wanted(
        wiring.config.channels, placed_after=tx.now - terms.recent, limit=MOST_ORDERS
    )
    for order in wanted:
        loads = goods.loads(order)
        steps: set[tuple[Lane, int, int]] = set()
        for lane, zone, offered in lanes.of(order):
            for service in offered:
                way = Way(service.name, (), service.volume_per_kilogram)
                for grams in asked(service, zone, (billable(way, *load) for load in loads)):
                    if (lane.origin, lane.area, _code(service), grams) not in known:
                        steps.add((lane, zone, grams))
        for lane, zone, grams in steps:
            # Of an area, the ZIP code of its newest order is asked for.
            need = found.setdefault((lane.origin, lane.area, grams), _Need(lane, zone, grams))
            need.open += order.open
            need.orders += 1
    return sorted(
        found.values(), key=lambda one: (-one.open, -one.orders, one.lane.origin, one.grams)
    )


def _code(service: Service) -> str:
    assert service.live is not None, "nobody is asked for its prices"
    return service.live.code


class _Lanes:
    """From where to where orders may go, each worked out once."""

    def __init__(self, tx: Tx, wiring: Wiring, services: Mapping[str, Service]) -> None:
        self._wiring = wiring
        self._today = wiring.day(tx.now)
        self._services = services
        self._known: dict[tuple[str, str, str], list[_Offered]] = {}
        self._places: dict[str, list[Dispatch]] = {}

    def of(self, order: Wanted) -> list[_Offered]:
        """From each place that may ship an order to its buyer: the lane, its zone, and by what."""
        key = (order.channel, order.postal_code, order.state)
        if key not in self._known:
            to = Address(postal_code=order.postal_code, region=order.state, country="US")
            self._known[key] = [] if is_military(to) else list(self._lanes(order.channel, to))
        return self._known[key]

    def _lanes(self, channel: ChannelId, to: Address) -> Iterator[_Offered]:
        there = states().get(area_of(to.postal_code), ())
        if not there:
            return
        # The ZIP code decides: a carrier refuses one that is not in the state.
        state = next((one for one in there if one == to.region.strip().upper()), there[0])
        for dispatch in self._dispatches(channel):
            home = states().get(area_of(dispatch.postal_code), ())
            if home:
                lane = Lane(dispatch.postal_code, home[0], to.postal_code.strip()[:5], state)
                offered = [
                    self._services[name] for name in dispatch.services if name in self._services
                ]
                yield lane, zone_to(dispatch, to, centroids()), offered

    def _dispatches(self, channel: ChannelId) -> list[Dispatch]:
        if channel not in self._places:
            found = (
                self._wiring.dispatch(place.id, today=self._today)
                for place in self._wiring.eligible(channel, routing=True)
            )
            self._places[channel] = [
                one for one in found if self._services.keys() & set(one.services)
            ]
        return self._places[channel]


class _Goods:
    """What parcels orders make."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._pieces: dict[Sku, Piece] = {}

    def loads(self, order: Wanted) -> set[tuple[int, int]]:
        """(grams, volume) of the parcels an order makes if one place ships it, or each line another."""
        lines = [
            [
                (self._piece(part), per * units)
                for part, per in self._wiring.components(sku, units_per_sale).items()
            ]
            for sku, units_per_sale, units in order.lines
        ]
        whole = [one for line in lines for one in line]
        return {load for goods in (whole, *lines) for load in parcels(goods)}

    def _piece(self, sku: Sku) -> Piece:
        if sku not in self._pieces:
            self._pieces[sku] = piece_of(self._wiring, sku) or Piece()
        return self._pieces[sku]


# --- what a person must know -----------------------------------------------------------------------


def _tell(tx: Tx, connection: str, basis: str, services: Mapping[str, Service]) -> None:
    """A Case for each service whose answers are wrong, or that is priced nowhere; closed when not."""
    held = Quotes(tx).rows(connection, basis, after=tx.now)
    for name, service in services.items():
        code = _code(service)
        problems = Counter(one.problem for one in held if one.service == code)
        good, subject = problems.pop("", 0), f"service {name}"
        wrong = next((one for one in _WRONG if problems[one]), "")
        if not wrong and problems and not good:
            wrong = max(problems, key=lambda one: (problems[one], one))
        if wrong:
            reason = Reason.of(_TOLD[wrong], service=name, connection=connection, carrier_code=code)
            tx.renew_case(Case(_KIND, subject, reason, Severity.WARNING))
        elif tx.has_open_case(_KIND, subject):
            tx.close_case(_KIND, subject)
