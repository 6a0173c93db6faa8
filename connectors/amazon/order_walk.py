"""The walk over orders that changed (searchOrders), and one order alone (getOrder)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from connectors.amazon import mapping
from connectors.amazon.client import NotThere, SellingPartner
from connectors.amazon.fields import Record, Unreadable, instant_from, instant_text, text
from connectors.amazon.operations import GET_ORDER, SEARCH_ORDERS
from connectors.amazon.settings import Settings
from connectors.amazon.walks import BEFORE_NOW, OrderWalk
from connectors.spans import KIND, MOST_IN_A_ROW, Span, Spans
from core.errors import RateLimited, Rejected, Unavailable
from core.model.orders import Order
from core.ports import Batch, Clock, Cursor, Reject

#: Only what orders are recorded with: no buyer block, whose e-mail we have no use for.
ORDER_PARTS = "RECIPIENT,PROCEEDS,CANCELLATION,FULFILLMENT"
PAGE_SIZE = 100


class OrderReader:
    """Orders of one marketplace. Makes no call before a method is used."""

    def __init__(
        self, name: str, amazon: SellingPartner, settings: Settings, *, clock: Clock
    ) -> None:
        self._name = name
        self._amazon = amazon
        self._settings = settings
        self._clock = clock

    def pull(self, *, since: Cursor | None) -> Iterator[Batch[Order]]:
        """Walk the orders changed since the watermark (searchOrders, no status filter).

        Every page's query is the first one's, frozen in the cursor; a page token that is too old or
        refused restarts the walk from its watermark, once. A page that cannot be shown is asked for
        without what orders hold, and each of its orders alone; where that fails too, the time of the
        walk is halved, see connectors.spans.
        """
        walk = OrderWalk.parse(since)
        if walk.expired(now=self._clock.now()):
            walk = walk.from_its_start()
        restarted, in_a_row = False, 0
        trouble: Unavailable | None = None
        while True:
            begun = self._begun(walk)
            if begun is None:
                return
            walk = begun
            try:
                batch, walk = self._first(walk) if trouble is None else self._after(walk)
            except Rejected:
                if not walk.token or restarted:
                    raise
                walk, restarted = walk.from_its_start(), True
                continue
            except RateLimited as error:
                # What used its calls up is what is wrong, not that they are used up.
                raise trouble or error from None
            except Unavailable as error:
                in_a_row += 1
                if in_a_row > MOST_IN_A_ROW:
                    raise
                trouble = error
                stepped, walk = self._around(walk, error)
                if stepped is None:
                    continue
                batch = stepped
            else:
                in_a_row, trouble = 0, None
            yield batch
            if batch.complete_to is not None:
                return

    def get(self, remote_id: str) -> Batch[Order]:
        """Read one order (getOrder); nothing where Amazon has none, or it is another marketplace's."""
        try:
            answer = self._amazon.call(GET_ORDER, remote_id, query={"includedData": ORDER_PARTS})
        except NotThere:
            return Batch((), cursor="")
        record = answer.get("order")
        if isinstance(record, Mapping) and mapping.marketplace_of(record) not in (
            "",
            self._settings.marketplace_id,
        ):
            return Batch((), cursor="")
        return self._read([record])

    def _begun(self, walk: OrderWalk) -> OrderWalk | None:
        """The walk with its query; None where the clock is still at the watermark."""
        if walk.query is not None:
            before = instant_from(walk.query["lastUpdatedBefore"])
            return walk if walk.until else replace(walk, until=before)
        now = self._clock.now()
        before = now - BEFORE_NOW
        if walk.watermark:
            after = walk.watermark - timedelta(seconds=self._settings.overlap)
        else:
            after = now - timedelta(days=self._settings.first_orders_days)
        if after >= before:
            return None
        query = {
            "marketplaceIds": self._settings.marketplace_id,
            "lastUpdatedAfter": instant_text(after),
            "lastUpdatedBefore": instant_text(before),
            "includedData": ORDER_PARTS,
            "maxResultsPerPage": str(PAGE_SIZE),
        }
        whole = _whole(query)
        walk = replace(walk, query=query, until=whole.until)
        spans = walk.spans.begin(whole, now=now)
        return replace(walk, spans=spans) if spans.now is None else _go_on(walk, spans)[0]

    def _first(self, walk: OrderWalk) -> tuple[Batch[Order], OrderWalk]:
        """One page, its orders one by one where it cannot be shown; and where the walk stands then."""
        asked = _asked(walk)
        try:
            answer = self._amazon.call(SEARCH_ORDERS, query=asked)
            page = self._read(self._records(answer))
        except Unavailable:
            # includedData may change from page to page (the model): ids alone take less to show.
            plain = {key: one for key, one in asked.items() if key != "includedData"}
            answer = self._amazon.look(SEARCH_ORDERS, query=plain)
            page = self._one_by_one([text(one, "orderId") for one in self._records(answer)])
        return self._next(answer, page, walk)

    def _after(self, walk: OrderWalk) -> tuple[Batch[Order], OrderWalk]:
        """The same of what follows a page that could not be shown: calls are few, so it is looked at once,
        but for what would be stepped over."""
        span = walk.spans.now
        ask = self._amazon.look if span is not None and span.halves() else self._amazon.call
        answer = ask(SEARCH_ORDERS, query=_asked(walk))
        return self._next(answer, self._read(self._records(answer)), walk)

    def _records(self, answer: Record) -> Sequence[Any]:
        found = answer.get("orders")
        if isinstance(found, list):
            return found
        raise self._unavailable("an answer without orders")

    def _one_by_one(self, ids: Sequence[str]) -> Batch[Order]:
        """Each order alone; one that Amazon cannot show keeps no other out."""
        found, bad = [], []
        for remote_id in ids:
            try:
                found.append(self.get(remote_id))
            except (Rejected, Unavailable) as error:
                bad.append(Reject("order", remote_id, str(error), "{}"))
                if len(bad) > MOST_IN_A_ROW:
                    raise
        return Batch(
            tuple(one for page in found for one in page.items),
            "",
            (*(one for page in found for one in page.rejects), *bad),
            tuple(one for page in found for one in page.raw),
        )

    def _next(
        self, answer: Record, page: Batch[Order], walk: OrderWalk
    ) -> tuple[Batch[Order], OrderWalk]:
        """What one page brought, and where the walk stands after it."""
        token = text(answer.get("pagination"), "nextToken")
        if token and token == walk.token:
            raise self._unavailable("a page that names itself as the next")
        if token:
            walk = walk.page(token, now=self._clock.now())
            return replace(page, cursor=walk.cursor), walk
        asked = instant_from((walk.query or {})["lastUpdatedBefore"])
        try:
            answered = instant_from(text(answer, "lastUpdatedBefore"))
        except ValueError:
            answered = asked
        if answered < asked:
            walk = replace(walk, until=min(walk.until or answered, answered))
        spans, mended = walk.spans.done()
        walk, complete_to = _go_on(walk, spans)
        names = ((KIND, str(mended)),) if mended else ()
        return replace(page, cursor=walk.cursor, complete_to=complete_to, mended=names), walk

    def _around(self, walk: OrderWalk, error: Unavailable) -> tuple[Batch[Order] | None, OrderWalk]:
        """Halve the time of what failed. A batch where it is alone, and stepped over."""
        spans, alone = walk.spans.failed(_whole(walk.query or {}), now=self._clock.now())
        walk, complete_to = _go_on(walk, spans)
        if alone is None:
            return None, walk
        reject = Reject(KIND, str(alone), str(error), "{}")
        return Batch((), walk.cursor, (reject,), complete_to=complete_to), walk

    def _read(self, records: Sequence[Any]) -> Batch[Order]:
        """Each record as an order or a reject; the raw record kept either way."""
        orders: list[Order] = []
        raws: list[tuple[str, str]] = []
        rejects: list[Reject] = []
        for number, record in enumerate(records, start=1):
            raw = json.dumps(record, ensure_ascii=False)
            try:
                order = mapping.order_from(record, channel=self._name)
            except Unreadable as error:
                remote_id = text(record, "orderId") or f"record {number} of a page"
                rejects.append(Reject("order", remote_id, str(error), raw))
            else:
                orders.append(order)
                raws.append((order.remote_id, raw))
        return Batch(tuple(orders), "", tuple(rejects), tuple(raws))

    def _unavailable(self, words: str) -> Unavailable:
        return Unavailable(words, connector=self._name, operation=SEARCH_ORDERS.name)


def _whole(query: Mapping[str, str]) -> Span:
    return Span(instant_from(query["lastUpdatedAfter"]), instant_from(query["lastUpdatedBefore"]))


def _asked(walk: OrderWalk) -> dict[str, str]:
    token = {"paginationToken": walk.token} if walk.token else {}
    return {**(walk.query or {}), **token}


def _go_on(walk: OrderWalk, spans: Spans) -> tuple[OrderWalk, Any]:
    """The walk with its next span; or whole, and up to when it shows everything."""
    if spans.now is None:
        assert walk.until is not None, "a walk with a query has an end"
        done = walk.complete(at=walk.until, spans=spans)
        return done, done.watermark
    query = {
        **(walk.query or {}),
        "lastUpdatedAfter": instant_text(spans.now.first),
        "lastUpdatedBefore": instant_text(spans.now.until),
    }
    return replace(walk, query=query, token="", token_at=None, spans=spans), None
