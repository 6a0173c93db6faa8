"""ORDER_CHANGE notifications in an SQS queue of the seller's: which orders changed, and nothing else.

Amazon delivers at least once, in any order, minutes late at times, and to SQS only (FACTS 4.8). The
queue is nobody else's: what is read and is none of ours is deleted like the rest, or it would come
back for days.

The client is botocore (Apache-2.0), half a second to import and 34 MB on disk: an extra, imported
with the first look into a queue. Nothing of it is taken from the environment or the home folder.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from connectors.amazon.fields import part, text
from connectors.amazon.settings import OrdersQueue, Settings
from connectors.http import CONNECT_TIMEOUT, READ_TIMEOUT, excerpt
from core.errors import (
    ConfigError,
    ConnectorError,
    RateLimited,
    Rejected,
    Unauthorized,
    Unavailable,
)
from core.ports import Hint

if TYPE_CHECKING:
    from botocore.client import BaseClient

#: The most messages of one call, and the calls of one run.
AT_ONCE = 10
CALLS = 5
#: Seconds in which another reader does not see what we are at work on.
VISIBILITY = 120
#: Seconds until a throttled queue is looked at again; SQS says none.
_LATER = 30.0
#: 3-7-7 digits of orders sold there, S01-7-7 of those that Amazon ships for others, and what may come.
_ORDER_ID = re.compile(r"[A-Za-z0-9-]{1,50}")
#: Codes of the SQS API ("Common errors", and ReceiveMessage's own).
_DENIED = (
    "AccessDenied", "AccessDeniedException", "InvalidClientTokenId", "UnrecognizedClientException",
    "SignatureDoesNotMatch", "InvalidAccessKeyId", "MissingAuthenticationToken", "OptInRequired",
    "InvalidSecurity",
)  # fmt: skip
_THROTTLED = ("ThrottlingException", "RequestThrottled", "Throttling", "OverLimit")


def installed() -> bool:
    """Whether the client is there; it is not imported to find out."""
    return importlib.util.find_spec("botocore") is not None


class Queue:
    """One seller's queue."""

    def __init__(self, name: str, settings: Settings, queue: OrdersQueue) -> None:
        """Makes no call. Raises ConfigError where the client is not installed."""
        if not installed():
            raise ConfigError(
                f"connections: {name}: orders_queue needs the extra `sqs`, which is not installed: "
                "pip install --require-hashes -r requirements-sqs.lock"
            )
        self._name = name
        self._settings = settings
        self._queue = queue
        self._made: BaseClient | None = None

    def close(self) -> None:
        if self._made is not None:
            self._made.close()

    def read(self) -> list[Hint]:
        """What lies there now, each with its receipt; several of one order are several."""
        found: list[Hint] = []
        for _ in range(CALLS):
            messages = self._receive()
            found += [self._hint(one) for one in messages]
            if not messages:
                break
        return found

    def forget(self, hints: Sequence[Hint]) -> None:
        """Delete them. One whose receipt is too old comes again, which does no harm."""
        for start in range(0, len(hints), AT_ONCE):
            entries = [
                {"Id": str(number), "ReceiptHandle": hint.receipt}
                for number, hint in enumerate(hints[start : start + AT_ONCE])
            ]
            self._call("delete_message_batch", Entries=entries)

    def _receive(self) -> list[dict[str, Any]]:
        answer = self._call(
            "receive_message", MaxNumberOfMessages=AT_ONCE, VisibilityTimeout=VISIBILITY
        )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    def _hint(self, message: dict[str, Any]) -> Hint:
        return Hint(
            receipt=str(message["ReceiptHandle"]),
            order=changed_order(
                str(message.get("Body", "")),
                seller=self._settings.seller_id,
                marketplace=self._settings.marketplace_id,
            ),
        )

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: dict[str, Any] = getattr(self._client(), operation)(
                QueueUrl=self._queue.url, **arguments
            )
        except ClientError as error:
            raise self._failure(operation, error.response) from None
        except BotoCoreError as error:
            # Its own words may hold the address it called and no more; the kind says enough.
            raise Unavailable(
                type(error).__name__, connector=self._name, operation=operation
            ) from None
        return answer

    def _failure(self, operation: str, response: dict[str, Any]) -> ConnectorError:
        code = text(part(response, "Error"), "Code").rpartition(".")[2]
        status = part(response, "ResponseMetadata").get("HTTPStatusCode", 0)
        words = excerpt(f"{code} {text(part(response, 'Error'), 'Message')}")
        where = {"connector": self._name, "operation": operation}
        if code in _DENIED or status == 403:
            return Unauthorized(words, missing="sqs:ReceiveMessage and sqs:DeleteMessage", **where)
        if code in _THROTTLED or status == 429:
            return RateLimited(words, retry_after=_LATER, **where)
        if 400 <= status < 500:
            return Rejected(words, code=code, **where)
        return Unavailable(words, **where)

    def _client(self) -> BaseClient:
        if self._made is None:
            from botocore.config import Config
            from botocore.session import Session

            nowhere = (None, None, os.devnull, None)
            session = Session(
                session_vars={
                    "profile": (None, None, None, None),
                    "config_file": nowhere,
                    "credentials_file": nowhere,
                }
            )
            address = urlsplit(self._queue.url)
            self._made = session.create_client(
                "sqs",
                region_name=self._queue.region_name,
                endpoint_url=f"{address.scheme}://{address.netloc}",
                aws_access_key_id=self._queue.access_key_id,
                aws_secret_access_key=self._queue.secret_access_key.get_secret_value(),
                config=Config(
                    connect_timeout=CONNECT_TIMEOUT,
                    read_timeout=READ_TIMEOUT,
                    # The unit backs off; a repeat within the call would hide that.
                    retries={"total_max_attempts": 1},
                    proxies={},
                ),
            )
        return self._made


def changed_order(body: str, *, seller: str, marketplace: str) -> str:
    """The order an ORDER_CHANGE of this seller and marketplace names; "": it is something else.

    Names are written in PascalCase in this type (OrderChangeNotification.json, PayloadVersion 1.0).
    """
    try:
        message = json.loads(body)
    except ValueError:
        return ""
    if text(message, "NotificationType") != "ORDER_CHANGE":
        return ""
    change = part(part(message, "Payload"), "OrderChangeNotification")
    sold_on = text(part(change, "Summary"), "MarketplaceId")
    if text(change, "SellerId") != seller or sold_on not in ("", marketplace):
        return ""
    order = text(change, "AmazonOrderId")
    # Whoever may write into the queue may write what no address can hold; it would be read for ever.
    return order if _ORDER_ID.fullmatch(order) else ""
