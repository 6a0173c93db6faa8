"""Purchase orders to suppliers that take them by a call (a mail): told once, and never in doubt again.

Nobody can be asked whether a mail came. One whose outcome is unknown is not repeated: two mails may
be two orders to whoever keys them in. A person decides, or the supplier's answer proves that it came.
"""

from __future__ import annotations

from functools import partial

from core.model.purchasing import PurchaseState
from core.ports import PurchaseOrderService
from core.rules.effects import EffectState, EffectStep
from jobs import links
from jobs.once import Write, each_effect, send
from jobs.purchase import KIND, document_of, record_sent
from jobs.run import Run
from jobs.store.effects import EffectRow, Effects
from jobs.store.permissions import PURCHASES
from jobs.store.purchases import Purchases
from jobs.store.store import Tx


def submit_purchases(run: Run, connection: str) -> None:
    """Tell the supplier of approved purchase orders, each exactly once (I4)."""
    target = run.wiring.connector(connection, PurchaseOrderService)

    def ready(tx: Tx, effect: EffectRow) -> tuple[bytes, str] | None:
        document = document_of(tx, effect, target.purchase_document)
        if document is None:
            return None
        open_for = target.answer_page_for
        return document, links.issue(tx, run.wiring, connection, effect.key, open_for=open_for)

    def submit(effect: EffectRow, what: tuple[bytes, str]) -> str:
        document, page = what
        return target.submit_purchase(effect.key, document, answer_at=page)

    def sent(effect: EffectRow, _: object, reference: str) -> None:
        with run.transaction() as tx:
            record_sent(tx, effect, reference)

    _record_answered(run, connection)
    write = Write(PURCHASES, ready, submit, sent, document=lambda what: what[0])
    steps = {EffectStep.SEND: partial(send, run, write)}
    each_effect(run, connection, KIND, can_ask=False, steps=steps)


def _record_answered(run: Run, connection: str) -> None:
    """Who answers an order has it, whatever became of the call that told it."""
    with run.transaction() as tx:
        for effect in Effects(tx).live(connection, KIND, after=0, limit=500):
            in_doubt = effect.state in (EffectState.SENDING, EffectState.UNKNOWN)
            order = Purchases(tx).get(effect.key)
            if in_doubt and order is not None and order.state is not PurchaseState.DRAFT:
                record_sent(tx, effect, effect.remote_ref)
