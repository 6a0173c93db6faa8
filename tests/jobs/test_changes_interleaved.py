"""Every change, and every pair of changes with ours in it, in every state of the fulfillment.

A place that can be told not to ship, and one that cannot; a daemon that looks after each step, and
one that is late; answers that are lost. However it goes, by the books of the place and the channel:
nothing is shipped that was not asked for, nothing that ships (or may) is taken off, what is taken
off is taken off once, no unit stays reserved, and what ships against the buyer's will is told.
"""

from __future__ import annotations

import itertools
import re
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select

from jobs.clock import ManualClock
from jobs.store.database import Database
from jobs.store.proof import differences
from jobs.store.store import Store
from jobs.store.tables import cases, decision, effect, fulfillment_line, orders, reservation
from tests.jobs.builders import NOON
from tests.jobs.changing import SKUS, WINDOW, Caller, Channel, Floor, Queue, Sale, Story
from tests.jobs.shop import open_shop

#: What leads from each state of the fulfillment to the next. A change can come before the first, as
#: the order was not decided yet, and after each: held by its window, planned, sent, acknowledged,
#: shipped in part, shipped.
STEPS = ("decide", "route", "request", "accept", "ship_some", "ship_rest")
#: Of a place that refuses a unit, all of it, and all of it after it had said yes.
SOME_REFUSED = (
    "decide",
    "route",
    "request",
    "refuse_some",
    "decide",
    "request",
    "ship_some",
    "ship_rest",
)
REFUSED = ("decide", "route", "request", "refuse_all", "decide", "request", "accept", "ship_rest")
REFUSED_LATE = (
    "decide",
    "route",
    "request",
    "accept",
    "refuse_all",
    "decide",
    "request",
    "ship_some",
)
#: Of a place that says nothing before it ships.
SILENT = ("decide", "route", "request", "ship_some", "ship_rest")

ENDS = ("end", "end_line", "end_unit")
THEIRS = (
    "regret", "lower", "drop", "more", "add", "ask", "ask_part", "move", "pay_back", "charge_back",
)  # fmt: skip
#: Those of theirs that take away, give back and stop.
TAKING = ("regret", "lower", "more", "ask", "pay_back", "charge_back")

#: A story: what happens after how many steps.
Events = tuple[tuple[int, str], ...]


def alone(steps: Sequence[str]) -> Iterator[Events]:
    for event, at in itertools.product((*ENDS, *THEIRS), range(len(steps) + 1)):
        yield ((at, event),)


def pairs(first: Sequence[str], second: Sequence[str], steps: Sequence[str]) -> Iterator[Events]:
    """The second at once, or when one step more was made.

    An order in its window stands for one that is not decided yet: in neither is anything planned.
    """
    for one, other in itertools.product(first, second):
        for at in range(1, len(steps) + 1):
            yield (at, one), (at, other)
            if at < len(steps):
                yield (at, one), (at + 1, other)


def ours(steps: Sequence[str]) -> Iterator[Events]:
    """Pairs of which at least one is a cancellation of ours."""
    yield from pairs(ENDS, (*ENDS, "keep", *THEIRS), steps)
    yield from pairs(THEIRS, ENDS, steps)
    # What was ended, or was to be, is on the order again, and is ended again.
    for end, between, at in itertools.product(ENDS, ("keep", "more"), range(1, len(steps) - 1)):
        yield (at, end), (at + 1, between), (at + 2, end)


def long_ago(steps: Sequence[str]) -> Iterator[Events]:
    """What was ended before the rest was asked for makes nobody blind to what comes."""
    for end, event in itertools.product(ENDS, THEIRS):
        yield (1, end), (len(steps), event)


@contextmanager
def opened(
    template: Path, folder: Path, all_events: Sequence[Events], world: World
) -> Iterator[Floor]:
    """The order of events is the same on either database."""
    shutil.copy(template, folder / "lockstep.db")
    clock = ManualClock(NOON)
    store = Store(Database(f"sqlite:///{folder / 'lockstep.db'}"), clock)
    shop = open_shop(
        store, clock, folder,
        changes={
            "shopify-us: {connection: shopify-us}": "shopify-us: {connection: shopify-us, "
            f"release_window: {WINDOW.seconds}s, cancel_requests: {world.policy}}}",
            "    CUP: {}": "    CUP: {}\n    POT: {}",
            # It is asked again whatever it refuses: what becomes of a place is another test's.
            "channels:\n": "routing: {untrusted: {refusals: 0}}\nchannels:\n",
        },
    )  # fmt: skip
    place = Caller(world.tells)
    channel = world.channel("shopify-us", clock, place)
    shop.channels["shopify-us"] = channel
    connectors = {**shop.wiring.connectors, "home-files": place, "shopify-us": channel}
    shop.wiring = replace(shop.wiring, connectors=connectors)
    for sku in SKUS.values():
        shop.receive(sku, 1_000_000)
    stories = []
    for number, events in enumerate(all_events, 1):
        sale = channel.sales[str(number)] = Sale(str(number))
        channel.touch(sale)
        # Of each third the answer of the place is lost, of each third that of the channel.
        for of, losing in enumerate((place.losing, channel.losing)):
            if number % 3 == of:
                losing.add(sale.name)
        stories.append(Story(shop, place, channel, sale, events))
    try:
        yield Floor(shop, place, channel, stories)
    finally:
        store.close()


def play(floor: Floor, steps: Sequence[str], *, late: bool) -> None:
    floor.pull()
    for slot in range(len(steps) + 1):
        if slot:
            getattr(floor, steps[slot - 1])()
        floor.happen(slot)
        if not late:
            floor.daemon()
    floor.settle()


class OurBooks:
    """What we have recorded, read once for all orders; each by the order's name."""

    def __init__(self, floor: Floor) -> None:
        with floor.shop.store.reading() as tx:
            assert differences(tx.connection) == []
            self.rows = {row.remote_id: row for row in tx.rows(select(orders))}
            names = {row.id: name for name, row in self.rows.items()}
            self.cases: dict[str, set[str]] = defaultdict(set)
            for row in tx.rows(select(cases)):
                # Either the order's own, or that of a request of it, whose key has colons.
                name = re.split("[ :]", row.subject)[2]
                self.cases[name].add(row.kind)
            self.shipped: dict[str, Counter[str]] = defaultdict(Counter)
            said_no = decision.c.code.in_(["request_declined", "request_rejected"])
            self.refused = bool(tx.rows(select(decision.c.id).where(said_no).limit(1)))
            for row in tx.rows(select(fulfillment_line)):
                self.shipped[names[row.order_id]][row.sku] += row.shipped
            self.held: dict[str, Counter[str]] = defaultdict(Counter)
            for row in tx.rows(select(reservation).where(reservation.c.state == "open")):
                self.held[names[row.order_id]][row.sku] += row.quantity
            self.ends: dict[str, set[str]] = defaultdict(set)
            for row in tx.rows(select(effect).where(effect.c.kind == "cancellation")):
                self.ends[names[row.order_id]].add(row.state)


#: Cases that tell of what ships, or shipped, against the buyer's will.
SHIPPED_THOUGH = {"shipped_though_canceled", "shipped_though_reduced"}
AGAINST = SHIPPED_THOUGH | {"canceled_after_request", "cancellation_too_late"}

#: Cases that tell of a buyer's request that cannot be followed.
REQUESTS = {"cancel_request_too_late", "cancel_request_at_place", "cancellation_too_late"}


def problems(books: OurBooks, story: Story) -> Iterator[str]:
    """What is wrong with one order, by the books of its place and its channel, and by ours."""
    sale, name = story.sale, story.name
    row, told, sent = books.rows[name], books.cases[name], story.place.sent(name)
    # What nobody else has waits with a Case, and stays reserved.
    held = row.stage == "held" or "unfillable" in told
    if sent != +books.shipped[name]:
        yield f"recorded as shipped: {books.shipped[name]}"
    if max((story.channel.made[key] for key in story.channel.keys_of(name)), default=0) > 1:
        yield "ended twice under one name"
    if books.ends[name] - {"done", "refused", "canceled"} or (row.canceling and not sale.canceled):
        yield f"not over: {books.ends[name]}"
    if row.stage == "held" and not (story.bank or sale.asking):
        yield "held for nothing"
    if sale.canceled and not sent and row.stage != "canceled":
        yield f"canceled, and is {row.stage}"
    if "wrong_units_shipped" in told or (story.bank and "charged_back" not in told):
        yield "told wrongly"
    if story.at_old_door and not ({"address_changed"} | AGAINST) & told:
        yield "sent to the old address, and nobody told"
    if told & SHIPPED_THOUGH and all(sent[sku] <= sale.wanted(of) for of, sku in SKUS.items()):
        yield "told of what is no trouble"
    for of, sku in SKUS.items():
        wanted = sale.wanted(of)
        asked_late = of in sale.asking and wanted and sent[sku] and not sale.canceled
        if asked_late and not told & REQUESTS:
            yield f"{sku} shipped though its buyer asked, and nobody told"
        if sent[sku] > sale.bought[of]:
            yield f"{sku} supplied twice"
        if sent[sku] < wanted and not held:
            yield f"{sku} short: {sent[sku]} of {wanted}"
        if sent[sku] > wanted + (story.kept if of == "L1" else 0) and not told & AGAINST:
            yield f"{sku} shipped against the buyer's will, and nobody told"
        if books.held[name][sku] != (max(0, wanted - sent[sku]) if held else 0):
            yield f"{sku} reserved: {books.held[name][sku]}"


@dataclass(frozen=True)
class World:
    """Who answers how."""

    #: the place can be told not to ship
    tells: bool
    #: the daemon looks only when it must
    late: bool
    channel: type[Channel]
    #: what becomes of buyers' requests to cancel
    policy: str
    steps: Sequence[str] = STEPS


@pytest.mark.parametrize(
    ("world", "stories"),
    [
        pytest.param(World(True, False, Channel, "automatic"), ours, id="ours, at once"),
        pytest.param(World(False, True, Queue, "ask", SILENT), ours, id="ours, late"),
        pytest.param(
            World(True, True, Channel, "ask"), partial(pairs, TAKING, TAKING), id="theirs"
        ),
        pytest.param(World(True, False, Channel, "ask"), long_ago, id="long ago"),
        pytest.param(World(False, False, Queue, "automatic"), alone, id="alone, at once"),
        pytest.param(World(True, True, Queue, "automatic"), alone, id="alone, late"),
        pytest.param(World(True, False, Channel, "ask", SOME_REFUSED), alone, id="some refused"),
        pytest.param(World(False, True, Queue, "automatic", REFUSED), alone, id="refused"),
        pytest.param(World(True, False, Queue, "ask", REFUSED_LATE), alone, id="refused late"),
        pytest.param(
            World(True, False, Channel, "automatic", SOME_REFUSED),
            partial(pairs, ENDS, ("regret", "lower", "ask")),
            id="some refused, pairs",
        ),
    ],
)
def test_whatever_changes_in_whatever_state_it_ends_well(
    sqlite_template: Path,
    tmp_path: Path,
    world: World,
    stories: Callable[..., Iterator[Events]],
) -> None:
    # given an order for each story
    told = list(stories(steps=world.steps))
    with opened(sqlite_template, tmp_path, told, world) as floor:
        # when all of them happen
        play(floor, world.steps, late=world.late)

        # then each ended well
        books = OurBooks(floor)
        assert any(step.startswith("refuse") for step in world.steps) == books.refused
        bad = {
            story.events: (found, books.cases[story.name])
            for story in floor.stories
            if (found := list(problems(books, story)))
        }
        assert not bad, f"{len(bad)} of {len(told)}, like {dict(list(bad.items())[:5])}"
