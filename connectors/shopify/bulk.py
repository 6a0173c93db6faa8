"""Many quantities as one bulk mutation: a JSONL file, one `inventorySetQuantities` for each line.

A line sets one quantity, so that one stale comparison refuses that line and no other. Comparing
makes late lines harmless: a quantity that was lowered meanwhile is not what the line expects.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from connectors.http import Http
from connectors.shopify import documents
from connectors.shopify.client import Client
from connectors.shopify.offers import outcome_of, set_input
from core.errors import Rejected, Unauthorized, Unavailable, UnknownOutcome
from core.model.catalog import OfferChange, OfferOutcome, OfferResult
from core.ports import BulkProgress, BulkStage, Key, RemoteRef

#: 100 MB at some 350 bytes a line.
MOST_LINES = 250_000
CONTENT_TYPE = "text/jsonl"
#: BulkOperationStatus -> where it is. A word we do not know is taken for "not over".
STAGES = {
    "CREATED": BulkStage.QUEUED,
    "RUNNING": BulkStage.RUNNING,
    "CANCELING": BulkStage.RUNNING,
    "COMPLETED": BulkStage.ENDED,
    # Some lines may have run; what is not in the partial file is read back.
    "CANCELED": BulkStage.FAILED,
    "FAILED": BulkStage.FAILED,
    "EXPIRED": BulkStage.FAILED,
}
_NAMESPACE = uuid.UUID("0f4b62a5-2d2e-5c2e-8f0b-6f5a5a5f1d10")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class BulkMutations:
    """Bulk operations of one shop. The key stands in the mutation's name, and is found by it."""

    def __init__(self, name: str, client: Client, http: Http) -> None:
        self._name = name
        self._client = client
        self._http = http

    def stage(self, changes: Sequence[OfferChange], *, key: Key) -> str:
        """Upload the lines; the path a bulk mutation takes them from. Nothing runs."""
        wish = {
            "resource": "BULK_MUTATION_VARIABLES",
            "filename": f"{key}.jsonl",
            "mimeType": CONTENT_TYPE,
            "httpMethod": "POST",
        }
        operation = documents.STAGED_UPLOADS_CREATE.name
        try:
            data = self._client.write(documents.STAGED_UPLOADS_CREATE, {"input": [wish]})
        except UnknownOutcome as error:
            # A place to put a file changes nothing: ask for another.
            raise self._trouble(operation, str(error)) from None
        payload = data["stagedUploadsCreate"] or {}
        self._refuse(payload.get("userErrors"), operation)
        (target,) = payload.get("stagedTargets") or [{}]
        parameters = {one["name"]: one["value"] for one in target.get("parameters", ())}
        if not target.get("url") or "key" not in parameters:
            raise self._trouble(operation, "an answer without a place to upload to")
        self._check(target["url"], operation)
        content = "".join(f"{line}\n" for line in lines_of(changes, key=key)).encode()
        try:
            self._http.call(
                "POST",
                target["url"],
                operation=operation,
                write=False,
                expect_json=False,
                data=parameters,
                files={"file": (f"{key}.jsonl", content, CONTENT_TYPE)},
            )
        except (Rejected, Unauthorized):
            # The storage's words may repeat the signed policy.
            raise self._trouble(operation, "the upload was refused") from None
        return str(parameters["key"])

    def submit(self, path: str, *, key: Key) -> RemoteRef:
        document = documents.BULK_RUN_MUTATION
        variables = {"mutation": mutation_of(key), "path": path, "client": key}
        payload = self._client.write(document, variables)["bulkOperationRunMutation"] or {}
        errors = payload.get("userErrors") or []
        if any(one.get("code") == "OPERATION_IN_PROGRESS" for one in errors):
            # Five others run; nothing of ours began.
            raise self._trouble(document.name, "too many bulk operations are running")
        self._refuse(errors, document.name)
        identity = (payload.get("bulkOperation") or {}).get("id")
        if not identity:
            raise UnknownOutcome(
                "an answer without an operation", connector=self._name, operation=document.name
            )
        return str(identity)

    def find(self, *, key: Key, since: datetime) -> RemoteRef | None:
        """The operation whose mutation has our name; the newest come first."""
        after = None
        while True:
            found = self._client.read(documents.BULK_OPERATIONS, {"after": after})["bulkOperations"]
            for node in found["nodes"]:
                if name_of(key) in node["query"]:
                    return str(node["id"])
                if _instant(node["createdAt"]) < since:
                    return None
            if not found["pageInfo"]["hasNextPage"]:
                return None
            after = found["pageInfo"]["endCursor"]

    def look(self, ref: RemoteRef) -> BulkProgress:
        found = self._operation(ref)
        if found is None:
            return BulkProgress(BulkStage.FAILED, "Shopify does not know this operation")
        stage = STAGES.get(found["status"], BulkStage.RUNNING)
        return BulkProgress(stage, f"{found['status']} {found['errorCode'] or ''}".strip())

    def cancel(self, ref: RemoteRef) -> None:
        document = documents.BULK_CANCEL
        payload = self._client.write(document, {"id": ref})["bulkOperationCancel"] or {}
        self._refuse(payload.get("userErrors"), document.name)

    def results(self, ref: RemoteRef, changes: Sequence[OfferChange]) -> list[OfferResult]:
        """Each change by its line, in the order they were staged in; one without is UNKNOWN."""
        found = self._operation(ref) or {}
        lines = self._lines(found["url"]) if found.get("url") else []
        by_number = dict(filter(None, (_read(line) for line in lines)))
        return [
            _result(change, by_number.get(number), ref) for number, change in enumerate(changes)
        ]

    def _operation(self, ref: RemoteRef) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self._client.read(documents.BULK_OPERATION, {"id": ref})[
            "bulkOperation"
        ]
        return found

    def _lines(self, url: str) -> list[str]:
        operation = documents.BULK_OPERATION.name
        self._check(url, operation)
        try:
            answer = self._http.call(
                "GET", url, operation=operation, write=False, expect_json=False
            )
        except (Rejected, Unauthorized):
            raise self._trouble(operation, "the results' address was refused") from None
        return answer.body.decode("utf-8").splitlines()

    def _refuse(self, errors: Sequence[Mapping[str, Any]] | None, operation: str) -> None:
        if errors:
            words = "; ".join(str(one.get("message")) for one in errors)
            code = str(errors[0].get("code") or "")
            raise Rejected(words, connector=self._name, operation=operation, code=code)

    def _check(self, url: str, operation: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
            raise Rejected(
                "the file's address is not https",
                connector=self._name,
                operation=operation,
                code="address",
            )

    def _trouble(self, operation: str, words: str) -> Unavailable:
        return Unavailable(words, connector=self._name, operation=operation)


def name_of(key: Key) -> str:
    return f"Lockstep_{key}"


def mutation_of(key: Key) -> str:
    """The mutation that runs for each line; its name is our key."""
    return documents.INVENTORY_SET.text.replace(documents.INVENTORY_SET.name, name_of(key), 1)


def lines_of(changes: Sequence[OfferChange], *, key: Key) -> Iterator[str]:
    """The variables of each line. A line that runs twice, in one file or two, changes nothing."""
    for number, change in enumerate(changes):
        place = str(uuid.uuid5(_NAMESPACE, f"{key}/{number}/{change.key.remote_location}"))
        yield json.dumps({"input": set_input([change]), "key": place})


def _read(line: str) -> tuple[int, dict[str, Any]] | None:
    """(number of the line, its payload); None for what is no result of a line."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    number = found.get("__lineNumber") if isinstance(found, dict) else None
    if not isinstance(number, int):
        return None
    data = found.get("data") or {}
    return number, {"payload": data.get("inventorySetQuantities"), "errors": found.get("errors")}


def _result(change: OfferChange, read: Mapping[str, Any] | None, ref: RemoteRef) -> OfferResult:
    payload = read["payload"] if read is not None else None
    if not isinstance(payload, Mapping):
        return OfferResult(change.key, OfferOutcome.UNKNOWN, submission=ref)
    errors = payload.get("userErrors") or []
    if errors:
        code = str(errors[0].get("code") or "")
        message = str(errors[0].get("message") or "")
        return OfferResult(change.key, outcome_of(code), ref, code, message[:500])
    return OfferResult(change.key, OfferOutcome.SHOWN, submission=ref)


def _instant(words: str) -> datetime:
    return datetime.fromisoformat(words).astimezone(UTC)
