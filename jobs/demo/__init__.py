"""The demo: the whole job against simulated remotes, live on a terminal, with a summary that tells the truth."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.text import Text
from sqlalchemy import func, select

from core.errors import LockstepError
from core.model.orders import OrderStage
from core.model.reasons import Reason
from core.rules.modes import Mode
from core.rules.sentences import render
from jobs import adopt, log
from jobs.bootstrap import Application, build
from jobs.clock import CLOCK_VARIABLE, ScaledClock
from jobs.demo.buyers import Buyers
from jobs.demo.reckoning import paid_back, problems, sent_instead, wrong_returns, wrongly_shown
from jobs.demo.returning import Returning
from jobs.demo.teller import Teller
from jobs.demo.world import World, goods
from jobs.runner import Runner
from jobs.store.permissions import WRITING_FLOWS, Permissions
from jobs.store.stock import Stock
from jobs.store.store import Tx
from jobs.store.tables import cases, mail, orders, reservation

#: Real seconds a step of the demo may take before it is called stuck.
PATIENCE = 180.0
_ENDED = (OrderStage.DELIVERED, OrderStage.CANCELED, OrderStage.RECORDED, OrderStage.WAITING)


@dataclass(frozen=True)
class Wishes:
    """What the command line asked for."""

    orders: int
    speed: float
    seed: int
    leave: bool
    scarce: bool
    faults: str
    language: str
    data: str


def play(wishes: Wishes) -> int:
    """Run the demo; 0 only when every order reached its end and every channel shows what it should."""
    if wishes.faults not in ("", "storm"):
        raise LockstepError(f"--faults {wishes.faults!r}: only `storm` is known")
    if wishes.language not in ("en", "zh"):
        raise LockstepError(f"--lang {wishes.language!r}: en or zh")
    log.configure(level="error")
    console = Console(highlight=False)
    folder = _fresh_folder(Path(wishes.data))
    clock = ScaledClock.starting(datetime.fromtimestamp(int(time.time()), UTC), speed=wishes.speed)
    world = World(clock=clock, seed=wishes.seed, goods=goods(scarce=wishes.scarce), returns=True)
    world.start()
    path = world.write_config(folder, language=wishes.language)
    os.environ[CLOCK_VARIABLE] = str(clock.scale)
    application = build(path, clock=clock)
    daemon: subprocess.Popen[bytes] | None = None
    try:
        _say(
            console,
            wishes,
            "demo_start",
            speed=int(wishes.speed),
            seed=wishes.seed,
            folder=str(folder),
        )
        go_live(application, world)
        if wishes.faults:
            world.storm()
        daemon = start_daemon(path, folder)
        return _show(console, wishes, application, world, daemon)
    finally:
        if daemon and daemon.poll() is None:
            daemon.send_signal(signal.SIGTERM)
            try:
                daemon.wait(12)
            except subprocess.TimeoutExpired:
                daemon.kill()
        application.close()
        world.stop()


def _fresh_folder(folder: Path) -> Path:
    """Where this run leaves its files; what an earlier run left is replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("lockstep.db*"):
        old.unlink()
    return folder.resolve()


def _say(console: Console, wishes: Wishes, code: str, **args: str | int) -> None:
    console.print(Text(render(Reason.of(code, **args), wishes.language), "bold"))


def go_live(application: Application, world: World) -> None:
    """What a seller does once: observe, take over with a count, switch to act."""
    observe(application)
    for channel, count in (
        ("shopify-us", {(one.sku, "newark"): one.warehouse for one in world.goods}),
    ):
        wish = adopt.Wish(channel, application.wiring.config.orders.route_from, count, (), ())
        plan, _ = adopt.propose(application.store, application.wiring, wish, by="demo")
        adopt.apply(application.store, application.wiring, plan, by="demo")
    with application.store.transaction() as tx:
        for channel in application.wiring.config.channels:
            for flow in WRITING_FLOWS:
                Permissions(tx).set_mode(channel, flow, Mode.ACT, skus=None, share=None, by="demo")


def observe(application: Application) -> None:
    """Run units in this process, in observe, until every channel's orders and listings are recorded.

    Raises LockstepError when that takes too long.
    """
    runner = Runner(application.store, application.wiring, log.get())
    runner.declare()
    walks = {
        f"{name}/{flow}"
        for name in application.wiring.config.channels
        for flow in ("orders", "listings")
    }
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        for unit in runner.due():
            runner.run(unit)
        rows = application.store.units.rows()
        stocked = all(row.last_ok_at for row in rows if row.id.endswith("/stock"))
        if stocked and walks <= {row.id for row in rows if row.complete_to is not None}:
            return
        time.sleep(0.05)
    failing = [
        f"{row.id}: {row.last_error}" for row in application.store.units.rows() if row.last_error
    ]
    raise LockstepError(
        "the first import did not finish: " + ("; ".join(failing) or "no unit failed")
    )


def start_daemon(path: Path, folder: Path) -> subprocess.Popen[bytes]:
    """The daemon as its own process; its log is left beside the database."""
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONSAFEPATH": "1"}
    with (folder / "daemon.log").open("ab") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "jobs", "run", "--config", str(path)],
            env=environment,
            stdout=out,
            stderr=out,
        )


def _show(
    console: Console,
    wishes: Wishes,
    application: Application,
    world: World,
    daemon: subprocess.Popen[bytes],
) -> int:
    buyers = Buyers(world, wishes.orders, wishes.seed)
    teller = Teller(application.store, world, wishes.language, console)
    returning = Returning(application, world)
    teller.start()
    buyers.start()
    returning.start()
    ended = False
    try:
        while daemon.poll() is None:
            time.sleep(0.3)
            if buyers.done and wishes.leave:
                ended = settle(application, world, expected=buyers.placed, returning=returning)
                break
    except KeyboardInterrupt:
        pass
    buyers.stop()
    returning.stop()
    teller.stop()
    return _sum_up(
        console,
        wishes,
        application,
        world,
        buyers,
        returning,
        ended=ended,
        died=daemon.poll() is not None,
    )


def waiting_orders(application: Application) -> frozenset[str]:
    """`channel:id` of orders no place has the units for."""
    with application.store.reading() as tx:
        return frozenset(
            f"{row.channel}:{row.remote_id}"
            for row in tx.rows(select(orders).where(orders.c.stage == str(OrderStage.WAITING)))
        )


def _stages(tx: Tx) -> dict[str, int]:
    """Stage -> buyers' orders in it."""
    return {
        row.stage: row.orders
        for row in tx.rows(
            select(orders.c.stage, func.count().label("orders"))
            .where(orders.c.replaces.is_(None))
            .group_by(orders.c.stage)
        )
    }


def settle(
    application: Application,
    world: World,
    *,
    expected: int,
    patience: float = PATIENCE,
    returning: Returning | None = None,
) -> bool:
    """Wait (real time) until every order reached its end and every channel shows what it should."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        time.sleep(0.3)
        with application.store.reading() as tx:
            stages = _stages(tx)
        if sum(stages.values()) < expected or set(stages) - {str(stage) for stage in _ENDED}:
            continue
        if returning is not None and (returning.waits() or _wrong_returns(world, returning)):
            continue
        waiting = waiting_orders(application)
        restocked = returning.restocked if returning is not None else {}
        if not problems(world, waiting=waiting) and not wrongly_shown(
            world, waiting=waiting, restocked=restocked
        ):
            return True
    return False


def _wrong_returns(world: World, returning: Returning) -> list[str]:
    return wrong_returns(world, refunded=returning.refunded, replaced=returning.replaced)


def _sum_up(
    console: Console,
    wishes: Wishes,
    application: Application,
    world: World,
    buyers: Buyers,
    returning: Returning,
    *,
    ended: bool,
    died: bool,
) -> int:
    waiting = waiting_orders(application)
    with application.store.reading() as tx:
        stages = _stages(tx)
        mails = tx.connection.execute(
            select(func.count()).where(mail.c.state == "sent")
        ).scalar_one()
        unfillable = tx.connection.execute(
            select(func.count()).where(cases.c.kind == "unfillable", cases.c.state == "open")
        ).scalar_one()
        drift = Stock(tx).verify()
        # Promised by a channel, and no place has them: that is what overselling is.
        oversold = tx.connection.execute(
            select(func.coalesce(func.sum(reservation.c.quantity), 0)).where(
                reservation.c.state == "open", reservation.c.location.is_(None)
            )
        ).scalar_one()
    routed = sum(
        stages.get(str(stage), 0)
        for stage in (OrderStage.ROUTED, OrderStage.SHIPPED, OrderStage.DELIVERED)
    )
    shipped = sum(stages.get(str(stage), 0) for stage in (OrderStage.SHIPPED, OrderStage.DELIVERED))
    _say(
        console,
        wishes,
        "demo_summary",
        placed=buyers.placed,
        refused=buyers.refused,
        recorded=sum(stages.values()),
        held=stages.get(str(OrderStage.HELD), 0),
        routed=routed,
        shipped=shipped,
        delivered=stages.get(str(OrderStage.DELIVERED), 0),
        canceled=stages.get(str(OrderStage.CANCELED), 0),
        waiting=len(waiting),
        elsewhere=stages.get(str(OrderStage.RECORDED), 0),
        oversold=int(oversold),
        mails=mails,
    )
    told = paid_back(world)
    _say(
        console,
        wishes,
        "demo_returns",
        returned=len(told) + len(returning.replaced),
        paid=sum(one["refunds"] for one in told),
        settled=sum(one["refunded"] for one in told),
        replaced=sent_instead(world, returning.replaced),
        restocked=sum(returning.restocked.values()),
    )
    if not wishes.leave:
        _say(console, wishes, "demo_left", folder=wishes.data)
        return 0
    wrong = [
        *problems(world, waiting=waiting),
        *wrongly_shown(world, waiting=waiting, restocked=returning.restocked),
        *_wrong_returns(world, returning),
        *(
            f"{one.sku} at {one.location}: {one.field} {one.kept}, not {one.recomputed}"
            for one in drift
        ),
    ]
    if died:
        wrong.append("the daemon died; see daemon.log")
    if unfillable != len(waiting):
        wrong.append(f"{len(waiting)} orders wait for units, {unfillable} Cases are open about it")
    for line in wrong:
        console.print(Text(f"  ✗ {line}", "red"))
    _say(console, wishes, "demo_well" if ended and not wrong else "demo_not_well", count=len(wrong))
    return 0 if ended and not wrong else 1
