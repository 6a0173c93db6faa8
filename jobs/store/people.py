"""What people are told: alerts that fire and resolve, incidents that group them, mails in an outbox."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from core.model.cases import FiringAlert
from jobs.store.bulk import upsert
from jobs.store.store import Tx
from jobs.store.tables import alert, incident, mail


@dataclass(frozen=True, slots=True)
class MailRow:
    id: int
    incident_id: int
    sequence: int
    recipient: str
    message_id: str
    in_reply_to: str
    subject: str
    text: str
    html: str
    attempts: int


class People:
    """Statements about alerts, incidents and mails, within one transaction."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self._connection = tx.connection

    def firing(self) -> dict[str, Row[Any]]:
        """Alerts that fire now, by fingerprint."""
        rows = self._tx.rows(select(alert).where(alert.c.resolved_at.is_(None)))
        return {row.fingerprint: row for row in rows}

    def set_firing(
        self, now_firing: Sequence[FiringAlert], *, group_of: Callable[[FiringAlert], str]
    ) -> None:
        """Level-triggered: this is the whole set that fires; what is absent resolves.

        A new or resolved alert marks its incident as changed; alerts join the open incident of
        their group.
        """
        before = self.firing()
        wanted = {one.fingerprint: one for one in now_firing}
        for fingerprint in sorted(wanted.keys() - before.keys()):
            self._join(wanted[fingerprint], group_of(wanted[fingerprint]))
        for fingerprint in sorted(wanted.keys() & before.keys()):
            one = wanted[fingerprint]
            row = before[fingerprint]
            told = (row.code, row.args, row.severity)
            if told != (one.reason.code, dict(one.reason.args), str(one.severity)):
                self._connection.execute(
                    update(alert)
                    .where(alert.c.fingerprint == fingerprint)
                    .values(
                        args=dict(one.reason.args),
                        code=one.reason.code,
                        severity=str(one.severity),
                    )
                )
        for fingerprint in sorted(before.keys() - wanted.keys()):
            self._resolve(before[fingerprint])

    def _join(self, one: FiringAlert, group_key: str) -> None:
        number = self._open_incident(group_key, str(one.severity))
        upsert(
            self._connection,
            alert,
            [
                {
                    "fingerprint": one.fingerprint,
                    "rule": one.rule,
                    "labels": [list(pair) for pair in one.labels],
                    "code": one.reason.code,
                    "args": dict(one.reason.args),
                    "severity": str(one.severity),
                    "since": self._tx.now,
                    "resolved_at": None,
                    "incident_id": number,
                }
            ],
            key=["fingerprint"],
            returning=[],
        )

    def _open_incident(self, group_key: str, severity: str) -> int:
        row = self._connection.execute(
            select(incident.c.id, incident.c.severity).where(
                incident.c.group_key == group_key, incident.c.closed_at.is_(None)
            )
        ).first()
        if row is None:
            return int(
                self._connection.execute(
                    insert(incident)
                    .values(
                        group_key=group_key,
                        severity=severity,
                        first_at=self._tx.now,
                        changed_at=self._tx.now,
                    )
                    .returning(incident.c.id)
                ).scalar_one()
            )
        worse = "critical" if "critical" in (row.severity, severity) else row.severity
        self._connection.execute(
            update(incident)
            .where(incident.c.id == row.id)
            .values(changed_at=self._tx.now, resolved_at=None, severity=worse)
        )
        return int(row.id)

    def _resolve(self, row: Row[Any]) -> None:
        self._connection.execute(
            update(alert)
            .where(alert.c.fingerprint == row.fingerprint)
            .values(resolved_at=self._tx.now)
        )
        left = self._connection.execute(
            select(func.count()).where(
                alert.c.incident_id == row.incident_id, alert.c.resolved_at.is_(None)
            )
        ).scalar_one()
        values: dict[str, Any] = {"changed_at": self._tx.now}
        if not left:
            values["resolved_at"] = self._tx.now
        self._connection.execute(
            update(incident).where(incident.c.id == row.incident_id).values(**values)
        )

    def report(self, group_key: str) -> Row[Any]:
        """An incident that is over as it begins: what its one mail tells needs no answer."""
        return self._connection.execute(
            insert(incident)
            .values(
                group_key=group_key,
                severity="info",
                first_at=self._tx.now,
                last_mail_at=self._tx.now,
                resolved_at=self._tx.now,
                closed_at=self._tx.now,
                mails=1,
            )
            .returning(incident)
        ).one()

    def open_incidents(self) -> list[Row[Any]]:
        return self._tx.rows(
            select(incident).where(incident.c.closed_at.is_(None)).order_by(incident.c.id)
        )

    def alerts_of(self, incident_id: int) -> list[Row[Any]]:
        return self._tx.rows(
            select(alert)
            .where(alert.c.incident_id == incident_id)
            .order_by(alert.c.resolved_at.is_not(None), alert.c.since, alert.c.fingerprint)
        )

    def told(self, incident_id: int, *, closed: bool) -> None:
        """A mail about this incident was written; `closed` when it was its last."""
        self._connection.execute(
            update(incident)
            .where(incident.c.id == incident_id)
            .values(
                mails=incident.c.mails + 1,
                last_mail_at=self._tx.now,
                changed_at=None,
                **({"closed_at": self._tx.now} if closed else {}),
            )
        )

    def close_untold(self, incident_id: int) -> None:
        """Resolved before anybody was told: nothing to say."""
        self._connection.execute(
            update(incident).where(incident.c.id == incident_id).values(closed_at=self._tx.now)
        )

    # --- the outbox ------------------------------------------------------------------------------

    def write_mail(
        self,
        incident_id: int,
        sequence: int,
        *,
        recipient: str,
        message_id: str,
        in_reply_to: str,
        subject: str,
        text: str,
        html: str,
    ) -> None:
        """Once per (incident, sequence, recipient); a repeat is a no-op."""
        upsert(
            self._connection,
            mail,
            [
                {
                    "incident_id": incident_id,
                    "sequence": sequence,
                    "recipient": recipient,
                    "message_id": message_id,
                    "in_reply_to": in_reply_to,
                    "subject": subject,
                    "text": text,
                    "html": html,
                    "state": "waiting",
                    "attempts": 0,
                    "created_at": self._tx.now,
                }
            ],
            key=["incident_id", "sequence", "recipient"],
            keep=[
                "message_id",
                "in_reply_to",
                "subject",
                "text",
                "html",
                "state",
                "attempts",
                "created_at",
            ],
            returning=[],
        )
        self._tx.wake("core/mail")

    def waiting(self, *, limit: int) -> list[MailRow]:
        rows = self._connection.execute(
            select(mail).where(mail.c.state == "waiting").order_by(mail.c.id).limit(limit)
        )
        return [
            MailRow(
                row.id,
                row.incident_id,
                row.sequence,
                row.recipient,
                row.message_id,
                row.in_reply_to,
                row.subject,
                row.text,
                row.html,
                row.attempts,
            )
            for row in rows
        ]

    def attempted(
        self,
        mail_id: int,
        *,
        state: str,
        problem: str | None = None,
        sent_at: datetime | None = None,
    ) -> None:
        self._connection.execute(
            update(mail)
            .where(mail.c.id == mail_id)
            .values(attempts=mail.c.attempts + 1, state=state, problem=problem, sent_at=sent_at)
        )
