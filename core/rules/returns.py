"""Returns: whether they can be ours, and what a buyer is paid back for what came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum

from core.model.catalog import LocationId
from core.model.money import Money
from core.model.reasons import Reason
from core.model.returns import (
    NOT_THE_BUYERS,
    Disposition,
    QuotedLine,
    RefundedLine,
    RefundQuote,
    ReturnReason,
)


class Moment(StrEnum):
    """When something is due for units that come back."""

    APPROVAL = "approval"
    RECEIPT = "receipt"
    INSPECTION = "inspection"


class Bears(StrEnum):
    """Who bears what sending it back costs."""

    BUYER = "buyer"
    SHOP = "shop"
    #: the shop where the buyer did nothing to cause it, else the buyer
    REASON = "reason"


class ShippingBack(StrEnum):
    """When what the buyer paid for shipping is paid back, once everything came back."""

    NEVER = "never"
    #: where the buyer did nothing to cause it
    REASON = "reason"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class ReturnTerms:
    """What holds for one Sku on one channel."""

    #: days after delivery in which it may be asked for; None: for ever
    window_days: int | None
    bears: Bears
    #: of what is kept back for a label of ours, where the buyer bears it
    label_fee: Money
    #: percent of the goods that are kept back where it was the buyer's wish
    restocking_fee: int
    #: percent of goods and tax that is paid back, by what inspection found
    paid_back: Mapping[Disposition, int]
    shipping_back: ShippingBack
    refund_when: Moment
    replace_when: Moment
    #: a refund of more waits for a person
    approve_above: Money
    #: a replacement dearer by no more than this is not charged
    waive: Money
    #: where it is sent to; "": to where it came from
    return_to: LocationId = ""
    #: bad goods are claimed from whoever supplied them
    claims: bool = True


# --- whether it can be ours ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sold:
    """What became of an order line so far."""

    #: units that left us for the buyer
    shipped: int
    #: units in other returns that are not declined or canceled
    coming: int
    #: units paid back, or left out of the order, without any return
    settled: int
    #: when the last parcel with it was delivered, or else shipped; None: not known
    at: datetime | None
    delivered: bool = False

    @property
    def returnable(self) -> int:
        return max(0, self.shipped - self.coming - self.settled)


def doubts(wanted: Mapping[str, int], sold: Mapping[str, Sold]) -> tuple[Reason, ...]:
    """Why these units (line -> units) cannot come back to us; empty: they can.

    A line that is not in `sold` was never part of the order.
    """
    found = []
    for line, units in sorted(wanted.items()):
        known = sold.get(line)
        if known is None or known.shipped == 0:
            found.append(Reason.of("return_never_sold", line=line, units=units))
        elif units > known.returnable:
            found.append(
                Reason.of(
                    "return_too_many",
                    line=line, units=units, shipped=known.shipped,
                    returned=known.coming + known.settled,
                )
            )  # fmt: skip
    return tuple(found)


#: What is not known to be delivered is counted from its shipment, and so much later.
_ON_ITS_WAY = timedelta(days=7)


def late_by(sold: Sold, terms: ReturnTerms, *, asked: datetime, zone: tzinfo) -> int:
    """Days after the last day of its window, as the shop's calendar (`zone`) counts them; 0: in time.

    The day of the delivery is none of them, and the last one lasts until midnight.
    """
    if terms.window_days is None or sold.at is None:
        return 0
    start = sold.at if sold.delivered else sold.at + _ON_ITS_WAY
    passed = (asked.astimezone(zone).date() - start.astimezone(zone).date()).days
    return max(0, passed - terms.window_days)


# --- what is paid back ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Back:
    """Units of an order line for which money is due now."""

    line: str
    units: int
    reason: ReturnReason
    #: None: nobody looked at it yet, or need not
    found: Disposition | None
    terms: ReturnTerms


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a buyer is to be paid back, in the shop's currency, and why it is not more."""

    #: one for each piece that was asked about, in its order
    lines: tuple[RefundedLine, ...]
    shipping: Money
    total: Money
    #: what was kept back, and why
    kept: tuple[Reason, ...] = ()
    #: why a person has to see it first
    ask: tuple[Reason, ...] = field(default=())


def propose(
    back: Sequence[Back], quote: RefundQuote, *, everything: bool, labels: int = 0
) -> Proposal:
    """What is due for these units.

    `quote` is what the channel would pay back for the same units; `everything` says that nothing
    of the order stays with the buyer; `labels` counts labels of ours that were used.
    """
    if not back:
        raise ValueError("nothing came back: nothing is due")
    quoted = {one.line: one for one in quote.lines}
    nothing = Money(0, quote.most.currency)
    kept: list[Reason] = []
    due: dict[int, Money] = {}
    for line in dict.fromkeys(one.line for one in back):
        places = [place for place, one in enumerate(back) if one.line == line]
        shares = _shares([back[place] for place in places], quoted[line])
        for place, (piece, goods, tax) in zip(places, shares, strict=True):
            due[place], why = _due(piece, goods, tax)
            kept.extend(why)
    lines = [RefundedLine(one.line, one.units, due[place]) for place, one in enumerate(back)]
    shipping = quote.shipping if everything and all(_ships_back(one) for one in back) else nothing
    fee = _label_fee(back, labels, nothing)
    lines, taken = _less(lines, fee)
    if taken.amount:
        kept.append(Reason.of("refund_label", amount=str(taken)))
    total = sum((one.amount for one in lines), shipping)
    ask: list[Reason] = []
    if total > quote.most:
        ask.append(Reason.of("refund_capped", due=str(total), most=str(quote.most)))
        lines, shipping = reduced(lines, shipping, to=quote.most)
        total = sum((one.amount for one in lines), shipping)
    most = min(one.terms.approve_above for one in back)
    if total > most:
        ask.append(Reason.of("refund_large", amount=str(total), limit=str(most)))
    return Proposal(tuple(lines), shipping, total, _once(kept), tuple(ask))


def _once(reasons: Sequence[Reason]) -> tuple[Reason, ...]:
    found: list[Reason] = []
    for one in reasons:
        if one not in found:
            found.append(one)
    return tuple(found)


def _shares(pieces: Sequence[Back], quoted: QuotedLine) -> list[tuple[Back, Money, Money]]:
    """What each piece has of a line's goods and tax; together exactly all of it."""
    units = sum(one.units for one in pieces)
    if units != quoted.quantity:
        raise ValueError(f"{quoted.quantity} units of line {quoted.line} are quoted, not {units}")
    made, before = [], 0
    for one in pieces:
        until = before + one.units
        goods, tax = (
            Money(amount.amount * until // units - amount.amount * before // units, amount.currency)
            for amount in (quoted.goods, quoted.tax)
        )
        made.append((one, goods, tax))
        before = until
    return made


def _due(one: Back, goods: Money, tax: Money) -> tuple[Money, list[Reason]]:
    """What is due of the goods and tax of one piece, and why it is not all."""
    why = []
    percent = 100 if one.found is None else one.terms.paid_back.get(one.found, 100)
    if percent < 100:
        why.append(Reason.of("refund_condition", found=str(one.found), percent=percent))
    fee = 0 if one.reason in NOT_THE_BUYERS else one.terms.restocking_fee
    if fee and percent:
        why.append(Reason.of("refund_restocking", percent=fee))
    # The tax goes with the goods it was paid on.
    share = percent * (100 - fee)
    return sum((_part(amount, share) for amount in (goods, tax)), Money(0, goods.currency)), why


def _part(amount: Money, of_ten_thousand: int) -> Money:
    """Half a cent goes to the buyer."""
    return Money((amount.amount * of_ten_thousand + 5_000) // 10_000, amount.currency)


def _ships_back(one: Back) -> bool:
    match one.terms.shipping_back:
        case ShippingBack.ALWAYS:
            return True
        case ShippingBack.REASON:
            return one.reason in NOT_THE_BUYERS
        case _:
            return False


def buyer_bears(reason: ReturnReason, terms: ReturnTerms) -> bool:
    """Whether the buyer bears what sending it back costs."""
    if terms.bears is Bears.REASON:
        return reason not in NOT_THE_BUYERS
    return terms.bears is Bears.BUYER


def _label_fee(back: Sequence[Back], labels: int, nothing: Money) -> Money:
    """Charged once for each label, and only where the buyer bears it for everything in the parcel."""
    if not labels or not all(buyer_bears(one.reason, one.terms) for one in back):
        return nothing
    return max(one.terms.label_fee for one in back) * labels


def _less(lines: Sequence[RefundedLine], amount: Money) -> tuple[list[RefundedLine], Money]:
    """The lines with so much taken off, from the last to the first, and what could be taken."""
    left = amount
    made = []
    for one in reversed(lines):
        part = min(left, one.amount)
        left = _minus(left, part)
        made.append(RefundedLine(one.line, one.quantity, _minus(one.amount, part)))
    return made[::-1], _minus(amount, left)


def reduced(
    lines: Sequence[RefundedLine], shipping: Money, *, to: Money
) -> tuple[list[RefundedLine], Money]:
    """Lines and shipping that come to no more than `to`: shipping is left out first."""
    over = sum((one.amount for one in lines), shipping).amount - to.amount
    of_shipping = min(max(0, over), shipping.amount)
    made, _ = _less(lines, Money(max(0, over) - of_shipping, to.currency))
    return made, Money(shipping.amount - of_shipping, to.currency)


def _minus(one: Money, other: Money) -> Money:
    return one + other * -1
