"""Units on their way back, and money on its way back: what channels state, and what we decide."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.model.catalog import ChannelId
from core.model.money import Money


class ReturnReason(StrEnum):
    """Why a buyer sends it back. Each channel has words of its own; the raw word is kept beside."""

    DEFECTIVE = "defective"
    #: it was broken when it came
    DAMAGED = "damaged"
    NOT_AS_DESCRIBED = "not_as_described"
    WRONG_ITEM = "wrong_item"
    MISSING_PARTS = "missing_parts"
    LATE = "late"
    #: size, color or style does not suit
    FIT = "fit"
    UNWANTED = "unwanted"
    #: refused, or nobody could be found at the address
    UNDELIVERED = "undelivered"
    OTHER = "other"
    UNKNOWN = "unknown"


#: The goods themselves were bad: whoever supplied them answers for it.
QUALITY = frozenset(
    {
        ReturnReason.DEFECTIVE,
        ReturnReason.NOT_AS_DESCRIBED,
        ReturnReason.MISSING_PARTS,
    }
)
#: Nothing the buyer did.
NOT_THE_BUYERS = QUALITY | {ReturnReason.DAMAGED, ReturnReason.WRONG_ITEM, ReturnReason.LATE}


class ReturnStatus(StrEnum):
    """Where a return stands, as its channel states it."""

    REQUESTED = "requested"
    #: approved: the units may come
    OPEN = "open"
    CLOSED = "closed"
    DECLINED = "declined"
    CANCELED = "canceled"
    UNKNOWN = "unknown"


class ReturnStep(StrEnum):
    """What we have done with a return at its channel."""

    APPROVE = "approve"
    DECLINE = "decline"
    CLOSE = "close"
    CANCEL = "cancel"
    #: units of a return we closed came after all, and are paid for
    REOPEN = "reopen"


#: Statuses that say that a step was done, or needs not be any more, by whomever.
REACHED = {
    ReturnStep.APPROVE: frozenset({ReturnStatus.OPEN, ReturnStatus.CLOSED}),
    ReturnStep.DECLINE: frozenset({ReturnStatus.DECLINED, ReturnStatus.CANCELED}),
    ReturnStep.CLOSE: frozenset({ReturnStatus.CLOSED, ReturnStatus.CANCELED}),
    ReturnStep.CANCEL: frozenset({ReturnStatus.CANCELED, ReturnStatus.DECLINED}),
    ReturnStep.REOPEN: frozenset({ReturnStatus.OPEN}),
}


class ReturnState(StrEnum):
    """How far we are with a return. Decided by us, beside what the channel states."""

    #: a person (or the channel) has not approved it yet
    REQUESTED = "requested"
    #: approved, on its way
    EXPECTED = "expected"
    #: some of it is here
    RECEIVED = "received"
    #: all that came was looked at
    INSPECTED = "inspected"
    #: nothing more is to be done
    CLOSED = "closed"
    DECLINED = "declined"
    CANCELED = "canceled"
    #: it cannot be ours: a Case says why; nothing moves and nothing is paid back for it
    DISPUTED = "disputed"


class Disposition(StrEnum):
    """What becomes of a returned unit after somebody looked at it."""

    RESTOCK = "restock"
    DAMAGED = "damaged"
    #: it goes back to who supplied it
    TO_SUPPLIER = "to_supplier"
    DESTROY = "destroy"


class Resolution(StrEnum):
    """What the buyer gets for returned units: one of these, never two."""

    REFUND = "refund"
    REPLACEMENT = "replacement"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class ReturnedLine:
    """Units of one order line that come back, as the channel states it."""

    #: the channel's own id of this row of the return
    remote_id: str
    #: the order line's remote id; "": the channel names the goods alone
    line: str
    remote_sku: str
    #: units of the order line (not of components)
    quantity: int
    reason: ReturnReason
    #: the channel's word for it
    raw_reason: str = ""
    #: units that came back, where the channel itself receives them (FBA)
    received: int = 0
    #: what it did with them, where it says so in a word that is known
    disposition: Disposition | None = None


@dataclass(frozen=True, slots=True)
class ExchangedLine:
    """What the buyer gets instead, as the channel states it."""

    remote_id: str
    remote_sku: str
    listing_remote_id: str
    #: units as sold there
    quantity: int
    unit_price: Money | None
    #: order lines that the channel made of it; empty: none yet
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReturnClaim:
    """Money the shop asks its channel for because of a return (Amazon's SAFE-T)."""

    remote_id: str
    #: the channel's own word for where it stands
    state: str
    #: the channel said no
    denied: bool
    #: what the shop got; None: nothing yet
    reimbursed: Money | None


@dataclass(frozen=True, slots=True)
class Return:
    """Units on their way back, as the channel states it. Keyed (channel, remote_id)."""

    channel: ChannelId
    remote_id: str
    #: what people call it: "#1001-R1", an RMA number
    name: str
    #: the order's remote id
    order: str
    status: ReturnStatus
    created_at: datetime
    lines: tuple[ReturnedLine, ...]
    exchanged: tuple[ExchangedLine, ...] = ()
    #: whoever fulfilled it takes it back too (FBA): we neither receive nor inspect it
    handled_there: bool = False
    carrier: str = ""
    tracking_number: str = ""
    #: the channel's own name of the label: an id, never a link that opens without a key
    label: str = ""
    #: what the shop pays for the label; None: nothing, or it is not told
    label_cost: Money | None = None
    claims: tuple[ReturnClaim, ...] = ()


@dataclass(frozen=True, slots=True)
class RefundedLine:
    #: the order line's remote id
    line: str
    #: units paid back; 0: money alone
    quantity: int
    #: goods and tax of all these units, as paid back
    amount: Money
    #: the units never left: nothing of them comes back, so that they settle no return
    canceled: bool = False


@dataclass(frozen=True, slots=True)
class Refund:
    """Money a channel paid back, as it states it. Keyed (channel, remote_id)."""

    channel: ChannelId
    remote_id: str
    order: str
    made_at: datetime
    #: in the shop's currency, shipping included
    total: Money
    lines: tuple[RefundedLine, ...]
    #: the key of ours that it was made under; "": it was made elsewhere
    key: str = ""
    #: the return it settles, where the channel says so
    return_remote_id: str = ""
    #: the bank took it back: nobody at the shop decided it
    chargeback: bool = False


@dataclass(frozen=True, slots=True)
class ReturnMove:
    """A step of one return that its channel is to make."""

    #: the return's remote id
    remote_id: str
    step: ReturnStep
    #: of a decline: one of the channel's own words for why
    reason: str = ""
    #: of a decline: what the buyer is told, where the channel tells them
    note: str = ""


class RefundState(StrEnum):
    #: what the channel would pay back is not asked yet
    WANTED = "wanted"
    #: a person has to approve it
    PROPOSED = "proposed"
    #: decided: it is, or will be, told to the channel once
    APPROVED = "approved"
    #: the channel paid it
    MADE = "made"
    #: the channel said no
    REFUSED = "refused"
    #: a person said no: its units are settled by that
    DECLINED = "declined"
    #: its units are settled otherwise
    WITHDRAWN = "withdrawn"


#: Refunds that were paid, or may be.
LIVE_REFUNDS = (
    RefundState.WANTED,
    RefundState.PROPOSED,
    RefundState.APPROVED,
    RefundState.MADE,
)


@dataclass(frozen=True, slots=True)
class QuotedLine:
    """What the channel would pay back for units of one order line."""

    line: str
    quantity: int
    #: what was paid for them, discounts taken off, tax not counted
    goods: Money
    tax: Money


@dataclass(frozen=True, slots=True)
class RefundQuote:
    """What a channel would pay back now for these units, in the shop's currency."""

    lines: tuple[QuotedLine, ...]
    #: what is left to pay back of shipping, tax on it included
    shipping: Money
    #: all that can be paid back on the order now
    most: Money


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """What we want paid back, to the cent. The same key is the same refund."""

    order: str
    #: with the amounts we want: goods and tax less what we keep back
    lines: tuple[RefundedLine, ...]
    #: of shipping; nothing: zero
    shipping: Money
    total: Money
    #: the return it settles; "": none that the channel knows
    return_remote_id: str = ""
    note: str = ""
    #: the units were never shipped and leave the order: a cancellation of lines, not a return
    cancels: bool = False
