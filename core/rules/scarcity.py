"""What it costs to take a place's last units: sales that only that place could have served."""

from __future__ import annotations

from core.rules.risk import Amount, chances


def expected_loss(demand: Amount, *, free: int, margin: int, units: int) -> tuple[int, ...]:
    """Cents expected to be lost by taking 1, 2, ... `units` of the `free` ones a channel can sell.

    The k-th unit taken is missed if the channel asks for more than are then left before more arrive:
    `margin` cents times the chance of that. Each unit costs at least what the one before did.
    """
    if margin <= 0 or demand.mean <= 0:
        return ()
    likely = chances(demand.coarse())
    steps: list[int] = []
    for taken in range(1, units + 1):
        left = free - taken
        more = sum(likely[left + 1 :]) if left >= 0 else 1.0
        steps.append(round(margin * min(1.0, more)))
    # Nothing is worth a look where even the last one is missed by nobody.
    return tuple(steps) if steps and steps[-1] else ()
