"""One simulated remote alone, for a user's own integration tests."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from connectors.simulation import Simulator, SimulatorClock
from core.errors import LockstepError
from jobs.clock import ScaledClock
from jobs.signals import stop_on_signals


def _shopify(clock: SimulatorClock, seed: int) -> Simulator:
    from connectors.shopify.simulator import ShopifySimulator

    made = ShopifySimulator(clock=clock, seed=seed)
    made.load_catalog()
    return made


def _amazon(clock: SimulatorClock, seed: int) -> Simulator:
    from connectors.amazon.simulator import AmazonSimulator

    made = AmazonSimulator(clock=clock, seed=seed)
    made.load_catalog()
    return made


def _supplier(clock: SimulatorClock, seed: int) -> Simulator:
    from connectors.supplier_file.simulator import SupplierSimulator

    return SupplierSimulator(
        clock=clock, seed=seed, stock={f"SKU-{n:03d}": 10 * n for n in range(1, 21)}
    )


def _ups(clock: SimulatorClock, seed: int) -> Simulator:
    from connectors.ups.simulator import UpsSimulator

    return UpsSimulator(clock=clock, seed=seed)


def _usps(clock: SimulatorClock, seed: int) -> Simulator:
    from connectors.usps.simulator import UspsSimulator

    return UspsSimulator(clock=clock, seed=seed)


def _fedex(clock: SimulatorClock, seed: int) -> Simulator:
    from connectors.fedex.simulator import FedexSimulator

    return FedexSimulator(clock=clock, seed=seed)


def _dhl(clock: SimulatorClock, seed: int) -> Simulator:
    from connectors.dhl.simulator import DhlSimulator

    return DhlSimulator(clock=clock, seed=seed)


def _easypost(clock: SimulatorClock, seed: int) -> Simulator:
    from connectors.easypost.simulator import EasypostSimulator

    return EasypostSimulator(clock=clock, seed=seed)


def _seventeen_track(clock: SimulatorClock, seed: int) -> Simulator:
    from connectors.seventeen_track.simulator import SeventeenTrackSimulator

    return SeventeenTrackSimulator(clock=clock, seed=seed)


def _smtp(clock: SimulatorClock, seed: int) -> Simulator:
    from connectors.email.simulator import SmtpSimulator

    return SmtpSimulator(clock=clock, seed=seed)


MAKERS: dict[str, Callable[[SimulatorClock, int], Simulator]] = {
    "shopify": _shopify,
    "amazon": _amazon,
    "supplier": _supplier,
    "ups": _ups,
    "usps": _usps,
    "fedex": _fedex,
    "dhl": _dhl,
    "easypost": _easypost,
    "seventeen_track": _seventeen_track,
    "smtp": _smtp,
}


def alone(kind: str, *, port: int, control: int, seed: int, speed: float) -> None:
    """Serve one remote and its control API on loopback until SIGTERM or Ctrl-C; prints where, as JSON."""
    if kind not in MAKERS:
        raise LockstepError(f"there is no simulator {kind!r}; there are {', '.join(MAKERS)}")
    clock = ScaledClock.starting(datetime.fromtimestamp(int(time.time()), UTC), speed=speed)
    simulator = MAKERS[kind](clock, seed)
    simulator.start(port)
    control_port = simulator.start_control(control)
    told: dict[str, object] = {
        "kind": kind,
        "host": "127.0.0.1",
        "port": simulator.port,
        "control": control_port,
    }
    host_key = getattr(simulator, "host_key", "")
    if host_key:
        told["host_key"] = host_key
    print(json.dumps(told), flush=True)
    stop = threading.Event()
    stop_on_signals(stop, drain=9.0)
    stop.wait()
    simulator.stop()
