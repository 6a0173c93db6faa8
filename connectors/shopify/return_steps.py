"""A return at Shopify, from one status to the next: approved, declined, closed, canceled, reopened.

None of these mutations has an idempotency key, and none needs one: each is possible in one status
alone, and what was done before is refused as INVALID_STATE. So a refusal is looked at before it is
believed: who did it meanwhile, a person in the admin or a call of ours whose answer was lost, did it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.shopify import documents, mapping_returns
from connectors.shopify.client import Client
from connectors.shopify.documents import Document
from core.errors import Rejected, UnknownOutcome
from core.model.returns import REACHED, ReturnMove, ReturnStatus, ReturnStep
from core.ports import RemoteRef

#: ReturnDeclineReason.
DECLINE_REASONS = ("RETURN_PERIOD_ENDED", "FINAL_SALE", "OTHER")
#: ReturnDeclineRequestInput.declineNote: "Maximum length: 500 characters."
MOST_NOTE = 500

_STEPS: Mapping[ReturnStep, tuple[Document, str]] = {
    ReturnStep.APPROVE: (documents.RETURN_APPROVE, "returnApproveRequest"),
    ReturnStep.DECLINE: (documents.RETURN_DECLINE, "returnDeclineRequest"),
    ReturnStep.CLOSE: (documents.RETURN_CLOSE, "returnClose"),
    ReturnStep.CANCEL: (documents.RETURN_CANCEL, "returnCancel"),
    ReturnStep.REOPEN: (documents.RETURN_REOPEN, "returnReopen"),
}


class ReturnSteps:
    """Returns of one shop, one step at a time."""

    def __init__(self, client: Client, *, name: str, notify_customer: bool) -> None:
        self._client = client
        self._name = name
        self._notify = notify_customer

    def push(self, move: ReturnMove) -> RemoteRef:
        """Make the step; the return's gid.

        Raises Rejected (Shopify's code, or return_not_found), UnknownOutcome, and what the client
        raises.
        """
        document, field = _STEPS[move.step]
        told = self._client.write(document, self._asked(move))[field]
        if told is None:
            raise UnknownOutcome(
                "an answer without a result", connector=self._name, operation=document.name
            )
        errors = told["userErrors"]
        # A notification that could not be sent takes nothing back of what it was to tell.
        if errors and self.status(move.remote_id) not in REACHED[move.step]:
            raise Rejected(
                "; ".join(str(one["message"]) for one in errors)[:300],
                connector=self._name, operation=document.name, code=str(errors[0]["code"] or ""),
            )  # fmt: skip
        return move.remote_id

    def _asked(self, move: ReturnMove) -> dict[str, Any]:
        match move.step:
            case ReturnStep.APPROVE:
                return {"input": {"id": move.remote_id, "notifyCustomer": self._notify}}
            case ReturnStep.DECLINE:
                wish = {
                    "id": move.remote_id,
                    "declineReason": move.reason,
                    "notifyCustomer": self._notify,
                }
                note = {"declineNote": move.note[:MOST_NOTE]} if move.note else {}
                return {"input": {**wish, **note}}
            case _:
                return {"id": move.remote_id}

    def status(self, return_id: str) -> ReturnStatus:
        """How it stands there. Raises Rejected (return_not_found)."""
        operation = documents.RETURN_STATUS.name
        told = self._client.read(documents.RETURN_STATUS, {"id": return_id})["return"]
        if told is None:
            raise Rejected(
                "there is no such return",
                connector=self._name, operation=operation, code="return_not_found",
            )  # fmt: skip
        return mapping_returns.STATUS.get(told["status"], ReturnStatus.UNKNOWN)
