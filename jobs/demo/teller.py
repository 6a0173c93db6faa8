"""Tells what happens, in plain words, as it happens: decisions from the store, mails from the catcher."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.text import Text
from sqlalchemy import select

from core.model.reasons import Reason
from core.rules.sentences import render
from jobs.demo.world import World
from jobs.store.store import Store
from jobs.store.tables import decision

#: What a person at the terminal follows; the rest stays in the store.
_STYLE = {
    "order_recorded": "bold cyan",
    "units_reserved": "",
    "units_unallocated": "bold red",
    "offer_sent": "magenta",
    "offer_shown": "magenta",
    "offer_lost": "yellow",
    "order_held": "yellow",
    "order_released": "yellow",
    "order_canceled": "yellow",
    "order_waiting": "bold red",
    "order_recorded_only": "dim",
    "request_handed_over": "blue",
    "request_acknowledged": "",
    "request_rejected": "red",
    "shipment_received": "green",
    "shipment_confirmed": "bold green",
    "parcel_status": "",
    "parcel_delivered": "bold green",
    "snapshot_applied": "dim",
    "snapshot_quarantined": "bold red",
    "effect_unknown": "yellow",
    "effect_found": "yellow",
    "return_recorded": "cyan",
    "return_step_made": "blue",
    "return_received": "",
    "return_inspected": "",
    "return_closed": "bold green",
    "replacement_held": "cyan",
    "refund_made": "bold green",
    "mail_sent": "bold yellow",
    "canceled_before_request": "yellow",
    "canceled_after_request": "bold red",
}


@dataclass
class Teller:
    store: Store
    world: World
    language: str
    console: Console
    _last: int = 0
    _said: tuple[Any, ...] = ()
    _mails: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._follow, name="teller", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join(5)
        self.catch_up()

    def _follow(self) -> None:
        while not self._stop.wait(0.3):
            self.catch_up()

    def catch_up(self) -> None:
        """Tell what is new."""
        with self.store.reading() as tx:
            rows = tx.rows(
                select(decision).where(decision.c.id > self._last).order_by(decision.c.id)
            )
        zone = ZoneInfo("America/New_York")
        for row in rows:
            self._last = row.id
            style = _STYLE.get(row.code)
            # A return is decided about, and so is its order: the same words, at the same time.
            said = (row.at, row.code, row.args)
            again, self._said = said == self._said, said
            if style is not None and not again:
                at = row.at.astimezone(zone).strftime("%H:%M:%S")
                self.console.print(
                    Text(f"{at}  {render(Reason(row.code, row.args), self.language)}", style)
                )
        self._tell_mails()

    def _tell_mails(self) -> None:
        with self.world.smtp.lock:
            mails = self.world.smtp.books()["mails"]
        for mail in mails[self._mails :]:
            self._mails += 1
            self.console.print(Text(f"          ✉ {mail['subject']}", "bold yellow"))
            for line in str(mail["text"]).splitlines()[1:8]:
                if line.strip():
                    self.console.print(Text(f"            {line}", "yellow"))
