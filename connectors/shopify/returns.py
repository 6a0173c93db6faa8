"""Returns and refunds of one shop, order by order, one bad one not stopping the others."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from connectors.shopify import documents, mapping, mapping_returns
from connectors.shopify.client import Client
from connectors.shopify.values import Unreadable
from connectors.shopify.walks import Node, Read, reject_of, rest_of
from core.model.catalog import ChannelId
from core.model.returns import Refund, Return
from core.ports import Reject


class ReturnReader:
    """What a page of orders tells of what comes back and what was paid back.

    Of a chargeback an order says that there is one and how it stands, not how much was taken. That
    is read with the payment account, where `disputes` says that we may; of another provider than
    Shopify's nobody tells, and nothing is made up.
    """

    def __init__(self, client: Client, *, channel: ChannelId, disputes: bool) -> None:
        self._client = client
        self._channel = channel
        self._disputes = disputes

    def page(
        self, data: Mapping[str, Any], nodes: Sequence[Node], broken: frozenset[int]
    ) -> Read[Return | Refund]:
        items: list[Return | Refund] = []
        rejects: list[Reject] = []
        raw: list[tuple[str, str]] = []
        taken = self._taken(nodes) if self._disputes else {}
        for position, node in enumerate(nodes):
            try:
                if position in broken or node is None:
                    raise Unreadable("Shopify could not read all of it")
                parts = list(self._parts(node, taken))
            except Unreadable as problem:
                rejects.append(reject_of("return", node, str(problem)))
                continue
            for part, read in parts:
                try:
                    item, record = read(part)
                except Unreadable as problem:
                    rejects.append(reject_of("return", part, str(problem)))
                    continue
                items.append(item)
                raw.append((item.remote_id, json.dumps(record, ensure_ascii=False)))
        return Read(tuple(items), tuple(rejects), tuple(raw))

    def _taken(self, nodes: Sequence[Node]) -> Mapping[str, Sequence[Node]]:
        """Disputes by the order they took money from, of orders that say that there is one."""
        wanted = {
            node["id"]
            for node in nodes
            if node and any(mapping_returns.is_taken(one) for one in node.get("disputes") or ())
        }
        found: dict[str, list[Node]] = {}
        after: str | None = None
        while wanted - set(found):
            told = self._client.read(documents.DISPUTES, {"after": after})["disputes"]
            for one in told["nodes"]:
                order = str((one.get("order") or {}).get("id"))
                if order in wanted and mapping_returns.is_taken(one):
                    found.setdefault(order, []).append(one)
            if not told["pageInfo"]["hasNextPage"]:
                break
            after = told["pageInfo"]["endCursor"]
        return found

    def _parts(
        self, node: Node, taken: Mapping[str, Sequence[Node]]
    ) -> Iterator[tuple[Node, Callable[[Node], _Found]]]:
        """Each return and refund of an order, with what reads it."""
        try:
            order, taxed = mapping.order_number(node["id"]), bool(node["taxesIncluded"])
            # Not asked for where returns are not used.
            returns = [] if "returns" not in node else self._returns(node)
            refunds, currency = node["refunds"], str(node["currencyCode"])
        except (KeyError, TypeError):
            raise Unreadable("a field is missing or of another kind") from None
        for one in returns:
            yield one, lambda told: self._return(told, order)
        for one in refunds:
            if not _has_failed(one):
                yield one, lambda told: self._refund(told, order, taxed)

        for one in taken.get(node["id"], ()):
            yield one, lambda told: self._chargeback(told, order, currency)

    def _returns(self, node: Node) -> list[Node]:
        return rest_of(
            self._client,
            documents.ORDER_RETURNS,
            parent_id=node["id"],
            path=("order", "returns"),
            first=node["returns"],
        )

    def _chargeback(self, node: Node, order: str, currency: str) -> _Found:
        made = mapping_returns.chargeback(
            node, channel=self._channel, order=order, currency=currency
        )
        return made, node

    def _return(self, node: Node, order: str) -> _Found:
        lines = self._rest(documents.RETURN_LINES, node, ("return", "returnLineItems"))
        exchanges = self._rest(documents.RETURN_EXCHANGES, node, ("return", "exchangeLineItems"))
        made = mapping_returns.return_(
            node, channel=self._channel, order=order, lines=lines, exchanges=exchanges
        )
        whole = {
            **node,
            "returnLineItems": {"nodes": lines},
            "exchangeLineItems": {"nodes": exchanges},
        }
        return made, whole

    def _refund(self, node: Node, order: str, tax_included: bool) -> _Found:
        lines = self._rest(documents.REFUND_LINES, node, ("refund", "refundLineItems"))
        made = mapping_returns.refund(
            node, channel=self._channel, order=order, lines=lines, tax_included=tax_included
        )
        return made, {**node, "refundLineItems": {"nodes": lines}}

    def _rest(self, document: documents.Document, node: Node, path: tuple[str, str]) -> list[Node]:
        try:
            return rest_of(
                self._client, document, parent_id=node["id"], path=path, first=node[path[1]]
            )
        except (KeyError, TypeError):
            raise Unreadable("a field is missing or of another kind") from None


def _has_failed(refund: Node) -> bool:
    """A refund whose payment failed paid nothing; one that is unreadable is told as that."""
    try:
        return mapping_returns.has_failed(refund)
    except (KeyError, TypeError):
        return False


#: A record of ours, and Shopify's with all its pages.
_Found = tuple[Return | Refund, Mapping[str, Any]]
