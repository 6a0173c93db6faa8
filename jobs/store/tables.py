"""The tables. Facts (what others say), decisions (what we want), and what was last acknowledged.

Orders are keyed (channel, remote_id) with a number of ours beside it; lines, holds, fulfillments
and parcels are keyed by that number and their own remote name or count. Keys of effects are made
of remote ids, never of our numbers: a restored copy of the database must make the same keys.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
    true,
)

from jobs.store.types import Instant, Json

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

#: SQLite numbers rows by itself only for INTEGER keys.
Number = BigInteger().with_variant(Integer, "sqlite")

# --- running -------------------------------------------------------------------------------------

unit = Table(
    "unit",
    metadata,
    Column("id", Text, primary_key=True),
    Column("due_at", Instant, nullable=False),
    Column("wake_seq", Integer, nullable=False, default=0),
    Column("offered_until", Float, comment="real time, seconds since the epoch"),
    Column("failures", Integer, nullable=False, default=0),
    Column(
        "waiting",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="a remote asked us to wait until due_at: no wake comes before it",
    ),
    Column("cursor", Text),
    Column("complete_to", Instant, comment="all remote changes up to here are recorded"),
    Column("last_ok_at", Instant),
    Column("last_run_at", Instant),
    Column("last_error", Text),
    Index("ix_unit_due_at", "due_at"),
)

lease = Table(
    "lease",
    metadata,
    Column("unit", Text, ForeignKey("unit.id", ondelete="CASCADE"), primary_key=True),
    Column("owner", Text),
    Column("until", Float, comment="real time, seconds since the epoch"),
    Column("fence", BigInteger, nullable=False, default=0),
)

rate_bucket = Table(
    "rate_bucket",
    metadata,
    Column("key", Text, primary_key=True),
    Column("tat", Float, nullable=False, comment="theoretical arrival time, project clock"),
)

mode = Table(
    "mode",
    metadata,
    Column("scope", Text, primary_key=True, comment="connection or channel, '/', flow"),
    Column("mode", Text, nullable=False),
    Column("skus", Json, comment="null: all"),
    Column("share", Integer, comment="percent of the Skus; null: all"),
    Column("changed_at", Instant, nullable=False),
    Column("changed_by", Text, nullable=False),
)

write_stop = Table(
    "write_stop",
    metadata,
    Column("scope", Text, primary_key=True, comment="a connection or channel, or '*'"),
    Column("since", Instant, nullable=False),
    Column("by", Text, nullable=False),
)

# --- catalogue -----------------------------------------------------------------------------------

listing = Table(
    "listing",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("remote_id", Text, primary_key=True),
    Column("remote_sku", Text, nullable=False),
    Column("sku", Text, comment="null: not mapped yet"),
    Column("units_per_sale", Integer, nullable=False, default=1),
    Column("title", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("fulfilled_by", Text, nullable=False),
    Column("inventory_id", Text, nullable=False, default=""),
    Column("tracked", Boolean, nullable=False),
    Column("attributes", Json, nullable=False),
    Column("price", BigInteger),
    Column("currency", String(3)),
    Column("updated_at", Instant),
    Column("seen_at", Instant, nullable=False),
    Index("ix_listing_sku", "sku"),
)

listing_code = Table(
    "listing_code",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("remote_id", Text, primary_key=True),
    Column("scheme", Text, primary_key=True, comment="gtin, asin"),
    Column("code", Text, primary_key=True, comment="as it is looked up; as told where it is wrong"),
    Column("wrong", Boolean, nullable=False, comment="its check digit is not right"),
    Index("ix_listing_code_code", "code"),
)

outside_name = Table(
    "outside_name",
    metadata,
    Column("id", Number, primary_key=True),
    Column("scheme", Text, nullable=False, comment="listing, remote_sku, item, gtin, asin"),
    Column("place", Text, nullable=False, comment="a channel, supplier or connection; '': all"),
    Column("value", Text, nullable=False),
    Column("source", Text, nullable=False, comment="file, person"),
    Column("sku", Text, comment="null: from then on the source says nothing of it"),
    Column("units", Integer, nullable=False, comment="units of the Sku in one of it"),
    Column("begins", Instant, nullable=False, comment="in force from here on"),
    Column("told_at", Instant, nullable=False),
    Column("who", Text, nullable=False, comment="a person, or the place in a file"),
    Column("note", Text, nullable=False),
    Index("ix_outside_name_value", "value", "scheme", "place"),
    Index("ix_outside_name_source", "source", "id"),
    Index("ix_outside_name_sku", "sku"),
)

offer = Table(
    "offer",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("remote_id", Text, primary_key=True),
    Column("remote_location", Text, primary_key=True),
    Column("sku", Text, nullable=False),
    Column("wanted", Integer),
    Column("wanted_version", Integer, nullable=False, default=0),
    Column("wanted_at", Instant),
    Column("steps", Json, comment="the reasons that led to `wanted`"),
    Column("sent", Integer, comment="null: nothing unconfirmed"),
    Column("sent_version", Integer),
    Column("sent_at", Instant),
    Column("submission", Text),
    Column("shown", Integer),
    Column("shown_at", Instant),
    Column("read_due", Boolean, nullable=False, default=True),
    Column("look_at", Instant, comment="when the push looks at this offer again; null: never"),
    Column("refused", Text, comment="the remote's words for refusing `refused_version`"),
    Column("refused_version", Integer),
    Column("released_version", Integer, comment="the want a person released, in `propose`"),
    Column(
        "wanted_handling", Integer, comment="days from order to shipment; null: left as they are"
    ),
    Column("shown_handling", Integer, comment="as read there last; null: not known"),
    Column("found", Integer, comment="what the channel showed when it was taken over"),
    Column("feed", Number, comment="the bulk submission that holds it; null: none"),
    Column(
        "repair_stopped",
        Integer,
        comment="the want that is not written again; newer ones only lower; null: repair is free",
    ),
    Column("stopped_by", Text, comment="the kind of Case that stopped its repair"),
    Column("read_as", Text, comment="the Sku and stock item it was read for last"),
    Column(
        "zeroed_at", Instant, comment="when a plan took it from more to 0 unseen; orders do not"
    ),
    Index("ix_offer_channel_look_at", "channel", "look_at"),
    Index("ix_offer_channel_shown_at", "channel", "shown_at"),
    Index("ix_offer_sku", "sku"),
)

submission = Table(
    "submission",
    metadata,
    Column("id", Number, primary_key=True),
    Column("channel", Text, nullable=False),
    Column("key", Text, nullable=False, unique=True, comment="what names it at the remote"),
    Column(
        "state",
        Text,
        nullable=False,
        comment="gathering, staging, staged, submitting, running, ended, failed, dropped",
    ),
    Column("created_at", Instant, nullable=False),
    Column("added_at", Instant, nullable=False, comment="when an offer was added last"),
    Column("staged", Text, comment="the remote's name of the uploaded file"),
    Column("sent_at", Instant),
    Column("settle_until", Instant, comment="nobody asks whether it landed before"),
    Column("remote_ref", Text),
    Column("progress", Text, comment="the remote's own word for where it is"),
    Column("ended_at", Instant),
    Column("words", Text, comment="why it failed"),
    Index("ix_submission_channel_state", "channel", "state"),
)

submission_offer = Table(
    "submission_offer",
    metadata,
    Column(
        "submission_id", Number, ForeignKey("submission.id", ondelete="CASCADE"), primary_key=True
    ),
    Column("number", Integer, primary_key=True, comment="its message or line in the file, from 1"),
    Column("remote_id", Text, nullable=False),
    Column("remote_location", Text, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("shown", Integer, comment="what it replaces, for compare-and-set"),
    Column("handling", Integer, comment="days from order to shipment; null: left as they are"),
    Column("version", Integer, nullable=False, comment="the want it carries"),
    Column("settled", Boolean, nullable=False, comment="its result is recorded"),
)

drift = Table(
    "drift",
    metadata,
    Column("id", Number, primary_key=True),
    Column("channel", Text, nullable=False),
    Column("remote_id", Text, nullable=False),
    Column("remote_location", Text, nullable=False),
    Column("sku", Text, nullable=False),
    Column("expected", Integer, nullable=False, comment="what we sent or else read last"),
    Column("expected_at", Instant, nullable=False),
    Column("unconfirmed", Boolean, nullable=False, comment="sent, and not read back"),
    Column("before", Integer, comment="shown before `expected`"),
    Column("found", Integer, comment="null: the channel shows none"),
    Column("found_at", Instant, nullable=False),
    Column("since", Instant, nullable=False, comment="since when it has differed, as far as seen"),
    Column("moved", Boolean, nullable=False, comment="read for another Sku or item than before"),
    Column("ours", Boolean, nullable=False, comment="the overwritten number was one we had set"),
    Column(
        "state",
        Text,
        nullable=False,
        comment="found, repairing, stopped; ended: explained, repaired, overwritten, moot",
    ),
    Column("cause", Text, comment="null: not judged yet"),
    Column("unexplained", Integer, comment="units that orders do not explain"),
    Column("judged_at", Instant),
    Column("ended_at", Instant),
    Index("ix_drift_channel_found_at", "channel", "found_at"),
    Index(
        "ix_drift_open",
        "channel",
        "remote_id",
        "remote_location",
        unique=True,
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
)

remote_location = Table(
    "remote_location",
    metadata,
    Column("channel", Text, primary_key=True),
    Column(
        "id", Text, primary_key=True, comment="'' where the channel keeps one number per listing"
    ),
    Column("position", Integer, nullable=False),
    Column("name", Text, nullable=False),
)

dirty_sku = Table(
    "dirty_sku",
    metadata,
    Column("sku", Text, primary_key=True, comment="its wanted quantities must be decided again"),
)

lag = Table(
    "lag",
    metadata,
    Column("kind", Text, primary_key=True, comment="orders, offers, snapshot, figure"),
    Column("place", Text, primary_key=True, comment="the channel or location it was measured at"),
    Column("counts", Json, nullable=False, comment="observations by bucket, see core.rules.lags"),
    Column("at", Instant, nullable=False, comment="of the last observation"),
    Column(
        "in_force", Float, comment="seconds that risk buffers reckon with; null: what is assumed"
    ),
)

census_day = Table(
    "census_day",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("day", Date, primary_key=True, comment="of the shop, on which the orders were placed"),
    Column(
        "theirs", Integer, nullable=False, comment="orders the channel lists, when compared last"
    ),
    Column("stated", Integer, comment="orders it says there are; null: it does not say"),
    Column("ours", Integer, nullable=False, comment="orders recorded, after what was missing came"),
    Column("fetched", Integer, nullable=False, comment="of them by the comparisons, all together"),
    Column("missing", Json, nullable=False, comment="ids it lists that could not be fetched yet"),
    Column("compared_at", Instant, nullable=False),
)

# --- stock ---------------------------------------------------------------------------------------

stock_level = Table(
    "stock_level",
    metadata,
    Column("sku", Text, primary_key=True),
    Column("location", Text, primary_key=True),
    Column("on_hand", Integer, nullable=False, default=0),
    Column("committed", Integer, nullable=False, default=0),
    Column("safety_stock", Integer, nullable=False, default=0),
    Column("incoming", Integer, nullable=False, default=0),
    Column("as_of", Instant, comment="of a figure of this one alone, newer than the location's"),
    Column(
        "in_transit",
        Integer,
        nullable=False,
        server_default="0",
        comment="units on their way here from another location: the rest of its open transfers",
    ),
    Column("counted_at", Instant, comment="the instant the last applied count here speaks of"),
    CheckConstraint("committed >= 0", name="committed"),
)

movement = Table(
    "movement",
    metadata,
    Column("id", Number, primary_key=True),
    Column("sku", Text, nullable=False),
    Column("location", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("reference", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("cause", Text, nullable=False, server_default="", comment="a short code: why"),
    Column("person", Text, comment="who did it; null: no person did"),
    Column("note", Text),
    UniqueConstraint("kind", "reference", "sku", "location"),
    Index("ix_movement_sku_location", "sku", "location"),
)

transfer = Table(
    "transfer",
    metadata,
    Column("id", Number, primary_key=True),
    Column("sku", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("destination", Text, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("arrived", Integer, nullable=False, default=0),
    Column("lost", Integer, nullable=False, default=0),
    Column(
        "counted_here",
        Boolean,
        nullable=False,
        comment="we count the destination: what arrives is a line of our ledger",
    ),
    Column("state", Text, nullable=False, comment="open, closed"),
    Column("cause", Text, nullable=False),
    Column("sent_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("person", Text, nullable=False),
    Column("note", Text),
    CheckConstraint("quantity > 0", name="quantity"),
    CheckConstraint("arrived + lost <= quantity", name="arrived"),
)

freshness = Table(
    "freshness",
    metadata,
    Column("location", Text, primary_key=True),
    Column("state", Text, nullable=False, comment="fresh, silent, stale"),
    Column("since", Instant, nullable=False, comment="in this state since"),
    Column("code", Text, nullable=False),
    Column("args", Json, nullable=False),
    Column("watched_from", Instant, nullable=False, comment="its first figure was due from here"),
)

snapshot = Table(
    "snapshot",
    metadata,
    Column("id", Number, primary_key=True),
    Column("location", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("as_of", Instant, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("units", BigInteger, nullable=False),
    Column("zeros", Integer, nullable=False),
    Column("state", Text, nullable=False, comment="applied, quarantined, late, rejected"),
    Column(
        "complete",
        Boolean,
        nullable=False,
        server_default=true(),
        comment="it speaks of the whole location",
    ),
    Column("reasons", Json, nullable=False),
    Column("content", Json, comment="the rows, kept while quarantined"),
    Column(
        "unknown",
        Integer,
        nullable=False,
        server_default="0",
        comment="rows whose Sku nobody here knows",
    ),
    UniqueConstraint("location", "name", "digest", "as_of"),
    Index("ix_snapshot_location_state_as_of", "location", "state", "as_of"),
)

reservation = Table(
    "reservation",
    metadata,
    Column("id", Number, primary_key=True),
    Column("order_id", Number, ForeignKey("orders.id"), nullable=False),
    Column("line", Text, nullable=False),
    Column("sku", Text, nullable=False),
    Column("location", Text, comment="null: unallocated demand"),
    Column("quantity", Integer, nullable=False),
    Column("fulfillment", Integer, comment="number within the order, once routed"),
    Column("state", Text, nullable=False, comment="open, absorbed, consumed, released, expired"),
    Column("absorbed_after", Instant, comment="a snapshot as of later than this ends the count"),
    Column(
        "shipped",
        Boolean,
        nullable=False,
        server_default=false(),
        comment="left its place, whose own figure does not show it yet",
    ),
    Column("at", Instant, nullable=False),
    CheckConstraint("quantity > 0", name="quantity"),
    Index("ix_reservation_order_id", "order_id"),
    Index(
        "ix_reservation_open",
        "sku",
        "location",
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    ),
    Index(
        "ix_reservation_held",
        "location",
        sqlite_where=text("state IN ('open', 'absorbed')"),
        postgresql_where=text("state IN ('open', 'absorbed')"),
    ),
)

counted_item = Table(
    "counted_item",
    metadata,
    Column("location", Text, primary_key=True),
    Column("item", Text, primary_key=True, comment="what the counting remote calls the thing"),
    Column("sku", Text, nullable=False),
    Column("units", Integer, nullable=False, comment="of the Sku, as its figure for us"),
    Column("words", Json, nullable=False, comment="{the remote's own word: quantity}"),
    Column("as_of", Instant, nullable=False),
    Index("ix_counted_item_location_sku", "location", "sku"),
)

set_aside = Table(
    "set_aside",
    metadata,
    Column("order_id", Number, ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True),
    Column("location", Text, primary_key=True),
    Column("sku", Text, primary_key=True),
    Column("kept", Integer, nullable=False, comment="units the remote keeps for it, acknowledged"),
    Column("told", Integer, nullable=False, comment="shipped units the remote was told of"),
    Column("since", Instant, comment="its figures of later lack what it keeps"),
)

set_aside_step = Table(
    "set_aside_step",
    metadata,
    Column("order_id", Number, ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, comment="that of its effect"),
    Column("location", Text, nullable=False),
    Column("step", Text, nullable=False, comment="reserve, release, ship"),
    Column("units", Json, nullable=False, comment="{Sku: units}"),
)

# --- demand and supply ---------------------------------------------------------------------------

demand = Table(
    "demand",
    metadata,
    Column("sku", Text, primary_key=True),
    Column("channel", Text, primary_key=True, comment="'': all channels together"),
    Column("per_day", Float, nullable=False, comment="expected units a day, from now on"),
    Column("variance", Float, nullable=False, comment="of the units of one day"),
    Column("days", Integer, nullable=False, comment="days of history it rests on"),
    Column("at", Instant, nullable=False, comment="when it was worked out"),
)

sales_day = Table(
    "sales_day",
    metadata,
    Column("sku", Text, primary_key=True, comment="as it is sold, a Kit is one; '': all together"),
    Column("channel", Text, primary_key=True),
    Column("day", Date, primary_key=True, comment="of the shop, on which the orders were placed"),
    Column("units", Integer, nullable=False, comment="less canceled and test ones"),
    Index("ix_sales_day_channel_day", "channel", "day"),
)

sales_mark = Table(
    "sales_mark",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("day", Date, primary_key=True, comment="orders of it changed: to be counted anew"),
)

stock_out = Table(
    "stock_out",
    metadata,
    Column("sku", Text, primary_key=True),
    Column("day", Date, primary_key=True, comment="began without a free unit anywhere"),
    Column("until", Date, comment="the day that began with some again; null: still out"),
)

supplier_item = Table(
    "supplier_item",
    metadata,
    Column("supplier", Text, primary_key=True, comment="the connection that tells it, or its name"),
    Column("sku", Text, primary_key=True),
    Column("item", Text, nullable=False, comment="what the supplier calls it"),
    Column("pack", Integer, nullable=False, comment="units in one pack; ordered in whole packs"),
    Column("least", Integer, nullable=False, comment="fewest units in one order"),
    Column("cost", BigInteger, comment="of one unit, minor units; null: not told"),
    Column("currency", String(3)),
    Column("breaks", Json, nullable=False, comment="[[units, cost of one from there on], ...]"),
    Column("lead_days", Integer, comment="stated lead time; null: not told"),
    Column("discontinued", Boolean, nullable=False, default=False),
    Column(
        "terms", Text, comment="digest of all the above: two of them are compared, not ten columns"
    ),
    Column("at", Instant, nullable=False, comment="when it was told"),
)

# --- buying --------------------------------------------------------------------------------------

purchase_order = Table(
    "purchase_order",
    metadata,
    Column("number", Text, primary_key=True, comment="printed on the order; the key of its effect"),
    Column("supplier", Text, nullable=False),
    Column("connection", Text, nullable=False, comment="'': a person sends it"),
    Column("location", Text, nullable=False, comment="who receives it"),
    Column(
        "state",
        Text,
        nullable=False,
        comment="draft, sent, acknowledged, partly_received, received, closed, canceled",
    ),
    Column("currency", String(3), nullable=False, comment="of its prices"),
    Column("needed_on", Date, comment="when we need it; null: as soon as can be"),
    Column("expected_on", Date, nullable=False, comment="when we reckon with it"),
    Column("confirmed_on", Date, comment="when the supplier says it leaves them"),
    Column("reference", Text, nullable=False, default="", comment="the supplier's own word for it"),
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("sent_at", Instant),
    Column("acknowledged_at", Instant),
    Column("settled_at", Instant, comment="received, closed or canceled"),
    Index("ix_purchase_order_state", "state"),
)

purchase_order_line = Table(
    "purchase_order_line",
    metadata,
    Column(
        "purchase",
        Text,
        ForeignKey("purchase_order.number", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("sku", Text, primary_key=True),
    Column("item", Text, nullable=False, comment="what the supplier calls it"),
    Column("quantity", Integer, nullable=False, comment="units, never packs"),
    Column("pack", Integer, nullable=False),
    Column("price", BigInteger, comment="of one unit, minor units; null: not known"),
    Column("confirmed", Integer, comment="units the supplier says will come; null: no answer"),
    Column("received", Integer, nullable=False, default=0),
    CheckConstraint("quantity > 0", name="quantity"),
    Index("ix_purchase_order_line_sku", "sku"),
)

invoice = Table(
    "invoice",
    metadata,
    Column("connection", Text, primary_key=True, comment="who sent it"),
    Column("number", Text, primary_key=True, comment="theirs"),
    Column("names", Text, nullable=False, comment="the order it names, in its own words"),
    Column("key", Text, nullable=False, comment="ours; empty: we know no such order"),
    Column("on_day", Date, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("extras", BigInteger, nullable=False, comment="minor units"),
    Column("total", BigInteger, nullable=False, comment="minor units, as it stands"),
    Column("credit", Boolean, nullable=False),
    Column("state", Text, nullable=False, comment="matched, waiting, differs, accepted, rejected"),
    Column("received_at", Instant, nullable=False),
    Column("settled_at", Instant),
    Column("settled_by", Text, comment="a person; null: it matched"),
    Column("note", Text),
    Index("ix_invoice_key", "key"),
    Index("ix_invoice_state", "state"),
)

invoice_line = Table(
    "invoice_line",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("number", Text, primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("item", Text, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("amount", BigInteger, nullable=False, comment="of all of them, minor units"),
    ForeignKeyConstraint(
        ["connection", "number"], ["invoice.connection", "invoice.number"], ondelete="CASCADE"
    ),
)

consignment = Table(
    "consignment",
    metadata,
    Column("number", Text, primary_key=True, comment="a container, a truckload, a shipment to FBA"),
    Column("destination", Text, nullable=False, comment="our location that receives it"),
    Column("lane", Text, nullable=False, comment="the way it takes; '': none told"),
    Column("connection", Text, nullable=False, comment="who tells what it received; '': nobody"),
    Column(
        "ref", Text, nullable=False, comment="that connection's own id of it; '': not known yet"
    ),
    Column("state", Text, nullable=False, comment="open, received, closed, canceled"),
    Column("told", Text, nullable=False, comment="what the receiver last said; '': nothing"),
    Column(
        "told_name",
        Text,
        nullable=False,
        server_default="",
        comment="what the receiver's own pages call it; empty: nothing",
    ),
    Column("undelivered_on", Date, comment="the last day it was seen not to be there"),
    Column("started_on", Date, nullable=False),
    Column(
        "watched",
        Boolean,
        nullable=False,
        comment="known since it began; its days teach how long the way takes",
    ),
    Column("expected_on", Date, nullable=False, comment="when half of such are booked in"),
    Column("late_on", Date, nullable=False, comment="when nine of ten are"),
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("settled_at", Instant, comment="received, closed or canceled"),
    Index("ix_consignment_state", "state"),
    Index("ix_consignment_lane", "lane", "started_on"),
    Index(
        "uq_consignment_connection_ref",
        "connection",
        "ref",
        unique=True,
        sqlite_where=text("ref != ''"),
        postgresql_where=text("ref != ''"),
    ),
)

consignment_line = Table(
    "consignment_line",
    metadata,
    Column(
        "consignment",
        Text,
        ForeignKey("consignment.number", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("item", Text, primary_key=True, comment="the receiver's word for it, or our Sku"),
    Column("purchase", Text, primary_key=True, comment="the order it was bought with; '': our own"),
    Column("sku", Text, comment="null: nobody here knows the item"),
    Column("units", Integer, nullable=False, comment="of the Sku that were sent"),
    Column("received", Integer, nullable=False, default=0),
    Column(
        "loaded",
        Integer,
        nullable=False,
        server_default="0",
        comment="units somebody here put on it; 0: only the receiver speaks of them",
    ),
    Column(
        "booked",
        Integer,
        nullable=False,
        server_default="0",
        comment="units taken in by the order or transfer, never fewer than before",
    ),
    Column("transfer", Number, ForeignKey("transfer.id"), comment="what took it off the origin"),
    CheckConstraint("units >= 0", name="units"),
    CheckConstraint("received >= 0", name="received"),
    Index("ix_consignment_line_sku", "sku"),
    Index("ix_consignment_line_purchase", "purchase"),
)

consignment_leg = Table(
    "consignment_leg",
    metadata,
    Column(
        "consignment",
        Text,
        ForeignKey("consignment.number", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column(
        "leg",
        Text,
        primary_key=True,
        comment="ready, loaded, sailed, port, customs, delivered, receiving",
    ),
    Column("planned", Date, comment="what somebody said; null: nobody did"),
    Column("actual", Date, comment="the day it was done; null: not yet"),
    Column("not_before", Date, comment="the earliest day it can have been done; null: nobody saw"),
)

consignment_slip = Table(
    "consignment_slip",
    metadata,
    Column(
        "consignment",
        Text,
        ForeignKey("consignment.number", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("slip", Text, primary_key=True, comment="the number, or the digest of its bytes"),
    Column("at", Instant, nullable=False),
    Column("person", Text, nullable=False),
)

notice_line = Table(
    "notice_line",
    metadata,
    Column("key", Text, primary_key=True, comment="of the request to ship, or the purchase order"),
    Column("tracking_number", Text, primary_key=True, comment="or what else the goods go under"),
    Column("document", Text, primary_key=True, comment="its writer's name for it; '': none told"),
    Column("sku", Text, primary_key=True, comment="or their word for it; '': nothing was in it"),
    Column("units", Integer, nullable=False, comment="as the document says now"),
    Column("taken", Integer, nullable=False, comment="of them, counted as shipped"),
    Column("at", Instant, nullable=False, comment="when it was first told"),
)

receipt_cost = Table(
    "receipt_cost",
    metadata,
    Column("id", Number, primary_key=True),
    Column("reference", Text, nullable=False, comment="of the receipt's movement"),
    Column("sku", Text, nullable=False),
    Column("purchase", Text, ForeignKey("purchase_order.number"), nullable=False),
    Column("location", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("units", Integer, nullable=False),
    Column("currency", String(3), nullable=False, comment="the shop's, of all amounts here"),
    Column("goods", BigInteger, nullable=False, comment="minor units, of all units"),
    Column("freight", BigInteger, nullable=False),
    Column("duty", BigInteger, nullable=False),
    Column("fees", BigInteger, nullable=False),
    Column("basis", Json, nullable=False, comment="price, rate and duty it was reckoned with"),
    Column("pool_units", Integer, nullable=False, comment="in stock after it, of known cost"),
    Column("pool_value", BigInteger, nullable=False, comment="what those cost together"),
    UniqueConstraint("reference", "sku"),
    Index("ix_receipt_cost_sku", "sku"),
)

# --- orders: facts, then what we decided ---------------------------------------------------------

party = Table(
    "party",
    metadata,
    Column("order_id", Number, ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True),
    Column("role", Text, primary_key=True, comment="ship_to, bill_to"),
    Column("name", Text, nullable=False),
    Column("company", Text, nullable=False),
    Column("line1", Text, nullable=False),
    Column("line2", Text, nullable=False),
    Column("line3", Text, nullable=False),
    Column("city", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("postal_code", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("phone", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("door_mark", Text, comment="the same for all spellings of one address; null: none"),
    Column("buyer_mark", Text, comment="the same for all orders of one buyer; null: not known"),
    Column("erase_after", Instant, comment="null: the order is not settled yet"),
    Index("ix_party_erase_after", "erase_after"),
    Index("ix_party_door_mark", "door_mark"),
    Index("ix_party_buyer_mark", "buyer_mark"),
)

orders = Table(
    "orders",
    metadata,
    Column("id", Number, primary_key=True),
    Column("channel", Text, nullable=False),
    Column("remote_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("placed_at", Instant, nullable=False),
    Column(
        "taken_at",
        Instant,
        comment="its channel's figures of later lack its units; null: placed_at",
    ),
    Column("updated_at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("payment", Text, nullable=False),
    Column("canceled_at", Instant),
    Column("cancel_reason", Text, nullable=False, default=""),
    Column("pending", Boolean, nullable=False),
    Column("test", Boolean, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("presentment_currency", Text, nullable=False, default=""),
    Column("total", BigInteger),
    Column("service", Text, nullable=False, default=""),
    Column("ship_by", Instant),
    Column("deliver_by", Instant),
    Column("tags", Json, nullable=False),
    Column("attributes", Json, nullable=False),
    Column("risk", Text, nullable=False, server_default="", comment="of fraud, as stated"),
    # ours
    Column("stage", Text, nullable=False),
    Column("decide", Boolean, nullable=False, comment="something changed: decide again"),
    Column(
        "listed",
        Boolean,
        nullable=False,
        default=False,
        comment="a person wants it routed though old",
    ),
    Column(
        "shadow", Boolean, nullable=False, default=False, comment="decided while only observing"
    ),
    Column("expired_at", Instant, comment="a policy let its units go; null: they are held"),
    Column("priority", Integer, nullable=False, server_default="0", comment="higher: served first"),
    Column("canceling", Text, comment="why we are ending it at its channel; null: we are not"),
    Column("asked", Json, comment="what rules ask of it: tags, notes, services; null: nothing"),
    Column(
        "replaces",
        Number,
        comment="the return whose units it replaces: ours, no buyer placed it; null: a buyer did",
    ),
    UniqueConstraint("channel", "remote_id"),
    Index("ix_orders_decide", "id", sqlite_where=text("decide"), postgresql_where=text("decide")),
    Index("ix_orders_stage", "stage"),
    Index("ix_orders_channel_placed_at", "channel", "placed_at"),
)

order_line = Table(
    "order_line",
    metadata,
    Column("order_id", Number, ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True),
    Column("remote_id", Text, primary_key=True),
    Column("remote_sku", Text, nullable=False),
    Column("sku", Text, comment="null: unknown to us"),
    Column("units_per_sale", Integer, nullable=False, default=1),
    Column("listing_remote_id", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("ordered", Integer, nullable=False),
    Column("current", Integer, nullable=False),
    Column("fulfilled", Integer, nullable=False),
    Column("unit_price", BigInteger),
    Column("currency", Text),
    Column("presentment_price", BigInteger),
    Column("presentment_currency", Text),
    Column("requires_shipping", Boolean, nullable=False),
    Column("fulfilled_by", Text, nullable=False),
    Column("cancel_requested", Boolean, nullable=False),
    Column(
        "returned",
        Integer,
        nullable=False,
        server_default="0",
        comment="units that left and were paid back since, while others are still to ship",
    ),
    Column(
        "external",
        Integer,
        nullable=False,
        default=0,
        comment="units others shipped, taken off our ledger",
    ),
    Column("assigned", Text, comment="the channel's own place it ships from; null: not told"),
    Column(
        "taken_from",
        Json,
        comment="[[remote location, units], ...] the channel took off its own figures; null: not told",
    ),
    Index("ix_order_line_listing_remote_id", "listing_remote_id"),
)

hold = Table(
    "hold",
    metadata,
    Column("order_id", Number, ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True),
    Column("code", Text, primary_key=True),
    Column("args", Json, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("until", Instant, comment="it ends then, of itself; null: not by time"),
    Column("released_at", Instant),
    Column("released_by", Text, comment="a person, or null: the cause went"),
    Column("note", Text),
    Index("ix_hold_until", "until"),
    Index("ix_hold_open", "code", "released_at"),
)

fulfillment = Table(
    "fulfillment",
    metadata,
    Column("order_id", Number, ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("location", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("shadow", Boolean, nullable=False, server_default=false()),
    Column("key", Text, nullable=False, unique=True),
    Column("created_at", Instant, nullable=False),
    Column("requested_at", Instant),
    Column("acknowledged_at", Instant),
    Column("shipped_at", Instant),
    Column("reference", Text, nullable=False, default="", comment="the place's own word for it"),
    Column(
        "service",
        Text,
        nullable=False,
        server_default="",
        comment="what routing chose; empty: as the channel says",
    ),
    Column("ship_on", Date, comment="the place's day it counts on"),
    Column("label_mark", Text, comment="of the address in its request; null: not made yet"),
    Column("asked_at", Instant, comment="when its place was last asked what became of it"),
    Column(
        "call_off",
        Text,
        comment="its place is to be told not to ship: wanted, confirmed, refused; null: it is not",
    ),
    Column(
        "call_off_why",
        Text,
        comment="change: the channel wants it no more; canceling: we end it there; overdue: it takes too long",
    ),
    Column(
        "short_key",
        Text,
        comment="its key for those with room for few letters; null: made before there were any",
    ),
    Index("ix_fulfillment_short_key", "short_key", unique=True),
    Index("ix_fulfillment_state", "state"),
    Index("ix_fulfillment_ship_on", "location", "ship_on"),
)

fulfillment_line = Table(
    "fulfillment_line",
    metadata,
    Column("order_id", Number, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("line", Text, primary_key=True),
    Column("sku", Text, primary_key=True),
    Column("quantity", Integer, nullable=False),
    Column("per_unit", Integer, nullable=False),
    Column("shipped", Integer, nullable=False, default=0),
    Column(
        "declined",
        Integer,
        nullable=False,
        server_default="0",
        comment="units the place said it will not ship; not in `quantity` any more",
    ),
    ForeignKeyConstraint(
        ["order_id", "number"], ["fulfillment.order_id", "fulfillment.number"], ondelete="CASCADE"
    ),
)

shipment = Table(
    "shipment",
    metadata,
    Column("order_id", Number, ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True),
    Column("package_number", Integer, primary_key=True),
    Column("fulfillment", Integer, nullable=False),
    Column("location", Text, nullable=False),
    Column("carrier", Text, nullable=False),
    Column("tracking_number", Text, nullable=False),
    Column("service", Text, nullable=False, default=""),
    Column("shipped_at", Instant, nullable=False),
    Column("remote_location", Text, nullable=False, default=""),
    Column("status", Text, nullable=False),
    Column("status_at", Instant),
    Column("delivered_at", Instant),
    Column("asked_at", Instant),
    Column("ask_at", Instant, comment="when the carrier is asked again; null: never"),
    Column(
        "tell_at",
        Instant,
        comment="its number is doubted: its channel is told from then on; null: at once",
    ),
    Index("ix_shipment_order_id_tracking_number", "order_id", "tracking_number"),
    Index("ix_shipment_tracking_number", "tracking_number"),
    Index("ix_shipment_ask_at", "ask_at"),
)

shipment_line = Table(
    "shipment_line",
    metadata,
    Column("order_id", Number, primary_key=True),
    Column("package_number", Integer, primary_key=True),
    Column("line", Text, primary_key=True),
    Column("quantity", Integer, nullable=False, comment="units of the order line"),
    ForeignKeyConstraint(
        ["order_id", "package_number"],
        ["shipment.order_id", "shipment.package_number"],
        ondelete="CASCADE",
    ),
)

tracking_event = Table(
    "tracking_event",
    metadata,
    Column("order_id", Number, primary_key=True),
    Column("package_number", Integer, primary_key=True),
    Column("at", Instant, primary_key=True),
    Column("raw_type", Text, primary_key=True),
    Column("raw_code", Text, primary_key=True),
    Column("raw_status_code", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("local_time", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("place", Text, nullable=False),
    ForeignKeyConstraint(
        ["order_id", "package_number"],
        ["shipment.order_id", "shipment.package_number"],
        ondelete="CASCADE",
    ),
)

# --- what comes back ------------------------------------------------------------------------------

returns = Table(
    "returns",
    metadata,
    Column("id", Number, primary_key=True),
    Column("channel", Text, nullable=False),
    Column("remote_id", Text, comment="the channel's; null: it knows of no return"),
    Column("rma", Text, nullable=False, unique=True, comment="our number, written on the parcel"),
    Column("name", Text, nullable=False, comment="what people call it"),
    Column("order_remote_id", Text, nullable=False),
    Column("order_id", Number, ForeignKey("orders.id"), comment="null: we know no such order"),
    Column("status", Text, nullable=False, comment="as the channel states it"),
    Column("state", Text, nullable=False, comment="how far we are with it"),
    Column("handled_there", Boolean, nullable=False, comment="the channel takes it back itself"),
    Column("carrier", Text, nullable=False, server_default=""),
    Column("tracking_number", Text, nullable=False, server_default=""),
    Column("label", Text, nullable=False, server_default="", comment="who made it calls it so"),
    Column("our_label", Boolean, nullable=False, comment="the shop paid for its label"),
    Column("created_at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Column("received_at", Instant),
    Column("closed_at", Instant),
    Column("person", Text, comment="who opened it; null: it was pulled"),
    Column("note", Text),
    UniqueConstraint("channel", "remote_id"),
    Index("ix_returns_order_id", "order_id"),
    Index("ix_returns_state", "state"),
)

return_line = Table(
    "return_line",
    metadata,
    Column("return_id", Number, ForeignKey("returns.id", ondelete="CASCADE"), primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("remote_id", Text, nullable=False, comment="the channel's; empty: ours alone"),
    Column("line", Text, nullable=False, comment="of the order; empty: not known"),
    Column("remote_sku", Text, nullable=False),
    Column("quantity", Integer, nullable=False, comment="units of the order line; 0: taken off"),
    Column("received", Integer, nullable=False, server_default="0"),
    Column("reason", Text, nullable=False),
    Column("raw_reason", Text, nullable=False),
    Column("resolution", Text, nullable=False, comment="refund, replacement, nothing"),
    Column("late_days", Integer, nullable=False, server_default="0", comment="after its window"),
    CheckConstraint("received >= 0 AND received <= quantity", name="received"),
)

inspection = Table(
    "inspection",
    metadata,
    Column("id", Number, primary_key=True),
    Column("return_id", Number, nullable=False),
    Column("place", Integer, nullable=False),
    Column("disposition", Text, nullable=False, comment="restock, damaged, to_supplier, destroy"),
    Column("quantity", Integer, nullable=False, comment="units of the order line"),
    Column("location", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("person", Text, comment="null: the channel says so"),
    Column("note", Text),
    CheckConstraint("quantity > 0", name="quantity"),
    ForeignKeyConstraint(
        ["return_id", "place"], ["return_line.return_id", "return_line.place"], ondelete="CASCADE"
    ),
    Index("ix_inspection_return_id", "return_id"),
)

refund = Table(
    "refund",
    metadata,
    Column("id", Number, primary_key=True),
    Column("channel", Text, nullable=False),
    Column("order_remote_id", Text, nullable=False),
    Column("order_id", Number, ForeignKey("orders.id"), comment="null: we know no such order"),
    Column("number", Integer, nullable=False, comment="counted within the order"),
    Column("remote_id", Text, comment="the channel's; null: not paid yet"),
    Column("key", Text, unique=True, comment="of its effect; null: it was made elsewhere"),
    Column("return_id", Number, ForeignKey("returns.id"), comment="what it settles; null: none"),
    Column(
        "state",
        Text,
        nullable=False,
        comment="wanted, proposed, approved, made, refused, declined, withdrawn",
    ),
    Column("cause", Text, nullable=False, comment="return, difference, cancellation, elsewhere"),
    Column("currency", String(3), nullable=False),
    Column("shipping", BigInteger, nullable=False, comment="minor units"),
    Column("total", BigInteger, nullable=False, comment="minor units; with shipping"),
    Column(
        "why", Json, nullable=False, comment="[[code, args], ...]: what was kept, what is asked"
    ),
    Column("chargeback", Boolean, nullable=False, server_default=false()),
    Column("created_at", Instant, nullable=False),
    Column("made_at", Instant),
    Column("decided_by", Text, comment="a person; null: the rules"),
    Column("note", Text),
    UniqueConstraint("channel", "remote_id"),
    Index("ix_refund_order_id", "order_id"),
    Index("ix_refund_state", "channel", "state"),
    Index("ix_refund_return_id", "return_id"),
)

refund_line = Table(
    "refund_line",
    metadata,
    Column("refund_id", Number, ForeignKey("refund.id", ondelete="CASCADE"), primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("line", Text, nullable=False, comment="of the order"),
    Column("return_id", Number, comment="the return whose units these are; null: none"),
    Column("return_place", Integer, comment="the line of that return"),
    Column("disposition", Text, comment="what was found; null: nobody looked"),
    Column("quantity", Integer, nullable=False),
    Column("amount", BigInteger, nullable=False, comment="minor units, tax included"),
    Index("ix_refund_line_return_id", "return_id"),
)

exchange_line = Table(
    "exchange_line",
    metadata,
    Column("return_id", Number, ForeignKey("returns.id", ondelete="CASCADE"), primary_key=True),
    Column("remote_id", Text, primary_key=True, comment="the channel's, or counted by us"),
    Column("remote_sku", Text, nullable=False),
    Column("listing_remote_id", Text, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("price", BigInteger, comment="of one, minor units"),
    Column("currency", Text),
    Column("there", Boolean, nullable=False, comment="the channel made it a line of its order"),
)

supplier_claim = Table(
    "supplier_claim",
    metadata,
    Column("id", Number, primary_key=True),
    Column("return_id", Number, ForeignKey("returns.id"), nullable=False),
    Column("place", Integer, nullable=False),
    Column("supplier", Text, nullable=False, comment="empty: nobody knows who"),
    Column("sku", Text, nullable=False),
    Column("quantity", Integer, nullable=False, comment="units of the Sku"),
    Column("cost", BigInteger, comment="of one, minor units; null: not known"),
    Column("currency", Text),
    Column("reason", Text, nullable=False),
    Column("state", Text, nullable=False, comment="open, credited, refused"),
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("person", Text),
    Column("note", Text),
    Index("ix_supplier_claim_return_id", "return_id"),
    Index("ix_supplier_claim_state", "state", "supplier"),
)

# --- writes to the outside -----------------------------------------------------------------------

effect = Table(
    "effect",
    metadata,
    Column("id", Number, primary_key=True),
    Column("kind", Text, nullable=False, comment="request, confirmation"),
    Column("connection", Text, nullable=False, comment="who carries it out"),
    Column("scope", Text, nullable=False, comment="channel or connection whose mode rules it"),
    Column("subject", Text, nullable=False),
    Column("order_id", Number, ForeignKey("orders.id")),
    Column("number", Integer, comment="fulfillment or package number"),
    Column("sku", Text, comment="for modes that act on some Skus only"),
    Column("key", Text, nullable=False, unique=True),
    Column("request_hash", Text, nullable=False),
    Column("document", LargeBinary, comment="frozen bytes, where the effect is a file"),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("created_at", Instant, nullable=False),
    Column("sent_at", Instant),
    Column("settle_until", Instant),
    Column("response", Text, nullable=False, default=""),
    Column("remote_ref", Text, nullable=False, default=""),
    Column("fence", BigInteger),
    Column(
        "serial", BigInteger, comment="of its document, counted by connection; null: it has none"
    ),
    Column("told", Text, comment="what it says, where nothing else keeps it"),
    Column("received_at", Instant, comment="when the other side said that it could read it"),
    Index("ix_effect_connection_serial", "connection", "serial"),
    Index("ix_effect_connection_kind_state", "connection", "kind", "state"),
    Index("ix_effect_order_id", "order_id"),
)

serial = Table(
    "serial",
    metadata,
    Column("connection", Text, primary_key=True),
    Column("last", BigInteger, nullable=False),
)

# --- people --------------------------------------------------------------------------------------

cases = Table(
    "cases",
    metadata,
    Column("id", Number, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("args", Json, nullable=False),
    Column("severity", Text, nullable=False),
    Column("state", Text, nullable=False, comment="open, closed"),
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("closed_by", Text, comment="a person, or null: the cause went"),
    Column("note", Text),
    Column("payload_id", Number, ForeignKey("payload.id", ondelete="SET NULL")),
    Index(
        "ix_cases_open",
        "kind",
        "subject",
        unique=True,
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    ),
)

alert = Table(
    "alert",
    metadata,
    Column("fingerprint", Text, primary_key=True),
    Column("rule", Text, nullable=False),
    Column("labels", Json, nullable=False),
    Column("code", Text, nullable=False),
    Column("args", Json, nullable=False),
    Column("severity", Text, nullable=False),
    Column("since", Instant, nullable=False),
    Column("resolved_at", Instant),
    Column("incident_id", Number, ForeignKey("incident.id")),
    Index("ix_alert_incident_id", "incident_id"),
)

incident = Table(
    "incident",
    metadata,
    Column("id", Number, primary_key=True),
    Column("group_key", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("first_at", Instant, nullable=False),
    Column("changed_at", Instant),
    Column("last_mail_at", Instant),
    Column("resolved_at", Instant),
    Column("closed_at", Instant, comment="resolved and told"),
    Column("mails", Integer, nullable=False, default=0),
    Index(
        "ix_incident_open",
        "group_key",
        unique=True,
        sqlite_where=text("closed_at IS NULL"),
        postgresql_where=text("closed_at IS NULL"),
    ),
)

mail = Table(
    "mail",
    metadata,
    Column("id", Number, primary_key=True),
    Column("incident_id", Number, ForeignKey("incident.id"), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("in_reply_to", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("html", Text, nullable=False),
    Column("state", Text, nullable=False, comment="waiting, sent, refused"),
    Column("attempts", Integer, nullable=False, default=0),
    Column("created_at", Instant, nullable=False),
    Column("sent_at", Instant),
    Column("problem", Text),
    UniqueConstraint("incident_id", "sequence", "recipient"),
    Index("ix_mail_state", "state"),
)

decision = Table(
    "decision",
    metadata,
    Column("id", Number, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("subject", Text, nullable=False, comment="order CHANNEL ID, sku X, connection X"),
    Column("code", Text, nullable=False),
    Column("args", Json, nullable=False),
    Column("run", Text, comment="the run id in the log"),
    Index("ix_decision_subject", "subject"),
)

payload = Table(
    "payload",
    metadata,
    Column("id", Number, primary_key=True),
    Column("source", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("remote_id", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("erase_after", Instant, nullable=False),
    UniqueConstraint("source", "kind", "remote_id"),
    Index("ix_payload_erase_after", "erase_after"),
)

change_plan = Table(
    "change_plan",
    metadata,
    Column("id", Number, primary_key=True),
    Column("kind", Text, nullable=False, comment="adopt, offers, count, rollback"),
    Column("scope", Text, nullable=False),
    Column("body", Json, nullable=False),
    Column("state", Text, nullable=False, comment="waiting, approved, rejected, done"),
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("settled_at", Instant),
    Column("settled_by", Text),
)

rate_quote = Table(
    "rate_quote",
    metadata,
    Column("area", Text, primary_key=True, comment="first three digits of where it goes"),
    Column("origin", Text, primary_key=True, comment="ZIP code it starts from"),
    Column("connection", Text, primary_key=True, comment="who was asked"),
    Column("basis", Text, primary_key=True, comment="what its prices hold for beside the lane"),
    Column("service", Text, primary_key=True, comment="the carrier's own code"),
    Column("grams", Integer, primary_key=True, comment="billable weight of the one parcel"),
    Column("cents", BigInteger, comment="null: no price to use, see problem"),
    Column("days", Integer, comment="business days it travels; null: not told"),
    Column(
        "problem",
        Text,
        nullable=False,
        comment="not_offered, refused, unreadable, currency, absurd; '': a price",
    ),
    Column("asked_at", Instant, nullable=False),
    Column("valid_until", Instant, nullable=False),
    CheckConstraint("(cents IS NULL) = (problem <> '')", name="price_or_problem"),
    CheckConstraint("cents > 0", name="cents"),
    Index("ix_rate_quote_connection", "connection", "valid_until"),
)

answer_link = Table(
    "answer_link",
    metadata,
    Column(
        "token_hash", Text, primary_key=True, comment="SHA-256; the token itself is kept nowhere"
    ),
    Column("connection", Text, nullable=False, comment="who may answer by it"),
    Column("key", Text, nullable=False, comment="the purchase order it is about"),
    Column("made_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("spent_at", Instant, comment="when it was answered, by this link or another"),
    Index("ix_answer_link_key", "key"),
)

shadow_report = Table(
    "shadow_report",
    metadata,
    Column("day", Text, primary_key=True, comment="of the shop: 2026-11-24"),
    Column("channel", Text, primary_key=True),
    Column("body", Json, nullable=False),
    Column("made_at", Instant, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Number, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("who", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("before", Json),
    Column("after", Json),
    Column("note", Text),
)
