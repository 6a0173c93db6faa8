"""What a connector may be able to do, and what it may ask of the inside.

A connector subclasses the capabilities its remote really has, and no others; a missing method
cannot be instantiated. Pulls may be repeated safely; pushes carry a key. Every method raises the
errors of core/errors.py and nothing else.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Generic, Protocol, TypeVar, runtime_checkable

from core.model.carriage import RateAnswer, RateQuestion
from core.model.catalog import Listing, OfferChange, OfferKey, OfferReading, OfferResult
from core.model.fulfillment import (
    Acknowledgment,
    CallOff,
    CallOffAnswer,
    RequestBounce,
    RequestLetter,
    RequestReminder,
    Shipment,
    ShipmentNotice,
    ShipRequest,
    TrackingEvent,
    Untold,
)
from core.model.inbound import InboundReport
from core.model.invoices import Invoice
from core.model.orders import Cancellation, Order
from core.model.purchasing import (
    PurchaseAnswer,
    PurchaseBounce,
    PurchaseLetter,
    PurchaseOrder,
    PurchaseReminder,
    PurchaseVerdict,
)
from core.model.receipts import OwedReceipt, Receipt
from core.model.reservations import ReservationMove
from core.model.returns import (
    Refund,
    RefundQuote,
    RefundRequest,
    Return,
    ReturnMove,
    ReturnStatus,
)
from core.model.stock import StockSnapshot

#: Where a walk stands: opaque JSON text the connector made. None: from the beginning.
Cursor = str
#: The fixed name of one Effect, made of remote ids.
Key = str
#: The remote's own id of what a push made there.
RemoteRef = str

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that could not be read: kept raw, told as a Case; the others go through."""

    #: what kind of record: "order", "listing", "shipment line"
    kind: str
    #: its remote id, or the best name it has ("shipments-0412.csv line 7")
    remote_id: str
    #: why, in words for an operator, without personal data
    problem: str
    raw: str


@dataclass(frozen=True, slots=True)
class Batch(Generic[T_co]):
    """One page. Items, rejects and `cursor` are saved in one transaction."""

    items: tuple[T_co, ...]
    cursor: Cursor
    rejects: tuple[Reject, ...] = ()
    #: the raw record of each item, by remote id: JSON text for the payload table
    raw: tuple[tuple[str, str], ...] = ()
    #: not None on the page that completes a walk: all changes up to here have been shown
    complete_to: datetime | None = None
    #: (kind, remote id) of rejects of earlier pages that are in order now, where no item says so
    mended: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Right:
    """A scope or role: granted or not, and what stops without it."""

    name: str
    granted: bool
    #: for a person: "orders cannot be read"
    without_it: str


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What `lockstep check` shows of a remote. No write was made."""

    #: shop or account name, host and folder
    name: str
    #: marketplace, plan, API version: (label, value)
    facts: tuple[tuple[str, str], ...] = ()
    rights: tuple[Right, ...] = ()
    #: things that are wrong though we got in
    problems: tuple[str, ...] = ()
    secret_expires_at: datetime | None = None


class Connector(ABC):
    """One configured connection to a remote. Makes no call until a method is used."""

    #: the connection's name in the configuration: "shopify-us"
    name: str

    @abstractmethod
    def check(self) -> CheckReport:
        """Look at name, rights and expiry; write nothing."""

    def close(self) -> None:  # noqa: B027 - optional: most connectors hold nothing open
        """Give back sockets. Safe to call twice."""


class OrderSource(Connector):
    """A remote whose orders we record. Pulls may be repeated safely."""

    @abstractmethod
    def pull_orders(self, *, since: Cursor | None) -> Iterator[Batch[Order]]:
        """Walk the orders changed since the cursor, oldest change first where the remote can.

        The walk may be left after any page and taken up again from that page's cursor; a place in
        it that expired restarts the walk from its own watermark. The last page has `complete_to`.
        """

    @abstractmethod
    def get_order(self, remote_id: str) -> Batch[Order]:
        """Read one order now (0 or 1 items, or a reject)."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An order as a remote lists it: enough to see that it is not recorded."""

    remote_id: str
    placed_at: datetime


class OrderCensus(Connector):
    """A remote that lists the orders placed in a time by another way than the one they are pulled by."""

    @abstractmethod
    def list_orders(self, *, since: Cursor | None, first: datetime) -> Iterator[Batch[Listed]]:
        """Every order placed from `first` on, of whatever state.

        A list that takes time to make ends with an empty batch whose cursor waits for it. The last
        batch has `complete_to`: what was placed up to then is listed.
        """


class OrderCount(Connector):
    """A remote that says how many orders it has, beside listing them."""

    @abstractmethod
    def count_orders(self, *, first: datetime, until: datetime) -> int | None:
        """The orders placed from `first` on and before `until`; None: it does not know exactly."""


class HintSource(Connector):
    """A remote that calls when something changed at its end. What it says only hurries a pull."""

    @property
    @abstractmethod
    def topics(self) -> tuple[str, ...]:
        """What to subscribe to at the remote, in its words."""

    @abstractmethod
    def hinted(self, headers: Mapping[str, str], body: bytes) -> frozenset[str]:
        """The flows that have work now ("orders", "stock"); none for what nobody follows.

        `headers`: their names in small letters. Raises Unauthorized where the remote did not send it.
        """

    def requests_named(self, body: bytes) -> frozenset[str]:
        """Which requests of ours a call is about, by our keys or their ids; none: it names none.

        They are asked about at once. Asked only after `hinted` let the call in.
        """
        return frozenset()


@dataclass(frozen=True, slots=True)
class Hint:
    """One message of a queue."""

    #: by which it is forgotten
    receipt: str
    #: the remote id of the order that changed; "": it is about something else, or cannot be read
    order: str


class HintQueue(Connector):
    """A remote that leaves hints in a queue of ours. What they say only hurries a pull."""

    @property
    @abstractmethod
    def has_queue(self) -> bool:
        """Whether a queue is configured: only then may the rest be asked for."""

    @abstractmethod
    def read_hints(self) -> Sequence[Hint]:
        """What lies there now. It may come twice, late and in any order; unread it comes again."""

    @abstractmethod
    def forget_hints(self, hints: Sequence[Hint]) -> None:
        """They do not come again (as a rule): what they led to is committed."""


class ListingSource(Connector):
    """A remote whose listings we record."""

    @abstractmethod
    def pull_listings(self, *, since: Cursor | None) -> Iterator[Batch[Listing]]:
        """Walk all listings, or those changed since the cursor."""


class OfferTarget(Connector):
    """A remote that shows quantities and lets us set them, as `available`."""

    @abstractmethod
    def read_offers(self, changes: Sequence[OfferChange]) -> Sequence[OfferReading]:
        """What is shown for these offers now (their quantity is ignored)."""

    @abstractmethod
    def push_offers(self, changes: Sequence[OfferChange], *, attempt: str) -> Sequence[OfferResult]:
        """Write quantities; one result per change, in any order.

        `attempt` is fresh for every attempt (idempotency keys replay for 24 h: one made from Sku
        and quantity swallows the second 5 of 5 -> 7 -> 5). Raises only what holds for the whole
        connection (Unauthorized, RateLimited, Unavailable); all else is a result.
        """

    @property
    @abstractmethod
    def compare_and_set(self) -> bool:
        """True where a write names what it expects to replace (Shopify)."""

    @property
    @abstractmethod
    def order_lag(self) -> float:
        """Seconds until an order that lowered a shown quantity can be seen by `pull_orders`."""

    @property
    def longest_handling(self) -> int:
        """The most days from order to shipment an offer can state; 0: offers here state none."""
        return 0

    @abstractmethod
    def remote_locations(self) -> Sequence[tuple[str, str]]:
        """(remote id, name) of the places the channel keeps numbers for; empty: one number each."""


class ShelfSource(Connector):
    """A remote whose shown quantities can be read again and again (see OfferTarget.read_offers)."""

    @property
    @abstractmethod
    def offers_per_second(self) -> float:
        """How many offers `read_offers` may read a second, were nothing else asked of the remote."""


class ShelfReport(Connector):
    """A remote that tells all its shown quantities at once, in a report it takes time to make."""

    @abstractmethod
    def pull_shown(self, *, since: Cursor | None) -> Iterator[Batch[OfferReading]]:
        """Walk what all offers showed at one instant, the readings' `read_at`.

        A run that finds the report not ready ends with an empty batch whose cursor waits for it.
        """


class BulkStage(StrEnum):
    """Where a bulk submission is at the remote."""

    #: not begun; may be canceled
    QUEUED = "queued"
    RUNNING = "running"
    #: over, and every change has a result
    ENDED = "ended"
    #: over without a word about the changes: some may have come true
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class BulkProgress:
    stage: BulkStage
    #: the remote's own words, and why it failed
    words: str = ""


class BulkOfferTarget(OfferTarget):
    """A remote that takes many quantities as one file and applies them later.

    Three steps with a commit between each, so that a crash can tell them apart: `stage_bulk` may be
    repeated freely (nothing is applied); `submit_bulk` starts it, and an unknown outcome is asked
    about with `find_bulk` before it is repeated; results are read once it is over.
    """

    @property
    @abstractmethod
    def bulk_most(self) -> int:
        """The most changes one file may hold."""

    @abstractmethod
    def stage_bulk(self, changes: Sequence[OfferChange], *, key: Key) -> str:
        """Upload the changes; the name they have there. Nothing is applied."""

    @abstractmethod
    def submit_bulk(self, staged: str, *, key: Key) -> RemoteRef:
        """Start what was staged. Raises UnknownOutcome when it may have begun, Rejected."""

    @abstractmethod
    def find_bulk(
        self, *, key: Key, since: datetime, known: Collection[RemoteRef]
    ) -> RemoteRef | None:
        """What `submit_bulk` began under this key after `since`; None: it never landed.

        `known` are begun under other keys. Where the remote keeps no key, everything else that
        began since then is taken for ours: it is waited for, and then read back.
        """

    @abstractmethod
    def look_at_bulk(self, ref: RemoteRef) -> BulkProgress:
        """Where it is now."""

    @abstractmethod
    def cancel_bulk(self, ref: RemoteRef) -> None:
        """Ask the remote to drop one that is QUEUED. Raises Rejected when it is too late."""

    @abstractmethod
    def bulk_results(self, ref: RemoteRef, changes: Sequence[OfferChange]) -> Sequence[OfferResult]:
        """One result per change of one that ENDED, in the order they were staged in."""


class ShipmentTarget(Connector):
    """A remote that is told about parcels. The same `key` is the same push."""

    @abstractmethod
    def push_shipment(self, shipment: Shipment, *, key: Key) -> RemoteRef:
        """Confirm one parcel. Raises UnknownOutcome when it may have landed."""

    @abstractmethod
    def find_shipment(self, shipment: Shipment, *, key: Key) -> RemoteRef | None:
        """Whether the remote has this parcel already; asked before a repeat."""

    @property
    @abstractmethod
    def shipment_repeat_is_edit(self) -> bool:
        """True where pushing the same parcel twice edits it (Amazon): a repeat needs no search."""


class StockSource(Connector):
    """A remote that counts a location for us, or several."""

    @abstractmethod
    def pull_stock(
        self, *, since: Cursor | None, places: Sequence[str] = ()
    ) -> Iterator[Batch[StockSnapshot]]:
        """Snapshots newer than the cursor, oldest first; each names its location.

        `places` are the remote's own ids of the locations it counts for us, where it has several;
        their snapshots name them by these. One that is not `complete` says nothing of what it does
        not name; a complete one comes regularly.
        """


class InboundSource(Connector):
    """A remote that receives goods for us in its warehouses. Pulls may be repeated safely."""

    @abstractmethod
    def pull_inbound(self, *, since: Cursor | None) -> Iterator[Batch[InboundReport]]:
        """Every shipment that is open, and those that ended or changed since the cursor.

        The walk may be left after any page; the last page has `complete_to`.
        """


class Landed(StrEnum):
    """Whether a write was made, as far as the remote's figures tell."""

    YES = "yes"
    NO = "no"
    #: they could be what they are either way
    UNTOLD = "untold"


class ReservationTarget(Connector):
    """A remote that counts a place and sets units aside there for sales made elsewhere.

    A write is frozen in a document before it is made: what it asks for, and the figures it expects
    to replace. The same document with the same `attempt` is one write for `reservation_replay`.
    """

    @abstractmethod
    def reservation_document(self, move: ReservationMove) -> bytes:
        """The write to be made, with the figures as they are now. Reads; Rejected (not_stocked)."""

    @abstractmethod
    def push_reservation(self, document: bytes, *, attempt: str) -> RemoteRef:
        """Make it, all or nothing. Stale: proved not to be made, ask for a new document."""

    @abstractmethod
    def find_reservation(self, document: bytes, *, sent_at: datetime) -> Landed:
        """Whether it was made, from the figures alone: asked when the replay is over."""

    @property
    @abstractmethod
    def reservation_replay(self) -> timedelta:
        """How long after it was first sent a repeat is the same write."""


class Handover(StrEnum):
    """Where a staged request is, seen from outside."""

    #: nothing of it is there
    ABSENT = "absent"
    #: uploaded under its staging name, whole
    STAGED = "staged"
    #: uploaded under its staging name, not (yet) whole or other bytes
    PARTIAL = "partial"
    #: under its final name
    DELIVERED = "delivered"
    #: both names, or other bytes under the final name: a person must look
    DOUBT = "doubt"


class RequestTarget(Connector):
    """A place that ships for us and takes requests as files: staged, then handed over by a rename.

    Three steps with a commit between each, so that a crash can tell them apart: `stage` may be
    repeated freely (nobody picks up a staging name); `staged` is committed; `release` renames
    without overwriting; afterwards "gone" can only mean "handed over".
    """

    @abstractmethod
    def request_document(self, request: ShipRequest, *, serial: int) -> bytes:
        """The request as this place reads it. Pure: the same request and serial, the same bytes.

        `serial` counts the documents of this connection, from 1, for formats that number them.
        """

    @abstractmethod
    def stage_request(self, key: Key, document: bytes) -> None:
        """Upload under the staging name, replacing what an earlier attempt left there."""

    @abstractmethod
    def release_request(self, key: Key) -> RemoteRef:
        """Rename to the final name, never over an existing one (Rejected, code "exists")."""

    @abstractmethod
    def find_request(self, key: Key, document: bytes) -> Handover:
        """Where the request is now."""


@dataclass(frozen=True, slots=True)
class AskedFor:
    """A request as a RequestService is asked about it."""

    key: str
    short_key: str
    #: their own id, as they told it when it was submitted; "": none was told
    reference: str = ""


@dataclass(frozen=True, slots=True)
class RequestStatus:
    """What became of a request so far. `acknowledgment` None: they have not answered yet."""

    acknowledgment: Acknowledgment | None
    #: every parcel, those told before too
    notices: tuple[ShipmentNotice, ...] = ()
    raw: str = field(default="", repr=False)


class RequestService(Connector):
    """A place that ships for us and takes requests by a call, each under our key."""

    @abstractmethod
    def request_document(self, request: ShipRequest, *, serial: int) -> bytes:
        """The request as this place reads it. Pure. Rejected (unwritable)."""

    @abstractmethod
    def submit_request(self, key: Key, document: bytes) -> RemoteRef:
        """Make the call. Their own id for it, or "". Rejected: they will not have it."""

    @property
    @abstractmethod
    def request_settle(self) -> timedelta:
        """How long after a call it may still be missing from what is found."""

    @property
    @abstractmethod
    def request_repeat_is_same(self) -> bool:
        """The same request twice under one key is one, however long after."""

    @property
    @abstractmethod
    def can_find_requests(self) -> bool:
        """Whether `find_submitted` can be asked."""

    @abstractmethod
    def find_submitted(self, asked: AskedFor) -> RemoteRef | None:
        """Their id of the request with this key (or our key where they have none); None: not there."""

    @property
    @abstractmethod
    def can_cancel_requests(self) -> bool:
        """Whether `cancel_request` can be asked."""

    @abstractmethod
    def cancel_request(self, asked: AskedFor) -> bool:
        """Tell it not to ship. True: it confirmed that it will not; False: it is too late.

        UnknownOutcome: it said neither (yet), and is told again with the next run.
        May be repeated freely: what is canceled stays canceled.
        """

    @property
    @abstractmethod
    def ask_every(self) -> timedelta | None:
        """How often to ask about one request; None: it cannot be asked about."""

    @abstractmethod
    def request_status(self, asked: AskedFor) -> RequestStatus:
        """What became of it. Rejected, code "unknown": they know none of this name."""


@dataclass(frozen=True, slots=True)
class AnswerPages:
    """Pages of ours where a place's people answer a request; "": there is none."""

    #: whether it will ship
    answer: str = ""
    #: under which number it has shipped
    parcel: str = ""


class MailedRequestTarget(Connector):
    """A place that ships for us and takes requests by mail: nobody can be asked whether one came.

    One whose outcome is unknown is never mailed again: a person decides, or the place's answer proves
    that it came.
    """

    @abstractmethod
    def request_document(self, request: ShipRequest, *, serial: int) -> bytes:
        """The request as this place reads it. Pure: the same request and serial, the same bytes.

        Raises Rejected (unwritable).
        """

    @abstractmethod
    def mail_request(self, key: Key, document: bytes, *, pages: AnswerPages) -> RemoteRef:
        """Mail it. Its reference is the same for every copy."""

    @property
    @abstractmethod
    def answer_page_for(self) -> timedelta | None:
        """How long they may answer on a page of ours; None: they do not."""

    @abstractmethod
    def mail_reminder(self, reminder: RequestReminder, *, pages: AnswerPages) -> RemoteRef:
        """Remind once, in the request's thread. Its reference is the same for every copy."""

    @abstractmethod
    def mail_call_off(self, call_off: CallOff, *, answer_at: str) -> RemoteRef:
        """Tell it not to ship, in the request's thread. What it says comes as a CallOffAnswer.

        Told twice it is one: it has the same reference, and stops nothing more.
        """


class FulfillmentSource(Connector):
    """Answers from a place that ships for us."""

    @abstractmethod
    def pull_acknowledgments(
        self, *, since: Cursor | None
    ) -> Iterator[Batch[Acknowledgment | CallOffAnswer | RequestLetter | RequestBounce]]:
        """Acknowledgments newer than the cursor; of one who is written to, also what else it writes."""

    @abstractmethod
    def pull_shipments(self, *, since: Cursor | None) -> Iterator[Batch[ShipmentNotice]]:
        """Shipment notices newer than the cursor."""


class CancellationTarget(Connector):
    """A channel that lets us cancel an order of its buyer's.

    One that is a SubmissionTarget too takes cancellations as submissions of the kind "cancellation".
    """

    @property
    @abstractmethod
    def cancels_lines(self) -> bool:
        """Whether single lines can be canceled; else only all of an order."""

    @property
    @abstractmethod
    def cancels_units(self) -> bool:
        """Whether some units of a line can be canceled; else only all of them."""

    @abstractmethod
    def push_cancellation(self, cancellation: Cancellation, *, key: Key) -> RemoteRef:
        """Cancel an order, or lines or units of it, and pay the buyer back.

        Canceled before is canceled: of a part of a line nothing ends where no more than `staying`
        are left. Rejected: the channel will not (it was fulfilled, ...).
        """

    @abstractmethod
    def find_cancellation(self, cancellation: Cancellation, *, key: Key) -> bool:
        """Whether all that it names is canceled there, by whomever, or what has this key was made."""


class Verdict(StrEnum):
    """What became of one message of a submission."""

    #: not over, or not begun
    WAITING = "waiting"
    #: carried out without an error
    TAKEN = "taken"
    REFUSED = "refused"
    #: dropped before it was begun: nothing of it came true
    DROPPED = "dropped"
    #: over without a word about it: it may have come true
    UNTOLD = "untold"


@dataclass(frozen=True, slots=True)
class Told:
    verdict: Verdict
    #: the remote's own words and code
    words: str = ""
    code: str = ""


class SubmissionTarget(Connector):
    """A remote that takes some writes as submissions, and says later what became of each message.

    A push of such a write answers with the submission's reference, and nothing came true with it.
    The message carries a name made of the key of its Effect.
    """

    @property
    @abstractmethod
    def submission_settle(self) -> timedelta:
        """How long after a call whose answer was lost its submission may be hidden, or not over."""

    @property
    @abstractmethod
    def look_every(self) -> timedelta:
        """How often to look at one that is not over."""

    @abstractmethod
    def look_at_submission(self, ref: RemoteRef, *, key: Key) -> Told:
        """What became of the message of this key."""

    @abstractmethod
    def find_submissions(
        self, kind: str, *, since: datetime, known: Collection[RemoteRef]
    ) -> Sequence[RemoteRef]:
        """Submissions of a kind of Effect ("cancellation") begun since then, but for the `known`.

        One whose answer was lost is among them. A remote that does not tell what each was made of
        names those of others too.
        """


class ReturnSource(Connector):
    """A remote that tells what comes back and what was paid back. Pulls may be repeated safely."""

    @abstractmethod
    def pull_returns(self, *, since: Cursor | None) -> Iterator[Batch[Return | Refund]]:
        """Everything new or changed since the cursor; a return is told whole each time."""


class ReturnTarget(Connector):
    """A channel whose returns are approved, declined, closed and canceled from here.

    Each step is possible in one status only, so that a step made twice is made once.
    """

    @property
    @abstractmethod
    def decline_reasons(self) -> Sequence[str]:
        """Its own words for why a return is declined; a decline names one of them."""

    @abstractmethod
    def push_return_step(self, move: ReturnMove, *, key: Key) -> RemoteRef:
        """Make the step. One that is made (core.model.returns.REACHED) is made, by whomever.

        Raises Rejected where the return stands so that the step cannot be made.
        """

    @abstractmethod
    def find_return_status(self, remote_id: str) -> ReturnStatus:
        """How the return stands there now. Raises Rejected where there is none."""


class RefundTarget(Connector):
    """A remote that pays buyers back. The same key is the same refund."""

    @abstractmethod
    def quote_refund(
        self, order: str, units: Mapping[str, int], *, return_remote_id: str
    ) -> RefundQuote:
        """What it would pay back for units of these lines now. Changes nothing.

        Raises Rejected where these units cannot be paid back (any more).
        """

    @abstractmethod
    def push_refund(self, refund: RefundRequest, *, key: Key) -> RemoteRef:
        """Have it paid. Raises UnknownOutcome unless the money is known to have moved or not."""

    @abstractmethod
    def find_refund(self, refund: RefundRequest, *, key: Key) -> RemoteRef | None:
        """The refund that was made under this key; None: there is none. Asked before a repeat."""


class PurchaseOrderTarget(Connector):
    """A supplier that takes purchase orders as files: staged, then handed over by a rename.

    The same three steps as a RequestTarget's, for the same reason.
    """

    @abstractmethod
    def purchase_document(self, order: PurchaseOrder, *, serial: int) -> bytes:
        """The order as this supplier reads it. Pure: the same order and serial, the same bytes.

        `serial` counts the documents of this connection, from 1, for formats that number them.
        """

    @abstractmethod
    def stage_purchase(self, key: Key, document: bytes) -> None:
        """Upload under the staging name, replacing what an earlier attempt left there."""

    @abstractmethod
    def release_purchase(self, key: Key) -> RemoteRef:
        """Rename to the final name, never over an existing one (Rejected, code "exists")."""

    @abstractmethod
    def find_purchase(self, key: Key, document: bytes) -> Handover:
        """Where the order is now."""


class PurchaseOrderService(Connector):
    """A supplier that takes purchase orders by a call that nobody can be asked about (a mail).

    One whose outcome is unknown is never repeated: a person decides, or the supplier's answer
    proves that it came.
    """

    @abstractmethod
    def purchase_document(self, order: PurchaseOrder, *, serial: int) -> bytes:
        """The order as this supplier reads it. Pure: the same order and serial, the same bytes.

        Raises Rejected (unwritable).
        """

    @abstractmethod
    def submit_purchase(self, key: Key, document: bytes, *, answer_at: str) -> RemoteRef:
        """Make the call. `answer_at`: the page of ours where they may answer; "": there is none."""

    @property
    @abstractmethod
    def answer_page_for(self) -> timedelta | None:
        """How long they may answer on a page of ours; None: they do not."""


class PurchaseReminderTarget(Connector):
    """A supplier that is reminded of an order where it was told of it (a mail in the same thread)."""

    @property
    @abstractmethod
    def answer_page_for(self) -> timedelta | None:
        """How long they may answer on a page of ours; None: they do not."""

    @abstractmethod
    def push_reminder(self, reminder: PurchaseReminder, *, answer_at: str) -> RemoteRef:
        """Remind once; nothing is ordered by it. Its reference is the same for every copy.

        `answer_at`: a page of ours beside the one that the order named; "": there is none.
        """


class ReceiptSource(Connector):
    """A partner that says which of our documents it could read, and wants to be told the same.

    What is told back goes out as a RequestTarget's files do, in the same three steps.
    """

    @property
    @abstractmethod
    def receipts_within(self) -> timedelta | None:
        """How soon it says so of each document; None: it never does."""

    @abstractmethod
    def pull_receipts(self, *, since: Cursor | None) -> Iterator[Batch[Receipt | OwedReceipt]]:
        """What came newer than the cursor: what it says of ours, and what we owe for its own.

        Whatever else is wrong with what came (no document, a kind nobody reads) is a Reject here.
        """

    @abstractmethod
    def receipt_document(self, told: str, *, serial: int, at: datetime) -> bytes:
        """What `OwedReceipt.told` says, as the partner reads it. Pure."""

    @abstractmethod
    def stage_receipt(self, key: Key, document: bytes) -> None:
        """Upload under the staging name, replacing what an earlier attempt left there."""

    @abstractmethod
    def release_receipt(self, key: Key) -> RemoteRef:
        """Rename to the final name, never over an existing one (Rejected, code "exists")."""

    @abstractmethod
    def find_receipt(self, key: Key, document: bytes) -> Handover:
        """Where it is now."""


class PurchaseAnswerSource(Connector):
    """A supplier that says what of a purchase order will come, and when."""

    @abstractmethod
    def pull_purchase_answers(
        self, *, since: Cursor | None
    ) -> Iterator[Batch[PurchaseAnswer | PurchaseVerdict | PurchaseLetter | PurchaseBounce]]:
        """Answers newer than the cursor, and what else is written about an order."""


class InvoiceSource(Connector):
    """A supplier that bills what it sold us."""

    @abstractmethod
    def pull_invoices(self, *, since: Cursor | None) -> Iterator[Batch[Invoice]]:
        """Invoices and credits newer than the cursor."""


@dataclass(frozen=True, slots=True)
class TrackingReport:
    """What a carrier knows of one number. No events: the number is not known (yet), or `untold`."""

    tracking_number: str
    events: tuple[TrackingEvent, ...]
    estimated_delivery: datetime | None = None
    #: the carrier will not tell, however often it is asked; None: it told what it knows
    untold: Untold | None = None
    raw: str = field(default="", repr=False)
    #: other numbers of the same parcel: that of who brings it, where a line hands it over
    also_known_as: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AskedParcel:
    """A parcel whose carrier is asked where it is."""

    number: str
    #: carriers use numbers again: of several parcels, the one that was shipped about then is meant
    shipped_at: datetime
    #: our word for its carrier, for who tells of several; "" = to be found out
    carrier: str = ""


class TrackingSource(Connector):
    """A carrier that tells where parcels are."""

    @property
    @abstractmethod
    def carriers(self) -> tuple[str, ...]:
        """Our words for the carriers it can be asked about: ("ups",)."""

    @abstractmethod
    def pull_tracking(self, asked: Sequence[AskedParcel]) -> Sequence[TrackingReport]:
        """Every scan the carrier has for these, a report for each in their order.

        Not more than `most_at_once`. Raises Unauthorized, RateLimited or Unavailable where no number
        can be asked about now.
        """

    @property
    def most_at_once(self) -> int:
        """Parcels that one call may ask about."""
        return 1


class RateSource(Connector):
    """A carrier that says what a parcel would cost. It is asked ahead, never while an order waits."""

    @property
    @abstractmethod
    def price_basis(self) -> str:
        """What its prices hold for beside lane and weight: "residential, negotiated". No secrets.

        What was quoted on another basis is no quote any more.
        """

    @abstractmethod
    def quote_rates(self, question: RateQuestion) -> Sequence[RateAnswer]:
        """What one parcel costs by each service it may travel by; a service that is missing does not
        go there.

        Raises RateLimited where the quota is used up, Rejected where it does not price this lane.
        """


@dataclass(frozen=True, slots=True)
class Mail:
    """One message to one recipient, ready to send."""

    #: fixed per (incident, sequence, recipient): a resend carries the same one
    message_id: str
    #: the first mail of the same incident; "" for that first mail itself
    in_reply_to: str
    recipient: str
    subject: str
    text: str
    html: str


class AlertTarget(Connector):
    """Carries mails to people."""

    @abstractmethod
    def push_mail(self, mail: Mail) -> None:
        """Hand one mail to the server. UnknownOutcome when the answer to DATA was lost."""


class Clock(Protocol):
    """The project clock: schedules, back-off, buckets, token expiry, ages. Scaled in the demo."""

    def now(self) -> datetime:
        """The instant, aware, UTC."""

    def sleep(self, seconds: float) -> None:
        """Wait this many clock seconds, or until the process is asked to stop."""


class RateGate(Protocol):
    """Token buckets kept in the store, shared by threads and workers, surviving restarts."""

    def take(self, bucket: str, *, rate: float, burst: float, cost: float = 1.0) -> float:
        """Take `cost` tokens of a bucket that refills `rate` a second up to `burst`.

        Returns clock seconds to wait before going on (0: go now). The tokens are taken either way.
        A negative cost gives back tokens that were taken and then not used.
        """

    def correct(self, bucket: str, *, rate: float, burst: float, available: float) -> None:
        """What the remote says is left, right now."""


class Halt(Protocol):
    """Asked just before every outside write: the lease still holds and writes are not stopped."""

    def __call__(self) -> None:
        """Return, or raise LeaseLost."""


@runtime_checkable
class Derived(Protocol):
    """A part of a connector's settings: a value that is worked out from named ones.

    `value` is an expression in the configuration's language; it is checked when that is read.
    """

    @property
    def value(self) -> str: ...

    def sample(self) -> Mapping[str, object]:
        """Every name the expression may use, with a value of its kind."""


class Inside(Protocol):
    """What a connector needs from the inside, handed in by bootstrap."""

    @property
    def clock(self) -> Clock: ...

    @property
    def rates(self) -> RateGate: ...

    def lock(self, name: str) -> AbstractContextManager[object]:
        """One lock per name in this process (one token renewal per credential)."""

    def formula(
        self, source: str, sample: Mapping[str, object]
    ) -> Callable[[Mapping[str, object]], object]:
        """A `Derived` value, compiled, for one thread. What it returns is text, a number or a
        truth; it raises ValueError, with a reason for an operator, where there is none."""


__all__ = [
    "Acknowledgment",
    "AlertTarget",
    "AnswerPages",
    "AskedFor",
    "AskedParcel",
    "Batch",
    "BulkOfferTarget",
    "BulkProgress",
    "BulkStage",
    "CancellationTarget",
    "CheckReport",
    "Clock",
    "Connector",
    "Cursor",
    "Derived",
    "FulfillmentSource",
    "Halt",
    "Handover",
    "Hint",
    "HintQueue",
    "Inside",
    "InvoiceSource",
    "Key",
    "Landed",
    "Listing",
    "ListingSource",
    "Mail",
    "MailedRequestTarget",
    "OfferChange",
    "OfferKey",
    "OfferReading",
    "OfferResult",
    "OfferTarget",
    "OrderSource",
    "PurchaseAnswerSource",
    "PurchaseOrderService",
    "PurchaseOrderTarget",
    "PurchaseReminderTarget",
    "RateGate",
    "ReceiptSource",
    "Reject",
    "RemoteRef",
    "RequestService",
    "RequestStatus",
    "RequestTarget",
    "ReservationMove",
    "ReservationTarget",
    "Right",
    "ShelfReport",
    "ShelfSource",
    "Shipment",
    "ShipmentTarget",
    "StockSource",
    "SubmissionTarget",
    "Told",
    "TrackingReport",
    "TrackingSource",
    "Verdict",
]
