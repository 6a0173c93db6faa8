"""Bulk mutations: a file staged, an operation that works through it, a result line for each line.

Five at a time per app and shop since 2026-01; not rate limited; each line is a mutation of its own,
with its own comparison and its own userErrors. Results can be fetched for seven days.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import Message
from email.parser import BytesParser
from typing import Any
from urllib.parse import urlsplit

from graphql import FieldNode, GraphQLError, OperationDefinitionNode, parse

from connectors.shopify.simulator.call import Call
from connectors.shopify.simulator.refusal import refuse
from connectors.shopify.simulator.resolving import Resolvers, page
from connectors.shopify.simulator.writing import mutation
from connectors.simulation import Request, Response

RESOLVERS = Resolvers()
reads = RESOLVERS.reads

RUNNING = ("CREATED", "RUNNING", "CANCELING")
AT_ONCE = 5
LARGEST = 100 * 1024 * 1024
LARGEST_MUTATION = 65_535
#: Staged files are kept a day, results a week.
UPLOAD_LIFE, RESULT_LIFE = timedelta(hours=24), timedelta(days=7)
#: The mutations of this simulator that may run in bulk.
ALLOWED = frozenset(
    {"inventorySetQuantities", "inventoryAdjustQuantities", "tagsAdd", "tagsRemove"}
)
#: Runs one line: (mutation, variables) -> the answer's JSON.
RunLine = Callable[[str, Mapping[str, Any]], dict[str, Any]]


@dataclass
class Upload:
    policy: str
    expires: datetime
    content: bytes | None = None


@dataclass
class Operation:
    """A BulkOperation; attributes are the fields of its type."""

    id: str
    query: str
    path: str
    created_at: datetime
    status: str = "CREATED"
    type: str = "MUTATION"
    completed_at: datetime | None = None
    error_code: str | None = None
    file_size: int | None = None
    object_count: int = 0
    root_object_count: int = 0
    url: str | None = None
    partial_data_url: str | None = None
    #: what may be fetched, and until when
    content: bytes = b""
    expires: datetime | None = None


@dataclass
class Bulk:
    """All staged files and operations of one shop."""

    #: seconds until an operation begins, and until it ends after that
    delay: tuple[float, float] = (5.0, 60.0)
    base: str = ""
    run_line: RunLine | None = None
    uploads: dict[str, Upload] = field(default_factory=dict)
    operations: dict[str, Operation] = field(default_factory=dict)
    #: "stuck": the next operation does not end; "broken": it fails half-way
    fate: str = ""
    stuck: set[str] = field(default_factory=set)

    def doom(self, fate: str) -> None:
        if fate not in ("stuck", "broken", ""):
            raise ValueError(f"an operation can be stuck or broken, not {fate!r}")
        self.fate = fate

    def running(self) -> list[Operation]:
        return [one for one in self.operations.values() if one.status in RUNNING]

    # --- over HTTP, without a token --------------------------------------------------------------

    def answer(self, request: Request, *, now: datetime) -> Response | None:
        """The storage's own addresses; None: not one of them."""
        path = urlsplit(request.path).path
        if path == "/staged" and request.method == "POST":
            return self._upload(request, now)
        if path.startswith("/bulk-results/") and request.method == "GET":
            return self._download(path.removeprefix("/bulk-results/"), now)
        return None

    def _upload(self, request: Request, now: datetime) -> Response:
        fields = _form(request)
        key = fields.get("key", b"").decode()
        upload = self.uploads.get(key)
        if upload is None or fields.get("policy", b"").decode() != upload.policy:
            return _denied("AccessDenied")
        if now > upload.expires:
            return _denied("ExpiredToken")
        if fields.get("Content-Type") != b"text/jsonl":
            return _denied("AccessDenied")
        upload.content = fields.get("file", b"")
        body = f"<PostResponse><Key>{key}</Key></PostResponse>"
        return Response(
            201, body.encode(), content_type="application/xml", took_effect=True, subject=key
        )

    def _download(self, name: str, now: datetime) -> Response:
        found = [one for one in self.operations.values() if one.url and one.url.endswith(name)]
        found += [
            one
            for one in self.operations.values()
            if one.partial_data_url and one.partial_data_url.endswith(name)
        ]
        if not found or (found[0].expires is not None and now > found[0].expires):
            return _denied("ExpiredToken")
        return Response(200, found[0].content, content_type="application/jsonl")


def _denied(code: str) -> Response:
    return Response(403, f"<Error><Code>{code}</Code></Error>".encode(), content_type="text/xml")


def _form(request: Request) -> dict[str, bytes]:
    """multipart/form-data, field by field; the file comes last."""
    head = f"Content-Type: {request.headers.get('content-type', '')}\r\n\r\n".encode()
    message = BytesParser().parsebytes(head + request.body)
    found: dict[str, bytes] = {}
    for part in message.get_payload() if message.is_multipart() else []:
        if isinstance(part, Message):
            name = part.get_param("name", header="content-disposition")
            content = part.get_payload(decode=True)
            found[str(name)] = content if isinstance(content, bytes) else b""
    return found


# --- GraphQL -------------------------------------------------------------------------------------


@mutation("stagedUploadsCreate")
def _stage(call: Call, arguments: dict[str, Any]) -> dict[str, Any]:
    bulk = call.shop.bulk
    targets = []
    for row, wish in enumerate(arguments["input"]):
        if wish["mimeType"] != "text/jsonl":
            raise refuse(
                f"{wish['filename']}: ({wish['mimeType']}) is not a recognized format",
                field=["input", row, "mimeType"],
            )
        key = f"tmp/1/bulk/{call.shop.new_id('StagedUpload').rpartition('/')[2]}/{wish['filename']}"
        policy = secrets.token_hex(16)
        bulk.uploads[key] = Upload(policy, call.shop.clock.now() + UPLOAD_LIFE)
        parameters = {"key": key, "policy": policy, "Content-Type": "text/jsonl", "acl": "private"}
        targets.append(
            {
                "url": f"{bulk.base}/staged",
                "resourceUrl": None,
                "parameters": [{"name": k, "value": v} for k, v in parameters.items()],
            }
        )
    return {"stagedTargets": targets}


@mutation("bulkOperationRunMutation")
def _run(call: Call, arguments: dict[str, Any]) -> dict[str, Any]:
    bulk, text = call.shop.bulk, arguments["mutation"]
    _check_mutation(text)
    identifier = arguments.get("clientIdentifier")
    if identifier is not None and not 10 <= len(identifier) <= 255:
        words = "short (minimum is 10" if len(identifier) < 10 else "long (maximum is 255"
        raise refuse(
            f"is too {words} characters)", field=["clientIdentifier"], code="INVALID_MUTATION"
        )
    upload = bulk.uploads.get(arguments["stagedUploadPath"])
    if upload is None or upload.content is None or call.shop.clock.now() > upload.expires:
        raise refuse(
            "The JSONL file could not be found. Try uploading the file again, and check that you've"
            " entered the URL correctly for the stagedUploadPath mutation argument.",
            code="NO_SUCH_FILE",
        )
    if not upload.content.strip():
        raise refuse("The input file is empty.", code="INVALID_STAGED_UPLOAD_FILE")
    if len(upload.content) > LARGEST:
        raise refuse(
            "The input file size exceeds the maximum allowed size of 100 MB.",
            code="INVALID_STAGED_UPLOAD_FILE",
        )
    running = bulk.running()
    if len(running) >= AT_ONCE:
        ids = ", ".join(one.id for one in running)
        raise refuse(
            f"A bulk mutation operation for this app and shop is already in progress: {ids}.",
            code="OPERATION_IN_PROGRESS",
        )
    made = Operation(
        call.shop.new_id("BulkOperation"), text, arguments["stagedUploadPath"], call.shop.now()
    )
    bulk.operations[made.id] = made
    fate, bulk.fate = bulk.fate, ""
    begins, lasts = bulk.delay
    call.shop.later(begins, lambda: _begin(call, made, fate))
    call.shop.later(begins + lasts, lambda: _finish(call, made, broken=fate == "broken"))
    call.wrote(made.id)
    return {"bulkOperation": made}


def _check_mutation(text: str) -> None:
    if len(text.encode()) > LARGEST_MUTATION:
        raise refuse(
            f"is too large ({len(text.encode())} bytes; maximum is {LARGEST_MUTATION} bytes)",
            field=["query"],
            code="INVALID_MUTATION",
        )
    try:
        document = parse(text)
    except GraphQLError as error:
        raise refuse(
            f"Failed to parse the mutation - {error.message}", code="INVALID_MUTATION"
        ) from None
    operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    if not operations or operations[0].operation.value != "mutation":
        raise refuse(
            "Invalid operation type. Only `mutation` operations are supported.",
            code="INVALID_MUTATION",
        )
    roots = [n for n in operations[0].selection_set.selections if isinstance(n, FieldNode)]
    if len(operations) > 1 or len(roots) != 1:
        raise refuse("You must specify a single top level mutation.", field=["mutation"])
    if roots[0].name.value not in ALLOWED:
        raise refuse("You must use an allowed mutation name.", field=["mutation"])


def _begin(call: Call, one: Operation, fate: str) -> None:
    if one.status != "CREATED":
        return
    one.status = "RUNNING"
    if fate == "stuck":
        call.shop.bulk.stuck.add(one.id)


def free(call_shop: Any) -> None:
    """Operations that are stuck end now."""
    bulk = call_shop.bulk
    for identity in sorted(bulk.stuck):
        _end(call_shop, bulk.operations[identity], broken=False)
    bulk.stuck.clear()


def _finish(call: Call, one: Operation, *, broken: bool) -> None:
    if one.id not in call.shop.bulk.stuck:
        _end(call.shop, one, broken=broken)


def _end(shop: Any, one: Operation, *, broken: bool) -> None:
    """Work through the file; an operation that breaks or was canceled leaves the rest undone."""
    if one.status not in ("RUNNING", "CANCELING"):
        return
    bulk: Bulk = shop.bulk
    assert bulk.run_line is not None, "the server sets it"
    lines = list(_lines(bulk.uploads[one.path].content or b""))
    if one.status == "CANCELING":
        lines = []
    results = []
    for number, line in enumerate(lines[: len(lines) // 2] if broken else lines):
        try:
            answer = bulk.run_line(one.query, json.loads(line))
        except ValueError:
            answer = {"errors": [{"message": "The line is not valid JSON."}]}
        answer.pop("extensions", None)
        results.append(json.dumps({**answer, "__lineNumber": number}))
    one.object_count = one.root_object_count = len(results)
    one.completed_at = shop.now()
    one.content = "".join(f"{line}\n" for line in results).encode()
    one.file_size = len(one.content)
    one.expires = shop.clock.now() + RESULT_LIFE
    address = f"{bulk.base}/bulk-results/{one.id.rpartition('/')[2]}-{secrets.token_hex(8)}.jsonl"
    if one.status == "CANCELING":
        one.status = "CANCELED"
    elif broken:
        one.status, one.error_code, one.partial_data_url = (
            "FAILED",
            "INTERNAL_SERVER_ERROR",
            address,
        )
    else:
        one.status, one.url = "COMPLETED", address


def _lines(content: bytes) -> Iterator[str]:
    for line in content.decode("utf-8", "replace").splitlines():
        if line.strip():
            yield line


@mutation("bulkOperationCancel")
def _cancel(call: Call, arguments: dict[str, Any]) -> dict[str, Any]:
    one = call.shop.bulk.operations.get(arguments["id"])
    if one is None:
        raise refuse("Bulk operation does not exist", field=["id"])
    if one.status not in RUNNING:
        raise refuse(
            f"A bulk operation cannot be canceled when it is {one.status.lower()}", field=["id"]
        )
    if one.status == "CREATED":
        one.status, one.completed_at = "CANCELED", call.shop.now()
    else:
        one.status = "CANCELING"
        call.shop.bulk.stuck.discard(one.id)
        call.shop.later(1.0, lambda: _finish(call, one, broken=False))
    call.wrote(one.id)
    return {"bulkOperation": one}


@reads("QueryRoot", "bulkOperation")
def _one(source: Any, call: Call, arguments: dict[str, Any]) -> Any:
    return call.shop.bulk.operations.get(arguments["id"])


@reads("QueryRoot", "bulkOperations")
def _all(source: Any, call: Call, arguments: dict[str, Any]) -> Any:
    sort = arguments.get("sortKey", "CREATED_AT")
    keys: dict[str, Callable[[Operation], Any]] = {
        "CREATED_AT": lambda one: one.created_at,
        "COMPLETED_AT": lambda one: one.completed_at or one.created_at,
    }
    return page(
        call.shop.bulk.operations.values(),
        arguments,
        key=keys.get(sort, keys["CREATED_AT"]),
        bound_to=f"bulkOperations {sort}",
    )
