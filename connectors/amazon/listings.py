"""Amazon's listings into ours, and our quantities into its patches.

GET_MERCHANT_LISTINGS_ALL_DATA and listings items 2021-08-01. Pure; an unknown word stays unknown,
a record that cannot be read raises Unreadable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connectors.amazon.fields import (
    Record,
    Unreadable,
    count,
    instant,
    list_of,
    money,
    text,
)
from core.model.catalog import (
    FulfilledBy,
    Listing,
    ListingStatus,
    OfferChange,
    OfferOutcome,
    OfferResult,
)
from core.model.money import Money

#: fulfillment-channel of the listings report and of listings items -> who ships
FULFILLMENT_CHANNEL = {
    "DEFAULT": FulfilledBy.US,
    "AMAZON_NA": FulfilledBy.AMAZON,
    "AMAZON_EU": FulfilledBy.AMAZON,
}
#: The channel whose quantity is ours to say.
MERCHANT_CHANNEL = "DEFAULT"

#: Days from order to shipment, within an entry of `fulfillment_availability`.
HANDLING = "lead_time_to_ship_max_days"
#: Amazon takes no more of them.
LONGEST_HANDLING = 30

#: status of the listings report -> ours
LISTING_STATUS = {
    "active": ListingStatus.ACTIVE,
    "inactive": ListingStatus.INACTIVE,
    "incomplete": ListingStatus.INACTIVE,
}

#: status of a listings submission -> what became of the quantity. ACCEPTED is queued, not shown.
SUBMISSION = {"ACCEPTED": OfferOutcome.SENT, "INVALID": OfferOutcome.REFUSED}

#: What prices of the listings report are in: the report does not say.
MARKETPLACE_CURRENCY = {
    "ATVPDKIKX0DER": "USD",
    "A2EUQ1WTGCTBG2": "CAD",
    "A1AM78C64UM0Y8": "MXN",
    "A2Q3Y263D00KWC": "BRL",
}

#: Accepted for updates that touch only the offer; the report does not name the real one.
OFFER_ONLY_PRODUCT_TYPE = "PRODUCT"
PRODUCT_TYPE = "product_type"
FULFILLMENT_CHANNEL_ATTRIBUTE = "fulfillment_channel"

#: Columns without which a report cannot be used; the others may come and go.
REQUIRED_COLUMNS = ("seller-sku", "fulfillment-channel")


def report_text(content: bytes, content_type: str) -> str:
    """The listings report as text. UTF-8 first, whatever was declared; else Windows' Latin.

    Latin text of more than a few words is never valid UTF-8 by chance, so trying is safe, and the
    declared character set of these files is often missing.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        declared = content_type.lower().partition("charset=")[2].strip(' "')
        # ISO-8859-1 on a label means Windows-1252 in the file (whatwg.org, Encoding).
        encoding = declared if declared and declared not in ("utf-8", "iso-8859-1") else "cp1252"
    try:
        return content.decode(encoding, "replace")
    except LookupError:
        return content.decode("cp1252", "replace")


def report_rows(
    report: str, *, needed: Sequence[str] = REQUIRED_COLUMNS
) -> Iterator[tuple[str, dict[str, str]]]:
    """(raw line, cells by column name) of each row. Raises Unreadable where a column is missing.

    Columns come and go without notice, so cells are found by the header. Nothing is quoted: a
    quotation mark in a title is a quotation mark.
    """
    lines = _lines(report)
    header = [name.strip().lower() for name in next(lines).split("\t")]
    missing = [name for name in needed if name not in header]
    if missing:
        raise Unreadable(f"the report has no column {', '.join(missing)}")
    for raw in lines:
        if raw.strip():
            yield raw, dict(zip(header, raw.split("\t"), strict=False))


def _lines(report: str) -> Iterator[str]:
    """Line by line without a second copy of the whole; only LF and CR LF end a line here."""
    start = 0
    while start <= len(report):
        end = report.find("\n", start)
        end = len(report) if end < 0 else end
        yield report[start:end].rstrip("\r")
        start = end + 1


def listing_from_row(row: Mapping[str, str], *, channel: str, marketplace: str) -> Listing:
    """A row of GET_MERCHANT_LISTINGS_ALL_DATA. Raises Unreadable."""
    sku = row.get("seller-sku", "")
    if not sku.strip():
        raise Unreadable("it has no seller-sku")
    word = row.get("fulfillment-channel", "").strip()
    return Listing(
        channel=channel,
        remote_id=sku,
        remote_sku=sku,
        title=row.get("item-name", ""),
        status=LISTING_STATUS.get(row.get("status", "").strip().lower(), ListingStatus.UNKNOWN),
        fulfilled_by=_channel(word),
        attributes=_listing_attributes(OFFER_ONLY_PRODUCT_TYPE, word, row.get("asin1", "")),
        price=_report_price(row.get("price", ""), marketplace),
        codes=_codes(
            row.get("asin1", ""), row.get("product-id-type", ""), row.get("product-id", "")
        ),
    )


def listing_from_item(item: Record, *, channel: str, marketplace: str) -> Listing:
    """An answer of getListingsItem with summaries, offers and fulfillmentAvailability.

    Raises Unreadable.
    """
    sku = text(item, "sku")
    if not sku:
        raise Unreadable("it has no sku")
    summary = _of_marketplace(item, "summaries", marketplace)
    codes = [
        text(place, "fulfillmentChannelCode") for place in list_of(item, "fulfillmentAvailability")
    ]
    # Amazon's own channel wins where both are there: no quantity of ours may be written to it.
    word = next((code for code in codes if code != MERCHANT_CHANNEL), (codes or [""])[0])
    states = list_of(summary, "status")
    return Listing(
        channel=channel,
        remote_id=sku,
        remote_sku=sku,
        title=text(summary, "itemName"),
        status=ListingStatus.ACTIVE if "BUYABLE" in states else ListingStatus.INACTIVE,
        fulfilled_by=_channel(word),
        attributes=_listing_attributes(
            text(summary, "productType") or OFFER_ONLY_PRODUCT_TYPE, word, text(summary, "asin")
        ),
        price=money(_of_marketplace(item, "offers", marketplace), "price"),
        updated_at=instant(summary, "lastUpdatedDate") if "lastUpdatedDate" in summary else None,
        codes=_codes(text(summary, "asin")),
    )


def shown_quantity(item: Record) -> int | None:
    """What the listing shows as ours to sell now: the current value, not what was submitted."""
    for place in list_of(item, "fulfillmentAvailability"):
        if text(place, "fulfillmentChannelCode") == MERCHANT_CHANNEL:
            return count(place, "quantity")
    return None


def stated_handling(item: Record) -> int | None:
    """Days from order to shipment as submitted last; Amazon tells nowhere what is in force."""
    for place in list_of(item.get("attributes", {}), "fulfillment_availability"):
        if text(place, "fulfillment_channel_code") == MERCHANT_CHANNEL:
            return count(place, HANDLING) if HANDLING in place else None
    return None


def quantity_patch(change: OfferChange) -> dict[str, Any]:
    """The body of patchListingsItem that sets one quantity, its handling time where we say it, and
    nothing else.

    `merge` keeps what stands beside it: `replace` would wipe the handling time and restock date
    (models issue #4406).
    """
    return {
        "productType": dict(change.attributes).get(PRODUCT_TYPE) or OFFER_ONLY_PRODUCT_TYPE,
        "patches": [
            {
                "op": "merge",
                "path": "/attributes/fulfillment_availability",
                "value": [
                    {
                        "fulfillment_channel_code": MERCHANT_CHANNEL,
                        "quantity": change.quantity,
                        **(
                            {} if change.handling_days is None else {HANDLING: change.handling_days}
                        ),
                    }
                ],
            }
        ],
    }


def amazon_fulfills(change: OfferChange) -> bool:
    """Whether the listing is Amazon's to count: writing to it would open a second channel for it."""
    word = dict(change.attributes).get(FULFILLMENT_CHANNEL_ATTRIBUTE, MERCHANT_CHANNEL)
    return word != MERCHANT_CHANNEL


def left_to_amazon(change: OfferChange) -> OfferResult:
    """What is said of a change nobody sends, because Amazon counts the listing."""
    return OfferResult(
        change.key,
        OfferOutcome.REFUSED,
        code="fulfilled-by-amazon",
        message="Amazon counts this listing itself; no quantity was sent",
    )


def result_of(answer: Record, change: OfferChange) -> OfferResult:
    """What became of a patch: a bad value is 200 with INVALID; a word we do not know, unknown."""
    outcome = SUBMISSION.get(text(answer, "status"), OfferOutcome.UNKNOWN)
    issues = [i for i in list_of(answer, "issues") if text(i, "severity") == "ERROR"]
    refused = outcome is OfferOutcome.REFUSED
    return OfferResult(
        key=change.key,
        outcome=outcome,
        submission=text(answer, "submissionId"),
        code=text(issues[0], "code") if refused and issues else "INVALID" if refused else "",
        message="; ".join(text(i, "message") for i in issues)[:500] if refused else "",
    )


def _channel(word: str) -> FulfilledBy:
    try:
        return FULFILLMENT_CHANNEL[word]
    except KeyError:
        raise Unreadable(f"unknown fulfillment channel: {word[:40] or 'none stated'}") from None


def _listing_attributes(product_type: str, channel: str, asin: str) -> tuple[tuple[str, str], ...]:
    found = {
        PRODUCT_TYPE: product_type,
        FULFILLMENT_CHANNEL_ATTRIBUTE: channel,
        "asin": asin.strip(),
    }
    return tuple((name, value) for name, value in found.items() if value)


#: Words of the report's `product-id-type` for codes that are not Amazon's own: UPC, EAN.
_BARCODES = frozenset({"3", "4"})


def _codes(asin: str, kind: str = "", product_id: str = "") -> tuple[tuple[str, str], ...]:
    """The codes of a page: its ASIN, and the UPC or EAN it was listed by."""
    found = [("asin", asin.strip())] if asin.strip() else []
    if kind.strip() in _BARCODES and product_id.strip():
        found.append(("gtin", product_id.strip()))
    return tuple(found)


def _report_price(amount: str, marketplace: str) -> Money | None:
    """None where the row has none, or where the marketplace's currency is not in our table."""
    currency = MARKETPLACE_CURRENCY.get(marketplace)
    if not amount.strip() or currency is None:
        return None
    try:
        return Money.parse(amount.strip(), currency)
    except ValueError as error:
        raise Unreadable(str(error)) from None


def _of_marketplace(item: Record, part: str, marketplace: str) -> Record:
    found = (r for r in list_of(item, part) if text(r, "marketplaceId") == marketplace)
    return next(found, {})
