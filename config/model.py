"""What an admin may say, as frozen pydantic models. Field descriptions become the JSON Schema.

The models describe; they read no file and import no client. Connector settings are found by the
connector's folder (connectors.registry), so a new connector needs no change here.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, SecretStr

from config.calendars import Calendars
from config.consignments import Lanes, Refill
from config.drift import Bulk, Drift
from config.durations import Duration
from config.ledger import Feed, Ledger, Shadow, SnapshotGuard
from config.names import Names
from config.offers import OfferPolicy, PolicyRule
from config.part import Instant, Part, TimeZone, Units
from config.places import Closing, LocationGroups, Stale
from config.publishing import Publishing
from config.reminding import Reminding
from config.replenishment import Currencies, Duties, Hours, Replenishment, Suppliers
from config.returns import Returns
from config.review import Review
from config.seasons import Season
from config.shipping import NO_PARCEL, ChannelProgram, Dispatching, Parcel, Routing, Services

Language = Literal["en", "zh"]
ModeName = Literal["observe", "propose", "act"]


def _database(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ValueError(
            "no database Lockstep can use; write sqlite:///PATH or postgresql+psycopg://…"
        )
    return url


class Store(Part):
    """Where everything is remembered."""

    url: Annotated[SecretStr, AfterValidator(_database)] = Field(
        SecretStr("sqlite:///data/lockstep.db"),
        description="sqlite:///PATH for one machine, postgresql+psycopg://USER:PASSWORD@HOST/NAME beyond it",
    )


class Shop(Part):
    """The seller."""

    name: str = Field(description="how mails and pages call the shop")
    time_zone: TimeZone = Field(
        "America/New_York", description="IANA name; days and hours are meant in it"
    )
    currency: str = Field("USD", pattern="^[A-Z]{3}$", description="ISO 4217")
    language: Language = Field(
        "en", description="of the command line and of mails without a recipient language"
    )


class Orders(Part):
    """What holds for all orders."""

    route_from: Instant = Field(
        description="orders placed earlier are recorded, reserve and are tracked, but are never routed"
    )
    keep_personal_data: Duration = Field(
        Duration(days=90),
        description="after delivery or cancellation; then names and addresses are erased",
    )
    keep_raw_records: Duration = Field(
        Duration(days=30), description="how long remotes' raw records are kept"
    )


class Pace(Part):
    """How often the flows of a connection run. Hints only hurry them."""

    orders: Duration = Field(Duration(minutes=2), description="pull of new and changed orders")
    census: Duration = Field(
        Duration(hours=1),
        description="compare a channel's own list of its last days' orders with those recorded",
    )
    listings: Duration = Field(Duration(hours=1), description="pull of listings")
    offers: Duration = Field(
        Duration(minutes=1), description="quantities: look for what differs, and push it"
    )
    offers_read: Duration = Field(
        Duration(hours=6),
        description="shown quantities of channels that `drift` cannot slice are read this often",
    )
    shipments: Duration = Field(Duration(minutes=1), description="shipment confirmations")
    stock: Duration = Field(Duration(minutes=5), description="pull of stock snapshots")
    requests: Duration = Field(Duration(minutes=1), description="requests to ship")
    responses: Duration = Field(
        Duration(minutes=2), description="acknowledgments and shipment notices"
    )
    returns: Duration = Field(
        Duration(minutes=10), description="pull of what comes back and what was paid back"
    )
    inbound: Duration = Field(
        Duration(hours=1), description="shipments to those who receive for us (FBA)"
    )
    tracking: Duration = Field(
        Duration(minutes=10), description="look for parcels that are due for a question"
    )
    mail: Duration = Field(Duration(minutes=1), description="mails waiting to be sent")


class Inbound(Part):
    """Where the daemon listens for remotes that call when something changed: webhooks."""

    port: int | None = Field(
        None, ge=1, le=65_535, description="unset: it listens nowhere, everything is pulled"
    )
    host: str = Field(
        "127.0.0.1",
        description="this machine only, for a proxy that speaks TLS; in a container 0.0.0.0",
    )
    public_url: str = Field(
        "",
        pattern=r"^(https://[^\s/?#@]+(/[^\s?#@]*)?)?$",
        description="how it is reached from outside; `lockstep check` shows what to subscribe to there",
    )


class Asking(Part):
    """How often a carrier is asked about a parcel, by where it is; carriers count every question."""

    label: Duration = Field(
        Duration(hours=12), description="a label without a scan, and parcels that fell silent"
    )
    moving: Duration = Field(Duration(hours=4), description="picked up, in transit, delayed")
    out_for_delivery: Duration = Field(Duration(minutes=45), description="on the delivery vehicle")
    not_found: Duration = Field(
        Duration(hours=2), description="a number the carrier does not know yet; grows with its age"
    )


class Doubting(Part):
    """How long a channel is not told of a parcel whose tracking number is doubted.

    Until then a person may set it right. A channel counts a number that is none as much against a
    seller as a parcel that it hears of too late.
    """

    wait: Duration = Field(Duration(hours=24), description="from when we heard of the parcel")
    before_ship_by: Duration = Field(
        Duration(hours=2), description="at the latest so long before the order is late"
    )


class Channel(Part):
    """A place that sells."""

    connection: str = Field(description="the connection that speaks to it")
    offers: OfferPolicy = Field(
        OfferPolicy(), description="the channel's own policy, under the rules"
    )
    twins: dict[str, tuple[str, ...]] = Field(
        {},
        description="remote location id -> our locations it shows; empty: the channel's first location shows all",
    )
    sells_from: tuple[str, ...] = Field(
        (), description="our locations, or groups of them, it may sell from; empty: all"
    )
    settle: Duration = Field(
        Duration(minutes=3),
        description="how long a remote write may take to be seen; nobody looks or resends sooner",
    )
    verify_after: Duration = Field(
        Duration(minutes=5), description="a sent quantity is read back after this"
    )
    bulk: Bulk = Field(Bulk(), description="when many quantities leave as one file")
    handling_days: int | None = Field(
        None,
        ge=1,
        le=30,
        description="days from order to shipment, stated with every offer, and longer where a "
        "location's `closing` says so; unset: what the channel states is left as it is",
    )
    silent_after: int = Field(
        10,
        ge=0,
        le=1_000,
        description="orders that would have come by now on a slow day, where none did: an alert; "
        "its own last eight weeks say how many come at which hour; 0: silence is never told",
    )
    release_window: Duration = Field(
        Duration(0),
        description="new orders are not sent before they have been here for so long (those that come "
        "late too), their units are held at once: for edits, quick cancellations and look-alikes",
    )
    cancel_requests: Literal["ask", "automatic"] = Field(
        "ask",
        description="a buyer's request to cancel (Amazon): `ask`, a person says so by `lockstep cancel`; "
        "`automatic`, it is followed as soon as nobody is asked to ship it, see the flow `cancellations`",
    )
    ships_partly_after: Duration | None = Field(
        None,
        description="an order of which units are missing ships what there is once it is so old, and "
        "the rest when it comes: two parcels are paid for; unset: it waits until all is there",
    )
    programs: dict[str, ChannelProgram] = Field(
        {}, description="programs whose orders only some may ship: name -> who, how, and in time"
    )


class Location(Part):
    """A place that holds and ships stock."""

    counted_by: str = Field(
        "lockstep", description="`lockstep` (our ledger) or the connection whose snapshots count it"
    )
    remote_id: str = Field(
        "",
        description="what the counting remote calls it, where it counts several: a Shopify location's gid",
    )
    basis: Literal["net", "gross"] = Field(
        "net",
        description="net: the remote already took off what it accepted; gross: an on-hand list",
    )
    priority: int = Field(100, description="lower ships first")
    ships_through: str = Field(
        "", description="the connection that takes requests to ship; empty: never asked to ship"
    )
    channels: tuple[str, ...] = Field((), description="channels whose orders it ships; empty: all")
    calendar: str = Field("", description="the days it is open; empty: every day")
    stale: Stale | None = Field(
        None,
        description="what is shown of its units once it counts as stale, see `feed`; unset: none",
    )
    closing: Closing | None = Field(
        None, description="what is shown of its units around closures; unset: all of them"
    )
    acknowledge_within: Duration = Field(
        Duration(hours=24),
        description="a request without an answer becomes a Case; days of `calendar` that are closed "
        "do not count, here and in the three that follow",
    )
    ship_within: Duration = Field(
        Duration(days=3), description="a request without a shipment becomes a Case"
    )
    escalate_after: Duration = Field(
        Duration(days=1), description="so long after that, the Case becomes critical"
    )
    reroute_after: Duration | None = Field(
        None,
        description="a request without a shipment is called off after so long and asked of others, "
        "once the place confirmed that it will not ship; unset: a person decides",
    )
    remind: Reminding = Field(Reminding(), description="before any of that, it is reminded")
    dispatch: Dispatching = Field(
        Dispatching(), description="how it ships: cut-off, capacity, services, what its work costs"
    )
    refill: Refill | None = Field(
        None, description="filled up from other locations of ours, as FBA is; unset: never"
    )
    snapshot: SnapshotGuard = Field(SnapshotGuard(), description="when a snapshot is quarantined")
    feed: Feed = Field(Feed(), description="when its figures are due, where a remote counts it")


class SkuSettings(Part):
    """What is known of one Sku."""

    title: str = Field("", description="what people call it")
    tags: tuple[str, ...] = Field((), description="words that conditions can pick it by")
    low_stock: int | None = Field(
        None,
        ge=0,
        description="alert at or below this many available units; of a Kit: so many that its "
        "components make (a Kit without its own level has none)",
    )
    components: dict[str, Units] = Field({}, description="a Kit: component Sku -> units in one Kit")
    aliases: tuple[str, ...] = Field((), description="what channels and suppliers call it")
    offers: OfferPolicy = Field(
        OfferPolicy(), description="this Sku's own policy, on every channel, over all rules"
    )
    parcel: Parcel = Field(NO_PARCEL, description="one unit as a carrier sees it")


class Skus(Part):
    """Per-Sku settings, written here or in a table."""

    table: str = Field(
        "",
        description="a CSV or XLSX file, relative to the main YAML file; columns: sku title tags "
        "low_stock sell percent buffer buffer_days cap hide_below fixed preorder backorder "
        "share_components components aliases weight size alone hazmat",
    )
    items: dict[str, SkuSettings] = Field(
        {}, description="Sku -> its settings; a Sku stands here or in the table, not in both"
    )
    accept_channel_skus: bool = Field(
        True,
        description="a channel's non-blank SKU that is written nowhere is our Sku as it stands; "
        "false: only what is written is known, and orders for the rest are held",
    )
    units_per_sale: dict[str, dict[str, Units]] = Field(
        {},
        description="channel -> remote id or remote sku -> units of the Sku in one sale (a pack)",
    )


class Recipient(Part):
    """A person who reads alert mails."""

    email: str = Field(pattern=r"^[^@\s]+@[^@\s]+$", description="where the mails go")
    language: Language = Field("en", description="of this person's mails")
    least: Literal["info", "warning", "critical"] = Field(
        "warning", description="nothing below is mailed"
    )


class Alerts(Part):
    """Who is told, and how often."""

    through: str = Field("", description="the email connection; empty: nothing is mailed")
    recipients: tuple[Recipient, ...] = Field((), description="who reads them")
    group_wait: Duration = Field(
        Duration(seconds=30), description="wait for company before the first mail"
    )
    group_interval: Duration = Field(
        Duration(minutes=5), description="between mails about a changed group"
    )
    repeat_interval: Duration = Field(
        Duration(hours=4), description="between mails about an unchanged group"
    )
    hours: Hours = Field(
        Hours(),
        description="when people are told of what is not critical; critical things any time",
    )
    low_stock: int = Field(0, ge=0, description="level for Skus without one of their own; 0: none")
    clear_margin: int = Field(
        1, ge=0, description="units above the level before a low-stock alert resolves"
    )


class Plan(Part):
    """When a push plan stops as unsafe."""

    most_zeroed: int = Field(
        30,
        ge=0,
        le=100,
        description="percent of a channel's live offers that plans may set to 0 `within` the time",
    )
    within: Duration = Field(
        Duration(hours=24),
        description="what was set to 0 in so long counts with what is to be set to 0 now",
    )
    least_offers: int = Field(
        20, ge=0, description="the guard sleeps for channels with fewer live offers"
    )


class Running(Part):
    """How the daemon runs."""

    threads: int = Field(8, ge=1, le=64, description="units at work at the same time")
    lease: Duration = Field(
        Duration(seconds=30), description="real time; a dead worker's unit is free after it"
    )
    longest_backoff: Duration = Field(
        Duration(minutes=15), description="between tries of a failing unit"
    )


class Config(Part):
    """The whole tree. `connections` hold each connector's own Settings, validated by their `type`."""

    shop: Shop
    orders: Orders
    store: Store = Store()
    connections: dict[str, Any] = Field(
        {}, description="name -> how one remote is reached; `type` says which connector speaks"
    )
    channels: dict[str, Channel] = Field({}, description="name -> a place that sells")
    locations: dict[str, Location] = Field(
        {}, description="name -> a place that holds and ships stock"
    )
    location_groups: LocationGroups = Field(
        {}, description="name -> locations that policies and channels name together"
    )
    skus: Skus = Skus()
    names: Names = Field(Names(), description="what others call our goods")
    policies: tuple[PolicyRule, ...] = Field(
        (), description="what channels may show, by condition; later rules win field by field"
    )
    seasons: tuple[Season, ...] = Field(
        (), description="days on which other policies win; later seasons win over earlier ones"
    )
    review: Review = Review()
    returns: Returns = Field(Returns(), description="goods that come back, and what is paid back")
    alerts: Alerts = Alerts()
    plan: Plan = Plan()
    publishing: Publishing = Publishing()
    pace: Pace = Pace()
    inbound: Inbound = Inbound()
    asking: Asking = Asking()
    doubtful_numbers: Doubting = Doubting()
    running: Running = Running()
    drift: Drift = Drift()
    calendars: Calendars = Field({}, description="name -> the days a place is open")
    ledger: Ledger = Ledger()
    shadow: Shadow = Shadow()
    suppliers: Suppliers = Field({}, description="name -> somebody we buy from")
    services: Services = Field({}, description="name -> one service of a carrier")
    routing: Routing = Field(Routing(), description="which location ships an order")
    lanes: Lanes = Field({}, description="name -> a way that goods take to us")
    replenishment: Replenishment = Field(Replenishment(), description="when and how much to buy")
    currencies: Currencies = Field(
        {},
        description="currency -> first day -> units of the shop's currency that one of it costs",
    )
    duties: Duties = Field((), description="rates of duty, by tariff code and origin")
