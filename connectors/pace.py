"""Our own pace at a remote: a call waits for its turn, or its run ends and comes back later."""

from __future__ import annotations

from core.errors import RateLimited
from core.ports import Inside

#: Clock seconds a call waits for the bucket; beyond, the run ends and its unit is due later.
LONGEST_WAIT = 30.0


class Pace:
    """The buckets of one connection, kept in the store: a restart does not fill them."""

    def __init__(self, name: str, *, inside: Inside) -> None:
        self._name = name
        self._inside = inside

    def affords(self, bucket: str, *, in_a_day: int) -> bool:
        """Whether one more of what costs money may be had now; if so, it is counted.

        In any 24 hours not more than `in_a_day`: half of them at once, half as time goes by.
        """
        name, half = f"{self._name} {bucket}", in_a_day / 2
        rate = half / 86_400
        if self._inside.rates.take(name, rate=rate, burst=half) <= 0:
            return True
        self._inside.rates.take(name, rate=rate, burst=half, cost=-1.0)
        return False

    def wait(self, bucket: str, *, operation: str, rate: float, burst: float) -> None:
        """Wait for a turn of `rate` a second, `burst` at once.

        Raises RateLimited where it is too far off; the turn is given back.
        """
        name = f"{self._name} {bucket}"
        wait = self._inside.rates.take(name, rate=rate, burst=burst)
        if wait > LONGEST_WAIT:
            self._inside.rates.take(name, rate=rate, burst=burst, cost=-1.0)
            raise RateLimited(
                "our own pace", connector=self._name, operation=operation, retry_after=wait
            )
        self._inside.clock.sleep(wait)
