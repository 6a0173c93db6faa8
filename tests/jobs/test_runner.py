"""Running units: one that fails hurts nobody else, waits longer each time, and is told once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
import structlog
from sqlalchemy import event, text, update
from sqlalchemy.exc import OperationalError

from core.errors import LeaseLost, RateLimited, Rejected, Unauthorized, Unavailable
from core.rules.modes import Mode
from jobs import runner as runner_module
from jobs.clock import ManualClock
from jobs.engine.embedded import Embedded
from jobs.run import Run, Stopped
from jobs.runner import FIRST_BACKOFF, Runner
from jobs.schedule import Unit
from jobs.store.permissions import Permissions
from jobs.store.store import Store
from jobs.store.tables import audit, cases, lease
from jobs.store.units import UnitRow
from jobs.wiring import Wiring
from tests.jobs.builders import minutes, order, record, rows

EVERY = timedelta(minutes=5)
LONGEST = timedelta(minutes=15)
Flow = Callable[[Run], timedelta | None]


def nothing(run: Run) -> None:
    """A run with nothing to do."""


class Lines:
    """A log that can be read back."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []

    def bind(self, **words: Any) -> Any:
        capture = structlog.testing.LogCapture()
        capture.entries = self.told
        return structlog.wrap_logger(None, processors=[capture]).bind(**words)

    def __getattr__(self, level: str) -> Any:
        return getattr(self.bind(), level)

    def events(self) -> list[str]:
        return [one["event"] for one in self.told]


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture
def make(store: Store, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Runner]:
    """Makes a runner of these flows; shop and shop2 are channels of the connection `shop`."""

    def made(*, ttl: float = 30.0, **flows: Flow) -> Runner:
        units = {name.replace("__", "/"): flow for name, flow in flows.items()}
        monkeypatch.setattr(
            runner_module,
            "units_of",
            lambda wiring: {name: Unit(name, EVERY, flow) for name, flow in units.items()},
        )
        running = SimpleNamespace(lease=timedelta(seconds=ttl), longest_backoff=LONGEST)
        wiring = SimpleNamespace(
            config=SimpleNamespace(running=running), connection_of={"shop": "shop", "shop2": "shop"}
        )
        made = Runner(store, cast(Wiring, wiring), lines)
        made.declare()
        return made

    return made


def look(store: Store, unit: str) -> UnitRow:
    return next(row for row in store.units.rows() if row.id == unit)


def allow(store: Store, *scopes: str) -> None:
    with store.transaction() as tx:
        for scope in scopes:
            channel, flow = scope.split("/")
            Permissions(tx).set_mode(channel, flow, Mode.ACT, skus=None, share=None, by="ada")


def failing(error: Exception) -> Flow:
    def flow(run: Run) -> None:
        raise error

    return flow


def refused(missing: str = "") -> Unauthorized:
    return Unauthorized("401", connector="shop", operation="orders", missing=missing)


def wait_of(store: Store, unit: str) -> float:
    return (look(store, unit).due_at - store.clock.now()).total_seconds()


# --- one unit and the others ---------------------------------------------------------------------


def test_a_unit_that_fails_never_stops_another(store: Store, make: Callable[..., Runner]) -> None:
    ran: list[str] = []
    flows = {"a__x": failing(RuntimeError("a bug")), "b__y": lambda run: ran.append("b"),
             "c__z": failing(Unavailable("down", connector="c", operation="z"))}  # fmt: skip
    runner = make(**flows)

    ended = {unit: runner.run(unit) for unit in sorted(runner.due())}

    assert ended == {"a/x": False, "b/y": True, "c/z": False}
    assert ran == ["b"]
    assert [look(store, unit).failures for unit in ended] == [1, 0, 1]


def test_a_unit_that_hangs_leaves_the_other_threads_to_the_others(
    make: Callable[..., Runner],
) -> None:
    hang, stop, others = threading.Event(), threading.Event(), threading.Semaphore(0)

    def hung(run: Run) -> None:
        hang.wait(timeout=30)

    def quick(run: Run) -> timedelta:
        others.release()
        return timedelta(0)

    runner = make(a__x=hung, b__y=quick)
    engine = Embedded(
        run=lambda unit: cast(None, runner.run(unit)), due=runner.due, beat=lambda: None, threads=2
    )
    serving = threading.Thread(target=engine.serve, args=(stop,))
    serving.start()

    came = [others.acquire(timeout=20) for _ in range(3)]

    stop.set()
    hang.set()
    serving.join(timeout=20)
    assert came == [True] * 3
    assert not serving.is_alive()


def test_a_run_that_is_well_comes_again_after_its_pace_or_when_it_says(
    store: Store, make: Callable[..., Runner]
) -> None:
    runner = make(a__x=nothing, b__y=lambda run: timedelta(seconds=3))

    assert runner.run("a/x")
    assert runner.run("b/y")

    assert wait_of(store, "a/x") == EVERY.total_seconds()
    assert wait_of(store, "b/y") == 3
    assert runner.run("a/x") is False, "it is not due"
    assert runner.run("a/x", whenever=True)
    assert runner.run("no/such") is False


# --- failing -------------------------------------------------------------------------------------


def test_back_off_grows_to_its_cap_and_is_logged_at_the_flips_only(
    store: Store, make: Callable[..., Runner], lines: Lines, clock: ManualClock
) -> None:
    down: list[Exception] = [Unavailable("down", connector="a", operation="x")]

    def flow(run: Run) -> None:
        if down:
            raise down[0]

    runner = make(a__x=flow)
    waits = []
    for _ in range(12):
        runner.run("a/x")
        waits.append(wait_of(store, "a/x"))
        clock.advance(waits[-1])
    down.clear()
    runner.run("a/x")

    first = FIRST_BACKOFF.total_seconds()
    for count, wait in enumerate(waits):
        middle = min(first * 2**count, LONGEST.total_seconds())
        assert 0.75 * middle - 0.001 <= wait <= 1.25 * middle + 0.001
    assert look(store, "a/x").failures == 0
    assert lines.events() == ["run failed", "back in order"]
    assert all(line["run"] and line["unit"] == "a/x" for line in lines.told)


def test_a_remote_that_asks_to_wait_is_obeyed_quietly_whoever_wakes_the_unit(
    store: Store, make: Callable[..., Runner], lines: Lines
) -> None:
    runner = make(
        a__x=failing(RateLimited(connector="a", operation="x", retry_after=97.5)),
    )

    runner.run("a/x")
    with store.transaction() as tx:
        tx.wake("a/x")

    assert wait_of(store, "a/x") == 97.5
    assert runner.due() == []
    assert (look(store, "a/x").failures, look(store, "a/x").last_error) == (0, None)
    assert lines.told == []


def test_only_a_bug_is_logged_with_its_traceback(make: Callable[..., Runner], lines: Lines) -> None:
    runner = make(a__x=failing(KeyError("bug")),
                  b__y=failing(Rejected("no", connector="b", operation="y")))  # fmt: skip

    runner.run("a/x")
    runner.run("b/y")

    bug, expected = lines.told
    assert isinstance(bug["exc_info"], KeyError)
    assert expected["exc_info"] is None


# --- refused credentials -------------------------------------------------------------------------


def test_refused_credentials_are_one_case_per_connection_until_they_work_again(
    store: Store, make: Callable[..., Runner], clock: ManualClock
) -> None:
    broken = {"shop/orders": True, "shop/offers": True, "shop2/orders": True}

    def flow(run: Run) -> None:
        if broken.get(run.lease.unit):
            raise refused()

    runner = make(shop__orders=flow, shop__offers=flow, shop2__orders=flow, acme__stock=flow)
    for _ in range(2):
        for unit in sorted(runner.units):
            runner.run(unit, whenever=True)
    (opened,) = rows(store, cases)
    assert (opened["kind"], opened["subject"]) == ("connection_unauthorized", "connection shop")
    assert opened["severity"] == "critical"

    broken["shop/orders"] = False
    runner.run("shop/orders", whenever=True)
    assert rows(store, cases)[0]["state"] == "open", "others of the connection are refused still"
    broken.clear()
    for unit in ("shop/offers", "shop2/orders"):
        runner.run(unit, whenever=True)

    assert [row["state"] for row in rows(store, cases)] == ["closed"]
    broken["shop/orders"] = True
    runner.run("shop/orders", whenever=True)
    assert [row["state"] for row in rows(store, cases)] == ["closed", "open"]


def test_refused_credentials_are_tried_at_the_longest_pace(
    store: Store, make: Callable[..., Runner]
) -> None:
    runner = make(shop__orders=failing(refused(missing="read_orders")))

    runner.run("shop/orders")

    assert wait_of(store, "shop/orders") == LONGEST.total_seconds()
    assert rows(store, cases)[0]["args"]["missing"] == "read_orders"


# --- leases --------------------------------------------------------------------------------------


def test_a_run_whose_lease_was_taken_ends_quietly_and_writes_nothing(
    store: Store, make: Callable[..., Runner], lines: Lines
) -> None:
    def flow(run: Run) -> None:
        with store.database.write() as connection:
            connection.execute(update(lease).values(until=0.0))
        assert store.units.claim("a/x", owner="other", ttl=60, now=None)
        with run.transaction() as tx:
            tx.audit("zombie", "write", "x")

    runner = make(a__x=flow)

    assert runner.run("a/x") is True

    assert rows(store, audit) == []
    assert lines.events() == ["run ended early"]
    assert look(store, "a/x").leased, "the other worker keeps what it has"


def test_no_outside_write_is_made_with_a_lease_about_to_end(
    store: Store, make: Callable[..., Runner]
) -> None:
    asked: list[type[Exception]] = []

    def flow(run: Run) -> None:
        run.before_write("shop", "offers")
        with store.database.write() as connection:
            connection.execute(update(lease).values(until=lease.c.until - 27))
        try:
            run.before_write("shop", "offers")
        except LeaseLost as lost:
            asked.append(type(lost))

    allow(store, "shop/offers")
    make(a__x=flow).run("a/x")

    assert asked == [LeaseLost]


def test_stopped_writes_stop_the_next_write_of_a_run_under_way(
    store: Store, open_store: Callable[[], Store], make: Callable[..., Runner], lines: Lines
) -> None:
    command_line = open_store()
    allow(store, "shop/offers", "shop/requests", "other/offers")
    passed: list[str] = []

    def flow(run: Run) -> None:
        run.before_write("shop", "offers")
        with command_line.transaction() as tx:
            Permissions(tx).stop("shop", by="ada")
        with pytest.raises(Stopped):
            run.before_write("shop", "requests")
        run.before_write("other", "offers")
        passed.append("other channels go on")
        run.before_write("shop", "offers")
        passed.append("a stopped one does too")

    runner = make(a__x=flow)

    assert runner.run("a/x") is True
    assert passed == ["other channels go on"]
    assert lines.events() == ["run ended early"]
    assert wait_of(store, "a/x") == EVERY.total_seconds()


def test_nothing_is_written_where_a_person_went_back_to_observe(
    store: Store, make: Callable[..., Runner]
) -> None:
    asked: list[str] = []

    def flow(run: Run) -> None:
        run.before_write("shop", "offers")
        asked.append("acting")
        with store.transaction() as tx:
            Permissions(tx).set_mode(
                "shop", "offers", Mode.OBSERVE, skus=None, share=None, by="ada"
            )
        run.before_write("shop", "offers")
        asked.append("observing")

    allow(store, "shop/offers")

    assert make(a__x=flow).run("a/x") is True

    assert asked == ["acting"]


def test_a_lease_is_kept_alive_while_its_run_lasts(
    store: Store, make: Callable[..., Runner], monkeypatch: pytest.MonkeyPatch
) -> None:
    renewed, tries = threading.Event(), []
    real = store.units.renew

    def renew(held: Any, *, ttl: float) -> bool:
        tries.append(held.unit)
        if len(tries) == 1:
            raise OSError("the store was away for a moment")
        done = real(held, ttl=ttl)
        renewed.set()
        return done

    monkeypatch.setattr(store.units, "renew", renew)
    outlived: list[bool] = []

    def flow(run: Run) -> None:
        outlived.append(renewed.wait(timeout=20))

    assert make(a__x=flow, ttl=0.3).run("a/x")

    assert outlived == [True]
    assert not look(store, "a/x").leased


# --- a store in trouble --------------------------------------------------------------------------


@pytest.fixture
def full(store: Store) -> Callable[[bool], None]:
    """Makes every connection see a full disk: SQLite may not take one page more."""

    def set_full(is_full: bool) -> None:
        store.database.engine.dispose()
        with store.database.engine.connect() as connection:
            used = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        store.database.engine.dispose()
        limit["pages"] = used if is_full else 1_000_000

    limit = {"pages": 1_000_000}

    def on_connect(raw: Any, record: Any) -> None:
        raw.execute(f"PRAGMA max_page_count = {limit['pages']}")

    event.listen(store.database.engine, "connect", on_connect)
    return set_full


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_full_disk_loses_nothing_and_the_unit_goes_on_when_there_is_room(
    store: Store,
    make: Callable[..., Runner],
    full: Callable[[bool], None],
    clock: ManualClock,
) -> None:
    record(store, order("before"))
    page = 0

    def flow(run: Run) -> None:
        nonlocal page
        page += 1
        with run.transaction() as tx:
            tx.audit("run", "record", f"page {page}", note="x" * 200_000)
            tx.advance(f"page {page}")

    runner = make(a__x=flow)
    full(True)

    assert runner.run("a/x") is False

    with store.database.read() as connection:
        assert connection.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"
    assert rows(store, audit) == []
    assert "full" in str(look(store, "a/x").last_error)
    full(False)
    clock.advance(30)
    assert runner.due() == ["a/x"]
    assert runner.run("a/x")
    assert [row["subject"] for row in rows(store, audit)] == ["page 2"]


def test_a_store_in_trouble_is_told_once_and_the_engine_goes_on(
    store: Store, make: Callable[..., Runner], lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = make(a__x=nothing)
    claim, offer = store.units.claim, store.units.offer
    trouble = OperationalError("BEGIN IMMEDIATE", {}, OSError("disk full"))

    def broken(*args: Any, **how: Any) -> Any:
        raise trouble

    monkeypatch.setattr(store.units, "claim", broken)
    monkeypatch.setattr(store.units, "offer", broken)
    assert [runner.due() for _ in range(3)] == [[], [], []]
    assert runner.run("a/x") is False
    monkeypatch.setattr(store.units, "claim", claim)
    monkeypatch.setattr(store.units, "offer", offer)

    assert runner.due() == ["a/x"]
    assert runner.run("a/x")

    assert lines.events() == ["store in trouble", "run broke", "store back in order"]


def test_the_schedule_of_a_configuration_replaces_the_one_before(
    store: Store, make: Callable[..., Runner]
) -> None:
    make(a__x=nothing, b__y=nothing)

    make(b__y=nothing, c__z=nothing)

    assert [row.id for row in store.units.rows()] == ["b/y", "c/z"]
    assert look(store, "c/z").due_at == minutes(0)
