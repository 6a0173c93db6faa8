"""A trading partner that speaks X12: 850 and 997 out, 997, 855, 856 and 810 in.

There is one folder for everything it sends, so each flow goes through all of it with a cursor of
its own and takes the transaction sets it understands. Only the flow of receipts tells what is wrong
with a file as a whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from connectors.edi import answers
from connectors.edi.answers import OUR_NUMBERS
from connectors.edi.mapping import (
    Body,
    NotWholePacks,
    NumberTooLong,
    Received,
    Words,
    acknowledgment,
    purchase_order,
    ship_request,
)
from connectors.edi.reading import (
    Contents,
    Found,
    TransactionSet,
    Unreadable,
    contents_of,
    order_answer,
)
from connectors.edi.settings import Settings, Side
from connectors.folders.inbox import Inbox
from connectors.folders.outbox import Outbox
from connectors.folders.reach import transport_to
from connectors.folders.transport import Arrival, Transport
from connectors.x12.envelope import Delimiters, NoInterchange, Problem
from connectors.x12.writer import LARGEST_CONTROL, Party, Trade, Unwritable, interchange
from core.errors import Rejected
from core.model.fulfillment import Acknowledgment, ShipmentNotice, ShipRequest
from core.model.invoices import Invoice
from core.model.purchasing import PurchaseAnswer, PurchaseOrder, PurchaseVerdict
from core.model.receipts import OwedReceipt, Receipt
from core.ports import (
    Batch,
    CheckReport,
    Cursor,
    FulfillmentSource,
    Handover,
    Inside,
    InvoiceSource,
    Key,
    PurchaseAnswerSource,
    PurchaseOrderTarget,
    ReceiptSource,
    Reject,
    RemoteRef,
    RequestTarget,
)

T = TypeVar("T")

#: Transaction sets that are read. Of others the flow of receipts tells.
_READ = ("997", "855", "856", "810")
#: Letters of what could not be read that its Case keeps.
_EXCERPT = 20_000


@dataclass(frozen=True, slots=True)
class _File:
    """One file as it came."""

    name: str
    at: datetime
    contents: Contents | None
    #: what is wrong with all of it
    refused: str
    text: str


class Edi(
    RequestTarget, FulfillmentSource, PurchaseOrderTarget, PurchaseAnswerSource, ReceiptSource,
    InvoiceSource,
):  # fmt: skip
    """One partner. Makes no call until a method is used."""

    def __init__(
        self, name: str, *, settings: Settings, transport: Transport, inside: Inside
    ) -> None:
        self.name = name
        self._settings = settings
        self._transport = transport
        self._clock = inside.clock
        self._inbox = Inbox(
            transport,
            stable_after=timedelta(seconds=settings.stable_after),
            largest=settings.largest_file,
        )
        self._outbox = Outbox(transport, settings.outbox, suffix=".edi", connector=name)
        self._words = words_of(settings)
        self._trade = trade_of(settings)

    def close(self) -> None:
        self._transport.close()

    def check(self) -> CheckReport:
        """Log in and look into both folders. A missing one is a problem."""
        facts, problems = [], []
        for label, folder in (
            ("inbox", self._settings.inbox.path),
            ("outbox", self._settings.outbox),
        ):
            try:
                facts.append((label, f"{folder}: {self._inbox.look(folder)}"))
            except Rejected as error:
                problems.append(str(error))
        return CheckReport(
            name=self._settings.them.id, facts=tuple(facts), problems=tuple(problems)
        )

    # what goes out

    def request_document(self, request: ShipRequest, *, serial: int) -> bytes:
        """An 850, drop-ship. Raises Rejected where X12 cannot say it."""
        return self._written(
            "PO", lambda: [ship_request(request, self._words)], serial, request.requested_at
        )

    def stage_request(self, key: Key, document: bytes) -> None:
        """Upload as `KEY.part`, replacing an earlier attempt."""
        self._outbox.stage(key, document)

    def release_request(self, key: Key) -> RemoteRef:
        """Rename `KEY.part` to `KEY.edi`; returns the final name."""
        return self._outbox.release(key)

    def find_request(self, key: Key, document: bytes) -> Handover:
        """Where it is; ABSENT after `staged` was committed means handed over."""
        return self._outbox.find(key, document)

    def purchase_document(self, order: PurchaseOrder, *, serial: int) -> bytes:
        """An 850, stand-alone. Raises Rejected where X12 cannot say it."""
        return self._written(
            "PO", lambda: [purchase_order(order, self._words)], serial, order.ordered_at
        )

    stage_purchase = stage_request
    release_purchase = release_request
    find_purchase = find_request

    def receipt_document(self, told: str, *, serial: int, at: datetime) -> bytes:
        """A 997 for each group of one interchange of theirs."""
        return self._written("FA", lambda: _receipts(told), serial, at)

    stage_receipt = stage_request
    release_receipt = release_request
    find_receipt = find_request

    def _written(
        self, group: str, sets: Callable[[], list[Body]], serial: int, at: datetime
    ) -> bytes:
        # Nine digits; who lasts a billion documents begins anew, as X12 has it.
        control = (serial - 1) % LARGEST_CONTROL + 1
        try:
            local = at.astimezone(ZoneInfo(self._settings.timezone))
            text = interchange(self._trade, group=group, sets=sets(), control=control, at=local)
        except (NotWholePacks, NumberTooLong, Unwritable) as why:
            raise Rejected(
                str(why), connector=self.name, operation="write document", code="unwritable"
            ) from why
        return text.encode("ascii")

    # what comes in

    def pull_acknowledgments(self, *, since: Cursor | None) -> Iterator[Batch[Acknowledgment]]:
        """855s that are about requests to ship."""
        return self._pull(since, "855", self._acknowledgments)

    def pull_shipments(self, *, since: Cursor | None) -> Iterator[Batch[ShipmentNotice]]:
        """856s."""
        return self._pull(since, "856", self._shipments)

    def pull_purchase_answers(
        self, *, since: Cursor | None
    ) -> Iterator[Batch[PurchaseAnswer | PurchaseVerdict]]:
        """855s that are about purchase orders."""
        return self._pull(since, "855", self._purchase_answers)

    def pull_invoices(self, *, since: Cursor | None) -> Iterator[Batch[Invoice]]:
        """810s."""
        return self._pull(since, "810", self._invoices)

    def _invoices(self, one: TransactionSet, _: _File) -> Iterable[Invoice]:
        yield answers.invoice_of(one, self._settings)

    def _acknowledgments(self, one: TransactionSet, file: _File) -> Iterable[Acknowledgment]:
        made = order_answer(one)
        if not OUR_NUMBERS.fullmatch(made.number):
            yield answers.acknowledgment_of(made, self._settings, at=file.at)

    def _purchase_answers(
        self, one: TransactionSet, file: _File
    ) -> Iterable[PurchaseAnswer | PurchaseVerdict]:
        made = order_answer(one)
        if OUR_NUMBERS.fullmatch(made.number):
            yield from answers.purchase_answers_of(made, self._settings, at=file.at)

    def _shipments(self, one: TransactionSet, _: _File) -> Iterable[ShipmentNotice]:
        return answers.notices_of(one, self._settings)

    def _pull(
        self,
        since: Cursor | None,
        kind: str,
        read: Callable[[TransactionSet, _File], Iterable[T]],
    ) -> Iterator[Batch[T]]:
        """A batch for each new file, and a last one without items that keeps what was seen."""
        for file, cursor in self._files(since):
            since = cursor
            if file is None or file.contents is None:
                continue
            items: list[T] = []
            rejects: list[Reject] = []
            raw: list[tuple[str, str]] = []
            for found in file.contents.found:
                one = found.set
                if one.kind != kind or not self._is_ours(one) or self._faults(found):
                    continue
                try:
                    items += read(one, file)
                except Unreadable as why:
                    rejects.append(self._reject(one, file, str(why)))
                else:
                    raw.append((_place(one, file), _text(one)))
            yield Batch(tuple(items), since, rejects=tuple(rejects), raw=tuple(raw))
        yield Batch((), since or "{}", complete_to=self._clock.now())

    # receipts

    @property
    def receipts_within(self) -> timedelta | None:
        hours = self._settings.receipts.hours
        return None if hours is None else timedelta(hours=hours)

    def pull_receipts(self, *, since: Cursor | None) -> Iterator[Batch[Receipt | OwedReceipt]]:
        """997s, and what is owed for everything else. Faults of files and envelopes are rejects."""
        for file, cursor in self._files(since):
            since = cursor
            if file is None:
                continue
            if file.contents is None:
                refused = Reject("edi file", file.name, file.refused, file.text[:_EXCERPT])
                yield Batch((), since, rejects=(refused,))
                continue
            items: list[Receipt | OwedReceipt] = []
            rejects = [
                Reject("edi file", f"{file.name} {one.code}", one.words, file.text[:_EXCERPT])
                for one in file.contents.problems
                if one.code not in self._settings.tolerated
            ]
            mine = []
            for found in file.contents.found:
                if problem := self._problem(found):
                    rejects.append(self._reject(found.set, file, problem))
                if self._is_ours(found.set):
                    mine.append(found)
            for found in mine:
                if found.set.kind != "997" or self._faults(found):
                    continue
                try:
                    items += answers.receipts_of(found.set, at=file.at)
                except Unreadable as why:
                    rejects.append(self._reject(found.set, file, str(why)))
            for answer in file.contents.answers:
                if (answer.sender, answer.receiver) == self._sides:
                    try:
                        items += answers.interchange_receipts(answer, at=file.at)
                    except Unreadable as why:
                        text = file.text[:_EXCERPT]
                        rejects.append(Reject("edi file", f"{file.name} TA1", str(why), text))
            items += self._owed(mine)
            yield Batch(tuple(items), since, rejects=tuple(rejects))
        yield Batch((), since or "{}", complete_to=self._clock.now())

    def _problem(self, found: Found) -> str:
        """What a person is to know of a set as a whole; "": nothing."""
        one = found.set
        if not self._is_ours(one):
            return (
                f"it is from {one.sender!r} to {one.receiver!r}; this connection reads what "
                f"{self._settings.them.id!r} sends to {self._settings.us.id!r}"
            )
        if faults := self._faults(found):
            return "; ".join(fault.words for fault in faults)
        if one.kind not in _READ:
            return f"a {one.kind} is read by nobody here; those are: {', '.join(_READ)}"
        return ""

    def _owed(self, found: Collection[Found]) -> Iterator[OwedReceipt]:
        """One for each interchange; a 997 is never answered with a 997."""
        by_interchange: dict[str, list[Found]] = {}
        for one in found:
            if one.set.kind != "997":
                by_interchange.setdefault(one.set.interchange, []).append(one)
        for number, sets in by_interchange.items():
            groups: dict[tuple[str, str], list[list[object]]] = {}
            for one in sets:
                codes = [fault.code for fault in self._faults(one)]
                told = groups.setdefault((one.set.group, one.set.group_control), [])
                told.append([one.set.kind, one.set.control, codes])
            text = "".join(_text(one.set) for one in sets)
            named = f"{self.name}:997:{number}:"
            yield OwedReceipt(
                f"{named}{_digest(text)}",
                named,
                json.dumps(
                    [[*group, told] for group, told in groups.items()], separators=(",", ":")
                ),
            )

    # files

    def _files(self, since: Cursor | None) -> Iterator[tuple[_File | None, Cursor]]:
        """What is new, read; None where only the place in the walk is."""
        folder = self._settings.inbox
        now = self._clock.now()
        for one in self._inbox.arrivals(folder.path, folder.pattern, since=since, now=now):
            yield _read(one), one.cursor

    def _is_ours(self, one: TransactionSet) -> bool:
        return (one.sender, one.receiver) == self._sides

    @property
    def _sides(self) -> tuple[str, str]:
        return self._settings.them.id, self._settings.us.id

    def _faults(self, found: Found) -> list[Problem]:
        return [one for one in found.faults if one.code not in self._settings.tolerated]

    def _reject(self, one: TransactionSet, file: _File, why: str) -> Reject:
        return Reject(one.kind or "edi set", _place(one, file), why, _text(one)[:_EXCERPT])


def _read(one: Arrival) -> _File | None:
    if one.body is None:
        if not one.refused:
            return None
        return _File(one.name, one.changed_at, None, one.refused, "")
    with one.body as body:
        body.seek(0)
        content = body.read()
    text = _text_of(content)
    try:
        return _File(one.name, one.changed_at, contents_of(text), "", text)
    except NoInterchange as why:
        return _File(one.name, one.changed_at, None, f"it is no X12: {why}", text)


def _text_of(content: bytes) -> str:
    """X12 is ASCII; what is more is UTF-8, or Latin-1, in which every byte is a letter."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _receipts(told: str) -> list[Body]:
    made = []
    for group, control, sets in json.loads(told):
        received = [
            Received(kind, number, [Problem(0, code, "") for code in codes])
            for kind, number, codes in sets
        ]
        made.append(acknowledgment(group, control, received, told=len(received)))
    return made


def _place(one: TransactionSet, file: _File) -> str:
    return f"{file.name} {one.interchange} {one.group_control} {one.control}"


def _text(one: TransactionSet) -> str:
    return "".join(f"{'*'.join(segment)}~\n" for segment in one.segments)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def words_of(settings: Settings) -> Words:
    """What this partner calls things."""
    return Words(
        their_item=settings.their_item,
        our_item=settings.our_item,
        unit=settings.unit,
        packs={item: (one.unit, one.units) for item, one in settings.packs.items()},
        places=settings.places,
        services=settings.services,
        marks=trade_of(settings).delimiters,
    )


def trade_of(settings: Settings) -> Trade:
    """How interchanges with this partner are written."""
    marks = settings.marks
    return Trade(
        _party(settings.us),
        _party(settings.them),
        version=settings.version,
        delimiters=Delimiters(marks.element, marks.component, marks.segment),
        test=settings.test,
    )


def _party(side: Side) -> Party:
    return Party(side.qualifier, side.id, side.group or side.id)


def connect(name: str, settings: Settings, inside: Inside) -> Edi:
    """Build the connector. Makes no call."""
    return Edi(
        name,
        settings=settings,
        transport=transport_to(settings.transport, connector=name),
        inside=inside,
    )
