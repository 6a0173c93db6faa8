"""What one part of the configuration says of another: names that must exist, and what cannot be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from config.catalog import CatalogSku, cycle
from config.model import Config
from config.nodes import Node, Sheet, Trouble
from config.places import expanded
from config.problems import Path, Position
from config.shipping import CarrierService, ChannelProgram, Dispatching, Rates
from config.table import SkuTable
from config.validation import near
from core.model.catalog import Sku

#: What a connection can be used as, by its `type`. A type that is not listed is not checked here:
#: a new connector needs no change, its missing capability is found when it is wired.
_SELLS = frozenset({"shopify", "amazon"})
_ROLES: Mapping[str, frozenset[str]] = {
    #: "reserves": sets units aside for sales made elsewhere (core.ports.ReservationTarget)
    "shopify": frozenset({"sells", "counts", "reserves"}),
    #: "receives": tells what it books in of our goods (core.ports.InboundSource)
    #: "ships its own": asked to ship, it does so from what it counts itself and from nowhere else (FBA)
    "amazon": frozenset({"sells", "counts", "receives", "ships", "ships its own"}),
    "supplier_file": frozenset({"counts", "ships", "sells to us"}),
    "edi": frozenset({"ships", "sells to us"}),
    "supplier_email": frozenset({"ships", "sells to us"}),
    "fulfiller": frozenset({"ships"}),
    "ups": frozenset({"tracks", "quotes"}),
    "usps": frozenset({"tracks"}),
    "fedex": frozenset({"tracks"}),
    "dhl": frozenset({"tracks"}),
    "easypost": frozenset({"tracks"}),
    "seventeen_track": frozenset({"tracks"}),
    "email": frozenset({"mails"}),
}
#: Carriers that a type of connection follows by itself; others say theirs in `carriers`.
FOLLOWS: Mapping[str, tuple[str, ...]] = {
    "ups": ("ups",),
    "usps": ("usps",),
    "fedex": ("fedex",),
    "dhl": ("dhl", "dhl_ecommerce"),
}
#: Types of connections whose offers say how long an order takes to ship.
_STATES_HANDLING = frozenset({"amazon"})
#: role -> what to write
_WANTED = {
    "sells": "expected a shopify or amazon connection",
    "counts": "expected `lockstep` or a connection that tells stock",
    "ships": "expected a connection that takes requests to ship",
    "mails": "expected an email connection",
    "quotes": "expected a connection that quotes rates: ups",
    "sells to us": "expected a connection that takes purchase orders",
}


@dataclass(frozen=True, slots=True)
class _Reference:
    """Values at `path` (`*`: any step) name something in the group `to`."""

    path: Path
    to: str
    role: str = ""
    #: words that are no names but mean something of their own
    besides: tuple[str, ...] = ()
    #: the keys are the names, not the values
    keys: bool = False
    #: another group they may name something in
    also: str = ""


_REFERENCES = (
    _Reference(("channels", "*", "connection"), "connections", "sells"),
    _Reference(("channels", "*", "sells_from", "*"), "locations", also="location_groups"),
    _Reference(
        ("channels", "*", "programs", "*", "locations", "*"), "locations", also="location_groups"
    ),
    _Reference(("channels", "*", "programs", "*", "services", "*"), "services"),
    _Reference(("location_groups", "*", "*"), "locations"),
    _Reference(("channels", "*", "twins", "*", "*"), "locations"),
    _Reference(("locations", "*", "counted_by"), "connections", "counts", ("lockstep",)),
    _Reference(("locations", "*", "ships_through"), "connections", "ships", ("",)),
    _Reference(("connections", "*", "deliver_to", "*"), "locations", keys=True),
    _Reference(("locations", "*", "channels", "*"), "channels"),
    _Reference(("locations", "*", "calendar"), "calendars", besides=("",)),
    _Reference(("suppliers", "*", "connection"), "connections", "sells to us", ("",)),
    _Reference(("suppliers", "*", "restocks"), "locations"),
    _Reference(("suppliers", "*", "calendar"), "calendars", besides=("",)),
    _Reference(("suppliers", "*", "counts", "*"), "locations"),
    _Reference(("suppliers", "*", "lane"), "lanes", besides=("",)),
    _Reference(("locations", "*", "refill", "lane"), "lanes"),
    _Reference(("locations", "*", "dispatch", "services", "*"), "services"),
    _Reference(("services", "*", "calendar"), "calendars", besides=("",)),
    _Reference(("services", "*", "live", "connection"), "connections", "quotes"),
    _Reference(
        ("seasons", "*", "dispatch", "*", "locations", "*"), "locations", also="location_groups"
    ),
    _Reference(("locations", "*", "refill", "origins", "*"), "locations"),
    _Reference(("policies", "*", "channels", "*"), "channels"),
    _Reference(("policies", "*", "locations", "*"), "locations", also="location_groups"),
    _Reference(("returns", "return_to"), "locations", besides=("",)),
    _Reference(("returns", "rules", "*", "return_to"), "locations", besides=("",)),
    _Reference(("returns", "rules", "*", "channels", "*"), "channels"),
    _Reference(("review", "rules", "*", "services", "*"), "services"),
    _Reference(("review", "restrictions", "*", "services", "*"), "services"),
    _Reference(("seasons", "*", "policies", "*", "channels", "*"), "channels"),
    _Reference(
        ("seasons", "*", "policies", "*", "locations", "*"), "locations", also="location_groups"
    ),
    _Reference(
        ("seasons", "*", "snapshots", "*", "locations", "*"), "locations", also="location_groups"
    ),
    _Reference(("publishing", "risk", "channels", "*"), "channels", keys=True),
    _Reference(("skus", "units_per_sale", "*"), "channels", keys=True),
    _Reference(("alerts", "through"), "connections", "mails", ("",)),
)


def names(sheet: Sheet) -> Iterator[Trouble]:
    """Every name that names nothing, or something that cannot do what is asked of it.

    Works on the tree, so that it finds what it finds although other values are wrong.
    """
    for reference in _REFERENCES:
        for path, node in _matching(sheet.root, reference.path, ()):
            name = path[-1] if reference.keys else node.value
            if isinstance(name, str) and name not in reference.besides:
                yield from _named(sheet, reference, name, path, node)


def _matching(node: Node, pattern: Path, path: Path) -> Iterator[tuple[Path, Node]]:
    if not pattern:
        yield path, node
        return
    steps: list[str | int]
    if pattern[0] != "*":
        steps = [pattern[0]]
    elif isinstance(node.value, dict):
        steps = list(node.value)
    else:
        steps = list(range(len(node.value))) if isinstance(node.value, list) else []
    for step in steps:
        if (child := node.child(step)) is not None:
            yield from _matching(child, pattern[1:], (*path, step))


def _named(
    sheet: Sheet, reference: _Reference, name: str, path: Path, node: Node
) -> Iterator[Trouble]:
    groups = [sheet.find((to,)) for to in (reference.to, reference.also) if to]
    known = [
        one for group in groups if group and isinstance(group.value, dict) for one in group.value
    ]
    at = sheet.key(path) if reference.keys else node.at
    if name not in known:
        one = reference.to.removesuffix("s")
        shown = "this" if node.referenced else repr(name)
        fix = near(name, known)
        expected = "" if fix else f"expected one of {', '.join(known)}" if known else ""
        yield Trouble(at, path, f"{shown} names no {one}", expected, fix, consequence=True)
        return
    kind = sheet.find((reference.to, name, "type")) if reference.role else None
    roles = _ROLES.get(str(kind.value)) if kind else None
    if kind and roles is not None and reference.role not in roles:
        wrong = f"{name!r} is a connection of type {kind.value}"
        yield Trouble(at, path, wrong, _WANTED[reference.role])


def sense(config: Config, sheet: Sheet) -> Iterator[Trouble]:
    """What is written well and cannot be."""
    yield from _stock_files(config, sheet)
    yield from _shown_twice(config, sheet)
    yield from _counted_places(config, sheet)
    yield from _sold_behind_the_counter(config, sheet)
    yield from _shipped_by_the_counter(config, sheet)
    yield from _mails_nobody_sends(config, sheet)
    yield from _places(config, sheet)
    yield from _foreign_money(config, sheet)
    yield from _bought_where_others_count(config, sheet)
    yield from _filled_from_itself(config, sheet)
    yield from _places_that_ship(config, sheet)
    yield from _carriers(config, sheet)
    yield from _followed_twice(config, sheet)
    yield from _programs(config, sheet)
    yield from _live_rates(config, sheet)


def _live_rates(config: Config, sheet: Sheet) -> Iterator[Trouble]:
    """Carriers quote in dollars."""
    for name, service in config.services.items():
        if service.live is None or config.shop.currency == "USD":
            continue
        path: Path = ("services", name, "live")
        wrong = f"carriers quote in USD, and the shop counts in {config.shop.currency}"
        yield Trouble(sheet.key(path), path, wrong, "", "leave `live` out, and keep the table")


def service_days(
    name: str, described: CarrierService, rates: Rates, sheet: Sheet
) -> Iterator[Trouble]:
    """Days in a zone that has no price say nothing."""
    for zone in described.days:
        if rates and zone not in rates:
            path: Path = ("services", name, "days", zone)
            wrong = f"zone {zone} has no rates"
            known = ", ".join(str(one) for one in sorted(rates))
            yield Trouble(sheet.at(path), path, wrong, f"the rates have zones {known}")


def _carriers(config: Config, sheet: Sheet) -> Iterator[Trouble]:
    """Rules about carriers name those of some service: a slip of the pen would bar nobody."""
    known = sorted({one.carrier for one in config.services.values()})
    named = (
        ("rules", [one.carriers for one in config.review.rules]),
        ("restrictions", [one.carriers for one in config.review.restrictions]),
    )
    for section, lists in named:
        for index, carriers in enumerate(lists):
            for at, carrier in enumerate(carriers):
                if carrier not in known:
                    path: Path = ("review", section, index, "carriers", at)
                    fix = near(carrier, known)
                    expected = f"expected one of {', '.join(known)}" if known and not fix else ""
                    wrong = f"{carrier!r} is the carrier of no service"
                    yield Trouble(sheet.at(path), path, wrong, expected, fix)


def _followed_twice(config: Config, sheet: Sheet) -> Iterator[Trouble]:
    """One carrier's parcels are followed by one connection: which of two, nobody would know."""
    follower: dict[str, str] = {
        carrier: name
        for name, settings in config.connections.items()
        for carrier in FOLLOWS.get(settings.type, ())
    }
    for name, settings in config.connections.items():
        if "tracks" not in _ROLES.get(settings.type, ()):
            continue
        for at, carrier in enumerate(getattr(settings, "carriers", ())):
            other = follower.setdefault(carrier, name)
            if other != name:
                path: Path = ("connections", name, "carriers", at)
                wrong = f"parcels of {carrier!r} are followed by {other!r} already"
                yield Trouble(sheet.at(path), path, wrong, "", "leave it out of one of the two")


def _programs(config: Config, sheet: Sheet) -> Iterator[Trouble]:
    """A program that nobody can keep, or that nobody can tell whether it is kept, holds every order."""
    for channel, described in config.channels.items():
        meant: dict[str, str] = {}
        for name, program in described.programs.items():
            path: Path = ("channels", channel, "programs", name)
            for word in program.words or (name,):
                other = meant.setdefault(word.casefold(), name)
                if other != name:
                    yield Trouble(
                        sheet.key(path), path, f"{word!r} stands for {other!r} already", "",
                        "one program for each word",
                    )  # fmt: skip
            yield from _kept_programs(config, sheet, path, channel, program)


def _kept_programs(
    config: Config, sheet: Sheet, path: Path, channel: str, program: ChannelProgram
) -> Iterator[Trouble]:
    ships = {name for name in config.locations if _ships_for(config, name, channel)}
    asked = expanded(program.locations, config.location_groups) or ships
    for name in sorted(asked & config.locations.keys() - ships):
        wrong = f"{name!r} ships no orders of {channel!r}"
        yield Trouble(sheet.key(path), path, wrong, "", "leave it out, or let it ship them")
    offered = {one for name in asked & ships for one in config.locations[name].dispatch.services}
    for service in program.services:
        if service in config.services and service not in offered:
            wrong = f"{service!r} picks up at none of its locations"
            yield Trouble(sheet.key(path), path, wrong, "", "list it in their `dispatch`")
    if program.late == "cost":
        return
    used = (set(program.services) or offered) & offered & config.services.keys()
    for service in sorted(one for one in used if not config.services[one].days):
        wrong = f"nobody knows how long {service!r} travels, so it would never count as in time"
        yield Trouble(sheet.key(path), path, wrong, "", "write its `days`, or `late: cost` here")


def _ships_for(config: Config, name: str, channel: str) -> bool:
    """The location may be asked to ship this channel's orders."""
    location = config.locations[name]
    sold = expanded(config.channels[channel].sells_from, config.location_groups)
    return bool(
        location.ships_through
        and (not sold or name in sold)
        and (not location.channels or channel in location.channels)
    )


def _places_that_ship(config: Config, sheet: Sheet) -> Iterator[Trouble]:
    """Zones start somewhere, and only who ships can be late."""
    for name, location in config.locations.items():
        if location.dispatch.services and not location.dispatch.postal_code:
            path: Path = ("locations", name, "dispatch", "services")
            wrong = "nobody knows where its parcels start"
            yield Trouble(sheet.key(path), path, wrong, "", "write its `postal_code` beside it")
        if location.dispatch != Dispatching() and not location.ships_through:
            path = ("locations", name, "dispatch")
            wrong = "it is never asked to ship"
            yield Trouble(
                sheet.key(path), path, wrong, "", "name its `ships_through`, or leave it out"
            )


def _stock_files(config: Config, sheet: Sheet) -> Iterator[Trouble]:
    """A stock file speaks of one of our locations, which is counted by it."""
    for name, settings in config.connections.items():
        location = getattr(settings, "location", "") if settings.type == "supplier_file" else ""
        path: Path = ("connections", name, "location")
        if location and location not in config.locations:
            fix = near(location, config.locations)
            wrong = f"{location!r} names no location"
            yield Trouble(sheet.at(path), path, wrong, "", fix, consequence=True)
            continue
        counter = config.locations[location].counted_by if location else name
        if counter != name and (counter == "lockstep" or counter in config.connections):
            wrong = f"location {location!r} is not counted by this connection"
            fix = f"write `counted_by: {name}` at the location"
            yield Trouble(sheet.at(path), path, wrong, "", fix)


def _shown_twice(config: Config, sheet: Sheet) -> Iterator[Trouble]:
    """A location under two twins of one channel would be offered twice."""
    for channel, described in config.channels.items():
        seen: dict[str, str] = {}
        for remote, ours in described.twins.items():
            for index, location in enumerate(ours):
                if location in seen:
                    path: Path = ("channels", channel, "twins", remote, index)
                    wrong = f"{location!r} is shown by {seen[location]!r} already"
                    expected = "its units would be offered twice"
                    yield Trouble(sheet.at(path), path, wrong, expected, "keep one of them")
                seen.setdefault(location, remote)


#: type -> what it calls a location it counts; "" where it counts one place only.
_NAMES_PLACES = {"shopify": "gid://shopify/Location/"}


def _counted_places(config: Config, sheet: Sheet) -> Iterator[Trouble]:
    """Which place of its remote a location is must be told where there are several, and only there."""
    seen: dict[tuple[str, str], str] = {}
    for name, location in config.locations.items():
        path: Path = ("locations", name)
        counter = config.connections.get(location.counted_by)
        kind = counter.type if counter else ""
        if kind in _NAMES_PLACES and not location.remote_id.startswith(_NAMES_PLACES[kind]):
            wrong = f"it is not told which location of {location.counted_by!r} this is"
            fix = f"write `remote_id: {_NAMES_PLACES[kind]}NUMBER`; its address in the admin ends in it"
            yield Trouble(sheet.key(path), path, wrong, "", fix)
        listed = kind in _ROLES or location.counted_by == "lockstep"
        if location.remote_id and listed and kind not in _NAMES_PLACES:
            path = ("locations", name, "remote_id")
            wrong = f"{location.counted_by!r} has no names for places"
            yield Trouble(sheet.at(path), path, wrong, "", "take it out")
        if counter is None or kind not in _SELLS:
            continue
        other = seen.setdefault((location.counted_by, location.remote_id), name)
        if other != name:
            path = ("locations", name, "counted_by")
            wrong = f"{other!r} is this place of {location.counted_by!r} already"
            yield Trouble(sheet.at(path), path, wrong, "its units would count twice", "keep one")
        if location.basis != "net":
            path = ("locations", name, "basis")
            wrong = f"{location.counted_by!r} takes its own sales off what it tells"
            expected = "as `gross` they would be subtracted twice"
            yield Trouble(sheet.at(path), path, wrong, expected, "write `basis: net`")
        own = location.ships_through in ("", location.counted_by)
        if "ships its own" in _ROLES[kind] and not own:
            path = ("locations", name, "ships_through")
            wrong = f"{location.counted_by!r} ships from there itself"
            fix = f"leave it out, or write {location.counted_by} for other channels' orders"
            yield Trouble(sheet.at(path), path, wrong, "", fix)


def _shipped_by_the_counter(config: Config, sheet: Sheet) -> Iterator[Trouble]:
    """Who ships only what it counts (FBA) is asked for units of its own count, by other channels.

    What it accepted its figure lacks, so that nothing need be told there (design, section 5).
    """
    for name, location in config.locations.items():
        connection = config.connections.get(location.ships_through)
        if connection is None or "ships its own" not in _ROLES.get(connection.type, ()):
            continue
        path: Path = ("locations", name, "ships_through")
        if location.counted_by != location.ships_through:
            # Where another channel counts, that is told already.
            counter = config.connections.get(location.counted_by)
            if counter is None or "ships its own" not in _ROLES.get(counter.type, ()):
                wrong = f"{location.ships_through!r} ships only what lies in its own warehouses"
                expected = f"{name!r} is counted by {location.counted_by!r}"
                fix = f"write `counted_by: {location.ships_through}` beside it"
                yield Trouble(sheet.at(path), path, wrong, expected, fix)
            continue
        if not any(
            described.connection != location.counted_by and _sold_from(config, channel, name)
            for channel, described in config.channels.items()
        ):
            wrong = f"nobody but {location.counted_by!r} sells from it, which ships that anyway"
            fix = "leave it out, or name the channels that sell from it in its `channels`"
            yield Trouble(sheet.at(path), path, wrong, "", fix)


def _sold_from(config: Config, channel: str, name: str) -> bool:
    """Whether a channel sells from a location."""
    sold = expanded(config.channels[channel].sells_from, config.location_groups)
    serves = config.locations[name].channels
    return (not sold or name in sold) and (not serves or channel in serves)


def _sold_behind_the_counter(config: Config, sheet: Sheet) -> Iterator[Trouble]:
    """A channel that counts a location and cannot set units aside there must sell from it alone.

    A sale elsewhere would have to be told there as one Effect (design, section 5); where there is
    no such call (FBA), the units would be sold twice. Being asked to ship it is such a call.
    """
    for name, location in config.locations.items():
        counter = config.connections.get(location.counted_by)
        if counter is None or counter.type not in _SELLS:
            continue
        if "reserves" in _ROLES[counter.type] or location.ships_through:
            continue
        for channel, described in config.channels.items():
            if described.connection != location.counted_by and _sold_from(config, channel, name):
                path: Path = ("channels", channel)
                yield Trouble(
                    sheet.at(path),
                    path,
                    f"it sells from {name!r}, which {location.counted_by!r} counts and sells from "
                    "itself; sales here could not be told there",
                    "",
                    f"list its other locations in `sells_from`, or let {location.counted_by!r} ship "
                    f"them: `ships_through: {location.counted_by}` at {name!r}",
                )


def _places(config: Config, sheet: Sheet) -> Iterator[Trouble]:
    """A figure that never comes cannot be late, and without a calendar nothing closes."""
    for name in config.location_groups:
        if name in config.locations:
            path: Path = ("location_groups", name)
            wrong = f"{name!r} is a location already"
            yield Trouble(sheet.key(path), path, wrong, "", "give the group a name of its own")
    for name, channel in config.channels.items():
        connection = config.connections.get(channel.connection)
        if channel.handling_days and connection and connection.type not in _STATES_HANDLING:
            path = ("channels", name, "handling_days")
            wrong = f"offers on {connection.type} state no handling time"
            yield Trouble(sheet.key(path), path, wrong, "", "leave it out")
    for name, location in config.locations.items():
        if location.stale and location.counted_by == "lockstep":
            path = ("locations", name, "stale")
            wrong = "its units are counted here: no figure of it can be late"
            fix = "leave it out, or let a connection count this location"
            yield Trouble(sheet.key(path), path, wrong, "", fix)
        elif location.stale and location.feed.every is None:
            path = ("locations", name, "stale")
            wrong = "nobody knows when its figures are due"
            yield Trouble(sheet.key(path), path, wrong, "", "write `feed: {every: 1d}` beside it")
        if location.closing and not location.calendar:
            path = ("locations", name, "closing")
            wrong = "nobody knows when it closes"
            yield Trouble(sheet.key(path), path, wrong, "", "name its `calendar`")


def _mails_nobody_sends(config: Config, sheet: Sheet) -> Iterator[Trouble]:
    """Recipients without a connection would wait for mails that never come."""
    if config.alerts.recipients and not config.alerts.through:
        path: Path = ("alerts", "recipients")
        yield Trouble(
            sheet.key(path),
            path,
            "nothing is mailed to them",
            "",
            "name an email connection in `through`",
        )
    for kind, partners in (("locations", config.locations), ("suppliers", config.suppliers)):
        for name, partner in partners.items():
            if partner.remind.mail and not config.alerts.through:
                path = (kind, name, "remind", "mail")
                fix = "name an email connection in `alerts.through`"
                yield Trouble(sheet.key(path), path, "nothing is mailed to them", "", fix)


def _foreign_money(config: Config, sheet: Sheet) -> Iterator[Trouble]:
    """Prices in another currency say nothing without a rate."""
    for name, supplier in config.suppliers.items():
        if supplier.currency not in (config.shop.currency, *config.currencies):
            path: Path = ("suppliers", name, "currency")
            wrong = f"there is no rate of {supplier.currency} to {config.shop.currency}"
            fix = f"write one under `currencies`: {{{supplier.currency}: {{2026-11-01: 0.14}}}}"
            yield Trouble(sheet.at(path), path, wrong, "", fix)


def _bought_where_others_count(config: Config, sheet: Sheet) -> Iterator[Trouble]:
    """A receipt moves our ledger; where a remote counts, its next figure would count it twice.

    One that tells what it books in of a shipment needs no receipt of ours.
    """
    for name, supplier in config.suppliers.items():
        place = config.locations.get(supplier.restocks)
        counter = config.connections.get(place.counted_by) if place else None
        tells = counter is not None and "receives" in _ROLES.get(counter.type, ())
        if place is not None and place.counted_by != "lockstep" and not tells:
            path: Path = ("suppliers", name, "restocks")
            wrong = f"{supplier.restocks!r} is counted by {place.counted_by!r}, not by us"
            expected = "what is received there cannot be put into our ledger"
            fix = "name a location with `counted_by: lockstep`"
            yield Trouble(sheet.at(path), path, wrong, expected, fix)


def _filled_from_itself(config: Config, sheet: Sheet) -> Iterator[Trouble]:
    """Goods that come from where they go would be sent around for ever; and only a place that a
    channel counts and ships from sells by itself, so that its own sales are known."""
    for name, place in config.locations.items():
        counter = config.connections.get(place.counted_by)
        tells = counter is not None and "receives" in _ROLES.get(counter.type, ())
        if place.refill and not tells:
            where: Path = ("locations", name, "refill")
            wrong = f"{name!r} is counted by {place.counted_by!r}, which does not sell from it by itself"
            fix = "take it out; `lockstep stock transfer` moves units between places of ours"
            yield Trouble(
                sheet.key(where), where, wrong, "only FBA and its like are filled up", fix
            )
        for index, origin in enumerate(place.refill.origins if place.refill else ()):
            if origin == name:
                path: Path = ("locations", name, "refill", "origins", index)
                yield Trouble(
                    sheet.at(path), path, f"{name!r} is filled from itself", "", "take it out"
                )


def skus(
    items: Mapping[Sku, CatalogSku], table: SkuTable | None, sheet: Sheet, *, accept: bool
) -> Iterator[Trouble]:
    """Skus written twice, names that mean two Skus, Kits of unknown parts or of themselves."""
    listed = table.skus if table else []
    for one in listed:
        if table and one.sku in items:
            where = table.place(one.sku, "sku")
            first = sheet.key(("skus", "items", one.sku))
            yield Trouble(where, (), f"{one.sku!r} is written at {first} too", "", "keep one")
    everything = {**{one.sku: one for one in listed}, **items}
    yield from _aliases(everything, items, table, sheet)
    if not accept:
        yield from _unknown_parts(everything, items, table, sheet)
    if found := cycle(everything):
        place, path = _place(found[0], "components", items, table, sheet)
        chain = " -> ".join(found)
        yield Trouble(place, path, f"a Kit is part of itself: {chain}", "", "take one link out")


def _aliases(
    everything: Mapping[Sku, CatalogSku],
    items: Mapping[Sku, CatalogSku],
    table: SkuTable | None,
    sheet: Sheet,
) -> Iterator[Trouble]:
    means: dict[str, Sku] = {}
    for one in everything.values():
        for alias in one.aliases:
            other = alias if alias in everything else means.setdefault(alias, one.sku)
            if other != one.sku:
                where, path = _place(one.sku, "aliases", items, table, sheet)
                yield Trouble(where, path, f"{alias!r} means {other!r} already", "", "keep one")


def _unknown_parts(
    everything: Mapping[Sku, CatalogSku],
    items: Mapping[Sku, CatalogSku],
    table: SkuTable | None,
    sheet: Sheet,
) -> Iterator[Trouble]:
    for one in everything.values():
        for part in one.components:
            if part not in everything:
                where, path = _place(one.sku, "components", items, table, sheet)
                wrong, fix = f"{part!r} is no Sku that is written here", near(part, everything)
                yield Trouble(where, path, wrong, "", fix, consequence=True)


def _place(
    sku: Sku, column: str, items: Mapping[Sku, CatalogSku], table: SkuTable | None, sheet: Sheet
) -> tuple[Position | str, Path]:
    if sku in items or table is None:
        path: Path = ("skus", "items", sku, column)
        return sheet.key(path), path
    return table.place(sku, column), ()
