"""How a process of ours is told to stop."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time

_STOPS = (signal.SIGTERM, signal.SIGINT)


def stop_on_signals(stopped: threading.Event, *, drain: float) -> None:
    """Set `stopped` at SIGTERM or SIGINT; `drain` real seconds later the process ends anyhow.

    The interpreter runs its handlers in the main thread alone, and only once that thread wakes: a
    signal the system hands to a thread of the pool, or one that comes while the main thread is
    inside foreign code, would wait with it. What the interpreter writes to its wakeup descriptor it
    writes at once, whichever thread was hit, and a thread of our own reads it: no lock is taken
    inside a handler.
    """
    told, tell = socket.socketpair()
    tell.setblocking(False)
    signal.set_wakeup_fd(tell.fileno(), warn_on_full_buffer=False)

    def wait() -> None:
        # The near end is named here so that it lives as long as this thread does.
        while tell.fileno() >= 0 and told.recv(1)[0] not in _STOPS:
            pass
        stopped.set()
        # What hangs in a foreign call must not keep a container from stopping.
        time.sleep(drain)
        os._exit(0)

    threading.Thread(target=wait, name="signals", daemon=True).start()
    for one in _STOPS:
        signal.signal(one, lambda number, frame: None)
