"""PULL: where parcels are, as their carriers say; one number that a carrier will not tell about stops
no other."""

from __future__ import annotations

from collections.abc import Sequence

from core.model.cases import Case
from core.model.fulfillment import TrackingEvent, Untold
from core.model.reasons import Reason
from core.ports import AskedParcel, TrackingSource
from core.rules import parcels as parcel_rules
from jobs.run import Run
from jobs.store.bulk import chunks
from jobs.store.orders import Orders
from jobs.store.parcels import Parcel, Parcels
from jobs.store.store import Tx


def pull_tracking(run: Run, connection: str, *, carriers: Sequence[str], limit: int = 200) -> None:
    """Ask the carrier about parcels whose question is due."""
    source = run.wiring.connector(connection, TrackingSource)
    with run.reading() as tx:
        due = Parcels(tx).to_ask(carriers, limit=limit)
    paces = run.wiring.config.asking
    asking = parcel_rules.Asking(paces.label, paces.moving, paces.out_for_delivery, paces.not_found)
    for parcels in chunks(due, source.most_at_once):
        reports = source.pull_tracking(
            [AskedParcel(one.tracking_number, one.shipped_at, one.carrier) for one in parcels]
        )
        with run.transaction() as tx:
            for parcel, report in zip(parcels, reports, strict=True):
                if report.untold:
                    _never_told(tx, parcel, connection, report.untold)
                else:
                    _record_scans(tx, parcel, report.events, asking)


def _never_told(tx: Tx, parcel: Parcel, connection: str, why: Untold) -> None:
    """No question about it will ever be answered: a person is told once, the others go on."""
    Parcels(tx).asked(parcel, status=parcel.status, status_at=None, ask_at=None)
    about = {
        "source": connection,
        "carrier": parcel.carrier,
        "number": parcel.tracking_number,
        "order": parcel.order,
    }
    if why is Untold.NOT_YOURS:
        reason = Reason.of("parcel_not_yours", **about)
    else:
        reason = Reason.of("parcel_no_number", **about)
    subject = f"order {parcel.channel} {parcel.order}"
    tx.decide(subject, reason)
    tx.open_case(Case("parcel_untold", f"parcel {parcel.tracking_number}", reason))


def _record_scans(
    tx: Tx, parcel: Parcel, events: Sequence[TrackingEvent], asking: parcel_rules.Asking
) -> None:
    parcels = Parcels(tx)
    parcels.add_events(parcel, events)
    status = parcel_rules.status_of(events)
    newest = max((event.at for event in events), default=None)
    parcels.asked(
        parcel,
        status=status,
        status_at=newest,
        ask_at=parcel_rules.ask_again(
            status,
            last_asked=tx.now,
            last_event=newest,
            shipped_at=parcel.shipped_at,
            now=tx.now,
            asking=asking,
        ),
    )
    if status is parcel.status:
        return
    tx.decide(
        f"order {parcel.channel} {parcel.order}",
        Reason.of(
            "parcel_status",
            carrier=parcel.carrier,
            number=parcel.tracking_number,
            status=str(status),
        ),
    )
    Orders(tx).decide_again([parcel.order_id])
    tx.wake("core/orders")
