"""Orders of other channels, shipped by Amazon from FBA stock (Multi-Channel Fulfillment).

Fulfillment Outbound 2020-07-01: createFulfillmentOrder, getFulfillmentOrder, cancelFulfillmentOrder.
An order's name there (sellerFulfillmentOrderId) is our request's short key: 14 letters of the forty
there are, none of which Amazon is known to read as another ("+" and spaces come back otherwise:
selling-partner-api-models issues #5374, #1845). A name is taken once, so a repeat makes no second
order; nevertheless Amazon is asked first, after `settle`.

Who counts what it was asked for: Amazon's figure (`fulfillableQuantity`) is net. It lacks the units
once Amazon validated the order (Received), which is why `New` says nothing yet: our reservation
counts against the place until a figure that speaks of a later moment has come.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from connectors.amazon.client import NotThere, SellingPartner
from connectors.amazon.fields import Unreadable
from connectors.amazon.operations import (
    CANCEL_FULFILLMENT_ORDER,
    CREATE_FULFILLMENT_ORDER,
    GET_FULFILLMENT_ORDER,
)
from connectors.amazon.outbound_records import (
    NOT_SHIPPED,
    TOO_LATE,
    Unwritable,
    acknowledgment,
    notices,
    order_body,
    status_word,
    without_addresses,
)
from connectors.amazon.settings import Settings
from core.errors import Rejected, UnknownOutcome
from core.model.fulfillment import ShipRequest
from core.ports import AskedFor, Clock, RemoteRef, RequestStatus


class FbaOutbound:
    """Fulfillment orders of one marketplace. See core.ports.RequestService."""

    def __init__(
        self, amazon: SellingPartner, settings: Settings, *, name: str, clock: Clock
    ) -> None:
        self._amazon = amazon
        self._marketplace = settings.marketplace_id
        self._settings = settings.multi_channel
        self._name = name
        self._clock = clock

    @property
    def settle(self) -> timedelta:
        return timedelta(seconds=self._settings.settle)

    @property
    def ask_every(self) -> timedelta:
        return timedelta(minutes=self._settings.ask_every)

    def document(self, request: ShipRequest) -> bytes:
        """The body as it is sent. Rejected (unwritable) where Amazon would not take it."""
        try:
            body = order_body(request, self._settings, marketplace=self._marketplace)
        except Unwritable as why:
            raise self._rejected(str(why), code="unwritable") from None
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()

    def submit(self, document: bytes) -> RemoteRef:
        """Its name there. Raises Rejected, UnknownOutcome and the others of `SellingPartner`."""
        body = json.loads(document)
        name = str(body["sellerFulfillmentOrderId"])
        try:
            self._amazon.call(CREATE_FULFILLMENT_ORDER, body=body)
        except Rejected:
            # A name that is taken is refused as well, in words Amazon nowhere publishes: whoever
            # has this name has our order.
            if self._read(name) is None:
                raise
        return name

    def find(self, asked: AskedFor) -> RemoteRef | None:
        return asked.short_key if self._read(asked.short_key) is not None else None

    def cancel(self, asked: AskedFor) -> bool:
        """What counts is the order's status afterwards: an answer says that it was tried.

        Raises UnknownOutcome while that says neither, Rejected where Amazon refused for a reason of
        its own.
        """
        refused: Rejected | None = None
        try:
            self._amazon.call(CANCEL_FULFILLMENT_ORDER, asked.short_key)
        except Rejected as error:
            refused = error
        word = self._status(asked.short_key)
        if word in NOT_SHIPPED:
            return True
        if word in TOO_LATE[1:] or (refused is not None and word in TOO_LATE):
            return False
        if refused is not None:
            raise refused
        raise UnknownOutcome(
            f"the order is still {word}",
            connector=self._name,
            operation=CANCEL_FULFILLMENT_ORDER.name,
        )

    def status(self, asked: AskedFor) -> RequestStatus:
        """Rejected, code "unknown": Amazon has no order of this name; "unreadable"."""
        try:
            answer = self._amazon.call(GET_FULFILLMENT_ORDER, asked.short_key)
        except NotThere:
            words = f"Amazon knows no fulfillment order {asked.short_key}"
            raise self._rejected(words, code="unknown") from None
        try:
            return RequestStatus(
                acknowledgment(answer, asked, now=self._clock.now()),
                notices(answer, asked),
                json.dumps(without_addresses(answer), ensure_ascii=False),
            )
        except Unreadable as why:
            raise self._rejected(str(why), code="unreadable") from None

    def _status(self, name: str) -> str:
        try:
            return status_word(self._amazon.call(GET_FULFILLMENT_ORDER, name))
        except Unreadable as why:
            raise self._rejected(str(why), code="unreadable") from None

    def _read(self, name: str) -> Mapping[str, Any] | None:
        """None where Amazon has no order of this name. Whatever it refuses to tell counts as that:
        its words for it are not published, and a name that is taken is never taken twice."""
        try:
            return self._amazon.call(GET_FULFILLMENT_ORDER, name)
        except Rejected:
            return None

    def _rejected(self, words: str, *, code: str) -> Rejected:
        operation = (
            CREATE_FULFILLMENT_ORDER if code == "unwritable" else GET_FULFILLMENT_ORDER
        ).name
        return Rejected(words, connector=self._name, operation=operation, code=code)
