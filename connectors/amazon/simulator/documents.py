"""Presigned documents: uploads and downloads that live for five minutes and need no token."""

from __future__ import annotations

import gzip
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from connectors.amazon.simulator.wire import Parameters
from connectors.simulation import Request, Response

#: "This URL expires after 5 minutes" (feeds and reports models).
URL_SECONDS = 300


@dataclass(slots=True)
class Document:
    document_id: str
    content_type: str
    #: None until uploaded
    content: bytes | None = None
    compressed: bool = False

    def text(self) -> bytes:
        content = self.content or b""
        return gzip.decompress(content) if self.compressed else content


class DocumentStore:
    """Answers PUT and GET on its own URLs the way the object store behind SP-API does."""

    def __init__(self, *, seed: int) -> None:
        self._key = f"documents {seed}".encode()
        self.documents: dict[str, Document] = {}

    def expect(self, document_id: str, *, content_type: str) -> Document:
        """A document that somebody will upload."""
        document = self.documents[document_id] = Document(document_id, content_type)
        return document

    def put(self, document_id: str, content: bytes, *, content_type: str) -> Document:
        """A document of Amazon's own, compressed."""
        document = self.documents[document_id] = Document(
            document_id, content_type, gzip.compress(content, mtime=0), compressed=True
        )
        return document

    def url(self, base: str, document: Document, *, method: str, now: datetime) -> str:
        until = str(int(now.timestamp()) + URL_SECONDS)
        query = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Expires": str(URL_SECONDS),
            "X-Amz-Until": until,
            "X-Amz-Signature": self._signature(document, method, until),
        }
        return f"{base}/documents/{document.document_id}?{urlencode(query)}"

    def _signature(self, document: Document, method: str, until: str) -> str:
        # The Content-Type of an upload is signed: another one does not match.
        kind = document.content_type if method == "PUT" else ""
        message = f"{method} {document.document_id} {until} {kind}".encode()
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()

    def answer(self, request: Request, document_id: str, *, now: datetime) -> Response:
        document = self.documents.get(document_id)
        if document is None:
            return _refused(404, "NoSuchKey", "The specified key does not exist.")
        parameters = Parameters(request.query)
        until = parameters.one("X-Amz-Until") or "0"
        signature = self._signature(document, request.method, until)
        if not hmac.compare_digest(signature, parameters.one("X-Amz-Signature") or ""):
            return _wrong_signature()
        if now.timestamp() > int(until):
            return _refused(403, "AccessDenied", "Request has expired")
        if request.method == "PUT":
            return self._upload(request, document)
        if document.content is None:
            return _refused(404, "NoSuchKey", "The specified key does not exist.")
        return Response(
            200, document.content, content_type=document.content_type, subject=document_id
        )

    def _upload(self, request: Request, document: Document) -> Response:
        if request.headers.get("content-type") != document.content_type:
            return _wrong_signature()
        document.content = request.body
        return Response(200, took_effect=True, subject=document.document_id)


def _wrong_signature() -> Response:
    return _refused(
        403,
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided.",
    )


def _refused(status: int, code: str, message: str) -> Response:
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    )
    return Response(status, body.encode(), content_type="application/xml")
