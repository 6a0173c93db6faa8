"""RESERVE ELSEWHERE: a sale from a place that another remote counts is told there, step by step.

Such a place is never given a quantity: its remote sells from it as well. So each sale made
elsewhere becomes one Effect there (set aside), and one more when it is shipped or not needed any
more. What was acknowledged is compared with what we hold; the next step closes the gap.

An unknown outcome is settled by the same write once more, as long as the remote knows it for the
same; later by its figures, if they can tell; else a person looks (I4).
"""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import RateLimited, Rejected, Stale, Unauthorized, Unavailable, UnknownOutcome
from core.model.catalog import Sku
from core.model.reasons import Reason
from core.model.reservations import ReservationMove, ReservationStep, Standing, Telling
from core.model.stock import StockLocation
from core.ports import Landed, ReservationTarget
from core.rules.effects import EffectStep
from core.rules.modes import may_write
from core.rules.reservations import next_telling, reservation_key
from jobs.once import CALL, Write, each_effect, park, permitted, refuse, send
from jobs.run import Run
from jobs.store.counted import CountedItems
from jobs.store.effects import EffectRow, Effects, Intent
from jobs.store.held import Held
from jobs.store.permissions import Permissions
from jobs.store.set_aside import KIND, Sale, SetAsides, Told
from jobs.store.store import Tx
from jobs.store.types import json_text
from jobs.wiring import Wiring

FLOW = "reservations"
#: Attempts of one step in one run: every one of them found that the figures had moved.
MOST_ATTEMPTS = 4


def push_reservations(run: Run, connection: str) -> None:
    """Tell a counting remote of every sale elsewhere that it does not know of."""
    flow = _Flow(run, run.wiring.connector(connection, ReservationTarget))
    for place in run.wiring.locations:
        if place.counting_channel and run.wiring.counted_by(place.id) == connection:
            _plan(run, connection, place)
    steps = {EffectStep.SEND: flow.send, EffectStep.ASK: flow.ask}
    each_effect(run, connection, KIND, steps=steps)


def _plan(run: Run, connection: str, place: StockLocation) -> None:
    """An intent for every sale that is not told as it stands; in observe, others tell it."""
    assert place.counting_channel is not None, "only a channel sells from what it counts"
    with run.reading() as tx:
        if not _untold(tx, run.wiring, place):
            return
        permission = may_write(Permissions(tx).scope(place.counting_channel, FLOW), sku=None)
    with run.transaction() as tx:
        asides = SetAsides(tx)
        if not permission.allowed and permission.reason.code == "mode_observe":
            _leave_to_others(tx, run.wiring, place)
            return
        intents = []
        for sale, telling in _untold(tx, run.wiring, place):
            number = asides.add_step(sale, telling)
            skus = sorted(telling.units)
            intents.append(
                Intent(
                    kind=KIND,
                    connection=connection,
                    scope=place.counting_channel,
                    subject=f"order {sale.channel} {sale.order}",
                    order_id=sale.order_id,
                    number=number,
                    key=reservation_key(
                        connection, place.remote_id or place.id, sale.channel, sale.order, number
                    ),
                    request=json_text([place.id, str(telling.step), dict(telling.units)]),
                    sku=skus[0] if len(skus) == 1 else None,
                    proposed=permission.reason.code == "mode_propose",
                )
            )
        Effects(tx).plan(intents)


def _standings(
    tx: Tx, wiring: Wiring, place: StockLocation, order_id: int | None = None
) -> dict[Sale, dict[Sku, Standing]]:
    return SetAsides(tx).standings(
        place.id,
        besides=wiring.channels_of(wiring.counted_by(place.id)),
        since=wiring.config.orders.route_from,
        order_id=order_id,
    )


def _untold(tx: Tx, wiring: Wiring, place: StockLocation) -> list[tuple[Sale, Telling]]:
    standings = _standings(tx, wiring, place)
    barred = SetAsides(tx).barred(place.id, list(standings))
    found = []
    for sale, of_skus in standings.items():
        telling = next_telling(of_skus)
        if telling is None:
            continue
        if sale.order_id in barred and barred[sale.order_id] in (None, telling):
            continue
        found.append((sale, telling))
    return found


def _leave_to_others(tx: Tx, wiring: Wiring, place: StockLocation) -> None:
    """What ships while we observe, the old way of working tells: it is never told by us (I10)."""
    asides = SetAsides(tx)
    for sale, of_skus in _standings(tx, wiring, place).items():
        left = {
            sku: (one.kept, one.shipped)
            for sku, one in of_skus.items()
            if one.shipped > one.told and not one.kept
        }
        if left:
            asides.put(sale.order_id, place.id, left)


@dataclass(frozen=True)
class _Flow:
    run: Run
    target: ReservationTarget

    def send(self, effect: EffectRow) -> None:
        for _ in range(MOST_ATTEMPTS):
            if not permitted(self.run, effect, FLOW) or not self._attempt(effect):
                return
            with self.run.reading() as tx:
                effect = Effects(tx).get(effect.id)

    def _attempt(self, effect: EffectRow) -> bool:
        """One attempt. True: nothing was made, the figures had moved; read them and try again."""
        with self.run.transaction() as tx:
            told = SetAsides(tx).step(effect.of_order, effect.number)
            if self._now(tx, effect, told) != told.telling:
                # What is needed changed before anything went out; it is planned afresh.
                SetAsides(tx).cancel(effect)
                tx.wake(f"{effect.connection}/{FLOW}")
                return False
            move = self._move(tx, effect, told)
        try:
            if move is None:
                raise Rejected(
                    "the place keeps no such item",
                    connector=effect.connection,
                    operation=FLOW,
                    code="not_stocked",
                )
            document = self.target.reservation_document(move)
        except Rejected as error:
            self._refused(effect, error)
            return False
        write = Write(
            FLOW,
            lambda tx, effect: document if self._now(tx, effect, told) == told.telling else None,
            lambda effect, document: self.target.push_reservation(
                document, attempt=_attempt_key(effect, effect.attempts + 1)
            ),
            lambda effect, _, reference: self._landed(effect, reference, found=False),
        )
        try:
            send(self.run, write, effect)
        except Stale:
            self._again(effect)
            return True
        return False

    def ask(self, effect: EffectRow) -> None:
        """Whether it landed: by the same write once more, or by the figures."""
        with self.run.reading() as tx:
            effect = Effects(tx).get(effect.id)
            sent_at = SetAsides(tx).sent_at(effect)
        assert effect.document is not None, "what is in doubt was frozen before it was sent"
        assert sent_at is not None, "what is in doubt was sent"
        if self.run.clock.now() < sent_at + self.target.reservation_replay:
            if permitted(self.run, effect, FLOW):
                self._replay(effect, effect.document)
            return
        landed = self.target.find_reservation(effect.document, sent_at=sent_at)
        if landed is Landed.YES:
            self._landed(effect, effect.key, found=True)
        elif landed is Landed.NO:
            self._again(effect)
        else:
            park(self.run, effect)

    def _replay(self, effect: EffectRow, document: bytes) -> None:
        """The same attempt: made now if it was not, and not made twice if it was."""
        with self.run.transaction() as tx:
            Effects(tx).releasing(effect, settle_until=tx.now + CALL)
        self.run.before_write(effect.scope, FLOW)
        attempt = _attempt_key(effect, effect.attempts)
        try:
            reference = self.target.push_reservation(document, attempt=attempt)
        except Stale:
            self._again(effect)
        except (RateLimited, Unavailable, Unauthorized):
            # Nothing is said of the first one: it stays in doubt.
            raise
        except UnknownOutcome as error:
            self.run.log.info("still in doubt", key=effect.key, problem=str(error))
        except Rejected as error:
            self._refused(effect, error)
        else:
            self._landed(effect, reference, found=True)

    def _now(self, tx: Tx, effect: EffectRow, told: Told) -> Telling | None:
        """What must be told next of this sale, as of now."""
        place = self.run.wiring.location(told.location)
        if place is None:
            return None
        found = _standings(tx, self.run.wiring, place, effect.of_order)
        return next((next_telling(of_skus) for of_skus in found.values()), None)

    def _move(self, tx: Tx, effect: EffectRow, told: Told) -> ReservationMove | None:
        """The step in the remote's words; None where it has no item for a Sku."""
        place = self.run.wiring.location(told.location)
        assert place is not None, "it was looked at a moment ago"
        items: dict[str, int] = {}
        known = CountedItems(tx).of_skus(place.id, told.telling.units)
        for sku, units in told.telling.units.items():
            # A pack counts in packs: single units can only be set aside of a single item.
            singles = [
                one for one in known if one.sku == sku and _is_single(one.units, dict(one.words))
            ]
            if not singles:
                return None
            best = max(singles, key=lambda one: (one.units, one.item))
            items[best.item] = items.get(best.item, 0) + units
        channel, order = effect.subject.removeprefix("order ").split(" ", 1)
        return ReservationMove(
            step=told.telling.step,
            place=place.remote_id or place.id,
            items=items,
            reference=f"lockstep://{channel}/{order.replace(' ', '-')}",
        )

    def _landed(self, effect: EffectRow, reference: str, *, found: bool) -> None:
        with self.run.transaction() as tx:
            Effects(tx).done(effect, remote_ref=reference)
            if found:
                tx.decide(
                    effect.subject, Reason.of("effect_found", key=effect.key, kind=effect.kind)
                )
            record_landed(tx, effect)

    def _again(self, effect: EffectRow) -> None:
        with self.run.transaction() as tx:
            Effects(tx).planned_again(effect)
            tx.wake(f"{effect.connection}/{FLOW}")

    def _refused(self, effect: EffectRow, error: Rejected) -> None:
        with self.run.transaction() as tx:
            refuse(tx, effect, error)


def record_landed(tx: Tx, effect: EffectRow) -> None:
    """The remote has done a step: what it keeps is off its figure from now on."""
    asides = SetAsides(tx)
    told = asides.step(effect.of_order, effect.number)
    asides.acknowledge(effect.of_order, told)
    if told.telling.step is ReservationStep.RESERVE:
        # Not the moment it was sent: a figure of in between may or may not lack the units.
        Held(tx).absorb_units(effect.of_order, told.location, told.telling.units, after=tx.now)
    tx.decide(
        effect.subject,
        Reason.of(
            _word(told.telling.step),
            location=told.location,
            units=", ".join(f"{sku} x{n}" for sku, n in sorted(told.telling.units.items())),
        ),
    )
    tx.wake(f"{effect.connection}/{FLOW}")


def _word(step: ReservationStep) -> str:
    if step is ReservationStep.RESERVE:
        return "units_set_aside"
    return "units_given_back" if step is ReservationStep.RELEASE else "units_taken_off"


def _attempt_key(effect: EffectRow, number: int) -> str:
    return f"{effect.key}#{number}"


def _is_single(units: int, words: dict[str, int]) -> bool:
    return units == max(0, words.get("available", 0))
