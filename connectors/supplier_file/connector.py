"""A place that speaks in files: stock and answers in, requests to ship and purchase orders out.

Their folders are read only: nothing of theirs is moved or deleted. What was taken lives in the
cursor. In the folders for what goes out we write `KEY.part` and rename it to `KEY.csv`, and where
papers are wanted `KEY.pdf.part` to `KEY.pdf`; nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import BinaryIO, TypeVar

from connectors.folders.cursor import Walk
from connectors.folders.inbox import Inbox
from connectors.folders.outbox import Outbox
from connectors.folders.places import Ftps, LocalFolder, Sftp
from connectors.folders.reach import transport_to
from connectors.folders.transport import Deliveries, Transport
from connectors.paper import font_problem
from connectors.supplier_file import invoices, mapping, purchases
from connectors.supplier_file.files import File
from connectors.supplier_file.https import HttpsDeliveries
from connectors.supplier_file.imap import ImapDeliveries
from connectors.supplier_file.papers import is_whole, papers
from connectors.supplier_file.settings import Https, Imap, InFolder, Papers, Settings
from connectors.supplier_file.stock import stock_of
from core.errors import Rejected, Unauthorized
from core.model.fulfillment import Acknowledgment, ShipmentNotice, ShipRequest
from core.model.invoices import Invoice
from core.model.purchasing import PurchaseAnswer, PurchaseOrder
from core.model.stock import StockSnapshot
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
    Reject,
    RemoteRef,
    RequestTarget,
    StockSource,
)

T = TypeVar("T")

#: What a reader makes of a file: items, rejects, raw records by key.
Content = tuple[list[T], list[Reject], list[tuple[str, str]]]

#: Characters of an unreadable file that its Case keeps.
_EXCERPT = 20_000


class SupplierFile(
    StockSource, RequestTarget, FulfillmentSource, PurchaseOrderTarget, PurchaseAnswerSource,
    InvoiceSource,
):  # fmt: skip
    """One supplier or warehouse. Makes no call until a method is used."""

    def __init__(
        self,
        name: str,
        *,
        settings: Settings,
        transport: Transport | None,
        deliveries: Deliveries,
        inside: Inside,
    ) -> None:
        self.name = name
        self._settings = settings
        self._transport = transport
        self._deliveries = deliveries
        self._clock = inside.clock
        self._inside = inside

    def close(self) -> None:
        self._deliveries.close()
        if self._transport is not None:
            self._transport.close()

    def check(self) -> CheckReport:
        """Log in and look into every configured folder. A missing one is a problem."""
        there, folders = _address(self._settings), self._settings.folders
        facts, problems = [("reached", there)], []
        for label, folder in (
            ("stock", folders.stock_in and folders.stock_in.path),
            ("requests", folders.requests_out),
            ("papers", self._settings.papers and self._settings.papers.folder),
            ("acknowledgments", folders.acknowledgments_in and folders.acknowledgments_in.path),
            ("shipments", folders.shipments_in and folders.shipments_in.path),
            ("purchase orders", folders.purchases_out),
            (
                "answers to purchase orders",
                folders.purchase_answers_in and folders.purchase_answers_in.path,
            ),
            ("invoices", folders.invoices_in and folders.invoices_in.path),
        ):
            if not folder:
                continue
            try:
                facts.append((label, f"{folder}: {self._look(folder)}"))
            except Rejected as error:
                problems.append(str(error))
            except Unauthorized as error:
                if error.missing != f"list {folder}":
                    raise
                problems.append(str(error))
        wanted = self._settings.papers
        if wanted and wanted.font and (why := font_problem(wanted.font)):
            problems.append(f"papers.font {wanted.font}: {why}")
        return CheckReport(name=there, facts=tuple(facts), problems=tuple(problems))

    def _look(self, folder: str) -> str:
        return self._deliveries.look(folder)

    def _folders(self) -> Transport:
        """Where files lie in folders. A place that only hands files out was refused before."""
        if self._transport is None:
            raise Rejected(
                f"nothing can be written over {self._settings.transport.kind}",
                connector=self.name,
                operation="open folder",
            )
        return self._transport

    # what comes in

    def pull_stock(
        self, *, since: Cursor | None, places: Sequence[str] = ()
    ) -> Iterator[Batch[StockSnapshot]]:
        """One snapshot a batch, oldest file first; a file that cannot be read is a reject."""
        lag = timedelta(seconds=self._settings.as_of_lag)

        def read(file: File) -> Content[StockSnapshot]:
            snapshot, faults = stock_of(file, location=self._settings.location, lag=lag)
            return [snapshot], list(faults), []

        return self._pull(self._settings.folders.stock_in, since, "stock file", read)

    def pull_acknowledgments(self, *, since: Cursor | None) -> Iterator[Batch[Acknowledgment]]:
        """One file a batch, oldest first."""
        folder = self._settings.folders.acknowledgments_in
        return self._pull(folder, since, "acknowledgment file", mapping.acknowledgments)

    def pull_shipments(self, *, since: Cursor | None) -> Iterator[Batch[ShipmentNotice]]:
        """One file a batch, oldest first."""
        folder = self._settings.folders.shipments_in
        return self._pull(folder, since, "shipment file", mapping.shipment_notices)

    def pull_purchase_answers(self, *, since: Cursor | None) -> Iterator[Batch[PurchaseAnswer]]:
        """One file a batch, oldest first."""
        folder = self._settings.folders.purchase_answers_in
        return self._pull(folder, since, "purchase answer file", purchases.answers)

    def pull_invoices(self, *, since: Cursor | None) -> Iterator[Batch[Invoice]]:
        """One file a batch, oldest first."""
        folder = self._settings.folders.invoices_in
        return self._pull(folder, since, "invoice file", invoices.invoices)

    def _pull(
        self,
        folder: InFolder | None,
        since: Cursor | None,
        kind: str,
        read: Callable[[File], Content[T]],
    ) -> Iterator[Batch[T]]:
        """A batch for each new file, and a last one without items that keeps what was seen."""
        if folder is None:
            yield Batch((), Walk.of(since).cursor(), complete_to=self._clock.now())
        else:
            yield from self._delivered(folder, since, kind, read)

    def _delivered(
        self,
        folder: InFolder,
        since: Cursor | None,
        kind: str,
        read: Callable[[File], Content[T]],
    ) -> Iterator[Batch[T]]:
        now = self._clock.now()
        for one in self._deliveries.arrivals(folder.path, folder.pattern, since=since, now=now):
            since = one.cursor
            if one.body is None:
                if one.refused:
                    yield Batch((), since, rejects=(Reject(kind, one.name, one.refused, ""),))
                continue
            with one.body as body:
                file = self._file(one.name, body, one.digest, one.changed_at, folder)
                yield self._batch(file, since, kind, read)
        yield Batch((), since or "{}", complete_to=now)

    def _file(
        self, name: str, body: BinaryIO, digest: str, changed_at: datetime, folder: InFolder
    ) -> File:
        return File(
            name=name,
            body=body,
            digest=digest,
            changed_at=changed_at,
            format=self._settings.format,
            connector=self.name,
            layout=folder.layout,
            most_lines=self._settings.most_lines,
            formulas=lambda source, sample: self._inside.formula(source, sample),
        )

    def _batch(
        self, file: File, cursor: Cursor, kind: str, read: Callable[[File], Content[T]]
    ) -> Batch[T]:
        try:
            items, rejects, raw = read(file)
        except Rejected as error:
            # The file is taken: it will not get better by itself, and the others go through.
            excerpt = file.beginning(_EXCERPT).decode("utf-8", "backslashreplace")
            return Batch((), cursor, rejects=(Reject(kind, file.name, str(error), excerpt),))
        return Batch(tuple(items), cursor, rejects=tuple(rejects), raw=tuple(raw))

    # what goes out

    def request_document(self, request: ShipRequest, *, serial: int) -> bytes:
        """The file for a request; the same request is the same bytes."""
        return mapping.request_document(request, for_papers=self._settings.papers is not None)

    def stage_request(self, key: Key, document: bytes) -> None:
        """Upload as `KEY.part`, replacing an earlier attempt. Suppliers ignore that name.

        Papers first: where the CSV is staged, they are.
        """
        requests, told = self._requests("stage request"), self._settings.papers
        if told is not None:
            drawn = papers(
                document, told, time_zone=self._settings.format.timezone, connector=self.name
            )
            self._papers(told).stage(key, drawn)
        requests.stage(key, document)

    def release_request(self, key: Key) -> RemoteRef:
        """Rename `KEY.part` to `KEY.csv`; returns the final name.

        Raises Rejected "exists" or "no-such-file", UnknownOutcome when the answer was lost.
        Papers first: nobody finds a request whose papers are still to come.
        """
        requests, told = self._requests("release request"), self._settings.papers
        if told is not None:
            self._papers(told).release_beside(key)
        return requests.release(key)

    def find_request(self, key: Key, document: bytes) -> Handover:
        """Where the request is; ABSENT after `staged` was committed means handed over."""
        found, told = self._requests("find request").find(key, document), self._settings.papers
        if found is Handover.STAGED and told is not None:
            drawn = self._papers(told).staged(key)
            if drawn is not None and not is_whole(drawn):
                return Handover.PARTIAL
        return found

    def _papers(self, told: Papers) -> Outbox:
        folder = told.folder or self._settings.folders.requests_out
        assert folder is not None, "settings refuse papers without requests"
        return Outbox(
            self._folders(), folder, suffix=".pdf", staging=".pdf.part", connector=self.name
        )

    @staticmethod
    def purchase_document(order: PurchaseOrder, *, serial: int) -> bytes:
        """The file for a purchase order; the same order is the same bytes."""
        return purchases.purchase_document(order)

    def stage_purchase(self, key: Key, document: bytes) -> None:
        """As `stage_request`, in the folder for purchase orders."""
        self._purchases("stage purchase").stage(key, document)

    def release_purchase(self, key: Key) -> RemoteRef:
        """As `release_request`."""
        return self._purchases("release purchase").release(key)

    def find_purchase(self, key: Key, document: bytes) -> Handover:
        """As `find_request`."""
        return self._purchases("find purchase").find(key, document)

    def _requests(self, operation: str) -> Outbox:
        return self._configured(self._settings.folders.requests_out, "requests_out", operation)

    def _purchases(self, operation: str) -> Outbox:
        return self._configured(self._settings.folders.purchases_out, "purchases_out", operation)

    def _configured(self, folder: str | None, name: str, operation: str) -> Outbox:
        if folder is None:
            raise Rejected(
                f"folders.{name} is not configured", connector=self.name, operation=operation
            )
        return Outbox(self._folders(), folder, suffix=".csv", connector=self.name)


def _address(settings: Settings) -> str:
    """Where the place is, for a person; without secrets."""
    where = settings.transport
    if isinstance(where, LocalFolder):
        return where.root
    if isinstance(where, Https):
        return where.url
    if isinstance(where, Sftp):
        return f"{where.username}@{where.host}:{where.port}{where.root}"
    root = where.root if isinstance(where, Ftps) else ""
    return f"{where.username}@{where.host}:{where.real_port}{root}"


def connect(name: str, settings: Settings, inside: Inside) -> SupplierFile:
    """Build the connector. Makes no call."""
    where = settings.transport
    transport: Transport | None = None
    deliveries: Deliveries
    if isinstance(where, Https):
        deliveries = HttpsDeliveries(
            where, connector=name, clock=inside.clock, largest=settings.largest_file
        )
    elif isinstance(where, Imap):
        deliveries = ImapDeliveries(where, connector=name, largest=settings.largest_file)
    else:
        transport = transport_to(where, connector=name)
        deliveries = Inbox(
            transport,
            stable_after=timedelta(seconds=settings.stable_after),
            largest=settings.largest_file,
        )
    return SupplierFile(
        name, settings=settings, transport=transport, deliveries=deliveries, inside=inside
    )
