"""An SQS queue as Amazon's own (AWS JSON protocol 1.0): at least once, in no order, hidden for a while.

Requests must be signed (Signature Version 4) with the queue owner's keys. A message that is received
is hidden for its visibility timeout and comes again unless it is deleted by the receipt handle of its
last reception; each reception makes a new handle. Names and error codes are those of the SQS API.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote

from connectors.simulation import (
    HTTP_FAULTS,
    FaultRule,
    HttpSimulator,
    Request,
    Response,
    SimulatorClock,
)

_TARGET = "AmazonSQS."
_MOST = 10


class Refused(Exception):
    """An error answer of the JSON protocol."""

    def __init__(self, code: str, message: str, *, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.status = code, status

    def response(self) -> Response:
        body = {"__type": f"com.amazonaws.sqs#{self.code}", "message": str(self)}
        return Response(
            self.status, json.dumps(body).encode(), content_type="application/x-amz-json-1.0"
        )


@dataclass(slots=True)
class Message:
    message_id: str
    body: str
    visible_from: datetime
    #: of the last reception; only it deletes the message
    receipt: str = ""
    received: int = 0
    deleted: bool = False


class QueueSimulator(HttpSimulator):
    """One standard queue. `send` puts a message in; copies of it may arrive besides."""

    kind: ClassVar[str] = "sqs"
    fault_kinds: ClassVar[Mapping[str, str]] = HTTP_FAULTS | {
        "throttled": "400 ThrottlingException, the request not applied",
    }

    def __init__(
        self,
        *,
        clock: SimulatorClock,
        seed: int,
        access_key_id: str = "AKIASIMULATED",
        secret_access_key: str = "simulated-secret",
        region: str = "us-east-1",
        path: str = "437568002678/lockstep-orders",
    ) -> None:
        super().__init__(clock=clock, seed=seed)
        self.access_key_id, self.region = access_key_id, region
        self._secret_access_key = secret_access_key
        self._path = path
        self.messages: list[Message] = []
        self._chance = random.Random(f"queue {seed}")

    @property
    def queue_url(self) -> str:
        return f"{self.url}/{self._path}"

    def send(self, body: str, *, duplicates: int = 0) -> None:
        with self.lock:
            for _ in range(1 + duplicates):
                self.messages.append(Message(self._token(32), body, self.clock.now()))

    @property
    def left(self) -> int:
        """Messages that were not deleted."""
        with self.lock:
            return sum(not one.deleted for one in self.messages)

    # HTTP

    def operation(self, request: Request) -> str:
        return request.headers.get("x-amz-target", "").removeprefix(_TARGET) or "unknown"

    def answer(self, request: Request, operation: str) -> Response:
        known: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "ReceiveMessage": self._receive,
            "DeleteMessage": self._delete,
            "DeleteMessageBatch": self._delete_batch,
        }
        try:
            self._admit(request)
            if operation not in known:
                raise Refused("InvalidAction", f"The action {operation} is not valid.")
            body = request.json()
            if not isinstance(body, dict) or body.get("QueueUrl") != self.queue_url:
                raise Refused("QueueDoesNotExist", "The specified queue does not exist.")
            told = known[operation](body)
        except Refused as error:
            return error.response()
        return Response(
            200,
            json.dumps(told).encode(),
            content_type="application/x-amz-json-1.0",
            took_effect=operation != "ReceiveMessage",
        )

    def answer_fault(self, rule: FaultRule, request: Request, operation: str) -> Response | None:
        if rule.kind == "throttled":
            return Refused("ThrottlingException", "Rate exceeded").response()
        return None

    def _receive(self, body: dict[str, Any]) -> dict[str, Any]:
        most = body.get("MaxNumberOfMessages", 1)
        hidden = body.get("VisibilityTimeout", 30)
        if not isinstance(most, int) or not 1 <= most <= _MOST:
            raise Refused("InvalidParameterValue", "MaxNumberOfMessages must be between 1 and 10.")
        if not isinstance(hidden, int) or not 0 <= hidden <= 43_200:
            raise Refused("InvalidParameterValue", "VisibilityTimeout is out of range.")
        now = self.clock.now()
        visible = [one for one in self.messages if not one.deleted and one.visible_from <= now]
        self._chance.shuffle(visible)
        for one in visible[:most]:
            one.visible_from = now + timedelta(seconds=hidden)
            one.receipt, one.received = self._token(48), one.received + 1
        if not visible:
            return {}
        return {
            "Messages": [
                {
                    "MessageId": one.message_id,
                    "ReceiptHandle": one.receipt,
                    "MD5OfBody": hashlib.md5(one.body.encode(), usedforsecurity=False).hexdigest(),
                    "Body": one.body,
                }
                for one in visible[:most]
            ]
        }

    def _delete(self, body: dict[str, Any]) -> dict[str, Any]:
        self._remove(body.get("ReceiptHandle"))
        return {}

    def _delete_batch(self, body: dict[str, Any]) -> dict[str, Any]:
        entries = body.get("Entries")
        if not isinstance(entries, list) or not entries:
            raise Refused("EmptyBatchRequest", "There should be at least one entry.")
        if len(entries) > _MOST:
            raise Refused("TooManyEntriesInBatchRequest", "Maximum number of entries is 10.")
        names = [entry.get("Id") for entry in entries]
        if len(set(names)) != len(names):
            raise Refused("BatchEntryIdsNotDistinct", "Id is repeated.")
        done, failed = [], []
        for entry in entries:
            try:
                self._remove(entry.get("ReceiptHandle"))
                done.append({"Id": entry["Id"]})
            except Refused as error:
                told = {"Id": entry["Id"], "Code": error.code, "SenderFault": True}
                failed.append(told | {"Message": str(error)})
        return {"Successful": done, "Failed": failed}

    def _remove(self, receipt: object) -> None:
        """An older reception's handle is taken, and may leave the message where it is."""
        if not isinstance(receipt, str) or not receipt:
            raise Refused("ReceiptHandleIsInvalid", "The receipt handle is not valid.")
        for one in self.messages:
            if one.receipt == receipt:
                one.deleted = True

    # Signature Version 4

    def _admit(self, request: Request) -> None:
        if request.method != "POST":
            raise Refused("InvalidAction", "Only POST is answered.", status=405)
        scheme, _, rest = request.headers.get("authorization", "").partition(" ")
        parts = dict(one.strip().partition("=")[::2] for one in rest.split(",") if "=" in one)
        if scheme != "AWS4-HMAC-SHA256" or not {"Credential", "SignedHeaders", "Signature"} <= set(
            parts
        ):
            raise Refused("MissingAuthenticationToken", "The request is not signed.", status=403)
        key_id, day, *scope = parts["Credential"].split("/")
        if key_id != self.access_key_id:
            raise Refused("InvalidClientTokenId", "The security token is not valid.", status=403)
        if scope != [self.region, "sqs", "aws4_request"]:
            raise Refused("SignatureDoesNotMatch", "The credential scope is wrong.", status=403)
        signature = self._signature(request, parts["SignedHeaders"], day)
        if not hmac.compare_digest(signature, parts["Signature"]):
            raise Refused("SignatureDoesNotMatch", "The signature does not match.", status=403)

    def _signature(self, request: Request, signed: str, day: str) -> str:
        headers = "".join(
            f"{name}:{' '.join(request.headers.get(name, '').split())}\n"
            for name in signed.split(";")
        )
        payload = hashlib.sha256(request.body).hexdigest()
        canonical = f"{request.method}\n{quote(request.path)}\n\n{headers}\n{signed}\n{payload}"
        scope = f"{day}/{self.region}/sqs/aws4_request"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        said = f"AWS4-HMAC-SHA256\n{request.headers.get('x-amz-date', '')}\n{scope}\n{digest}"
        key = f"AWS4{self._secret_access_key}".encode()
        for part in (day, self.region, "sqs", "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return hmac.new(key, said.encode(), hashlib.sha256).hexdigest()

    def _token(self, length: int) -> str:
        return f"{self._chance.getrandbits(length * 4):0{length}x}"

    # The control API

    def books(self) -> dict[str, Any]:
        with self.lock:
            return {
                "messages": [
                    {"id": one.message_id, "received": one.received, "deleted": one.deleted}
                    for one in self.messages
                ]
            }

    def place_order(self, order: dict[str, Any]) -> dict[str, Any]:
        """{"send": text, "duplicates": n}: somebody puts a message in. Raises ValueError."""
        match order:
            case {"send": str(body), **rest} if not set(rest) - {"duplicates"}:
                self.send(body, duplicates=int(rest.get("duplicates", 0)))
                return {}
            case _:
                raise ValueError('only {"send": text, "duplicates": n} is known')
