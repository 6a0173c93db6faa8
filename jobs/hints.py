"""HINTS in queues: a channel says which orders changed, and they are read at once instead of later.

What a hint says is not believed: the order is read from the channel. It leaves the queue only after
what it led to is committed; one that is lost costs the time until the next pull.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from core.errors import RateLimited, Rejected, Unavailable
from core.model.catalog import ChannelId
from core.model.orders import Order
from core.ports import Batch, HintQueue, OrderSource
from jobs.pull import record_batch
from jobs.run import Run
from jobs.store.store import Tx

EVERY = timedelta(seconds=10)
#: Orders read one by one in a run; the pull, which reads a hundred at once, gets the rest.
ONE_BY_ONE = 20


def follow_hints(run: Run, channel: ChannelId) -> None:
    """Read each order that a hint names; hurry the pull where there are more than can be read singly."""
    queue = run.wiring.channel(channel, HintQueue)
    source = run.wiring.channel(channel, OrderSource)
    hints = queue.read_hints()
    if not hints:
        return
    named = sorted({one.order for one in hints if one.order})
    batches = _read(run, source, named[:ONE_BY_ONE])
    together = Batch(
        tuple(one for batch in batches for one in batch.items),
        "",
        tuple(one for batch in batches for one in batch.rejects),
        tuple(one for batch in batches for one in batch.raw),
    )

    def saved(tx: Tx, _: Sequence[int]) -> None:
        if len(batches) < len(named):
            tx.wake(f"{channel}/orders")

    record_batch(run, channel, together, saved)
    queue.forget_hints(hints)


def _read(run: Run, source: OrderSource, named: Sequence[str]) -> list[Batch[Order]]:
    """As far as they can be read now; the others are left to the pull."""
    batches: list[Batch[Order]] = []
    for order in named:
        try:
            batches.append(source.get_order(order))
        except (RateLimited, Unavailable) as error:
            # Read again and again, one order that the channel cannot show would keep all hints waiting.
            run.log.info("hinted orders are left to the pull", problem=str(error))
            break
        except Rejected as error:
            # A name that the channel will not have, whoever wrote it there, stops no other.
            run.log.info("hinted order is left to the pull", order=order, problem=str(error))
    return batches
