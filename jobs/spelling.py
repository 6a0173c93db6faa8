"""One spelling of an address, so that two orders to one door are seen to be."""

from __future__ import annotations

from functools import lru_cache

from core.model.orders import Address
from core.rules.addresses import is_american, plain_form


def same_place(one: Address, other: Address) -> bool:
    """Whether two addresses are one door, however they are written. Names are no part of it."""
    return plain_form(one) == plain_form(other) or _normal_form(one) == _normal_form(other)


@lru_cache(maxsize=2_000)
def _normal_form(address: Address) -> str:
    """As USPS writes it (Publication 28) by usaddress-scourgify; in our own plain form where that
    package refuses: PO boxes, rural routes, military post, "care of", and everything abroad."""
    if not is_american(address):
        return plain_form(address)
    # A second to import, and most orders have no look-alike.
    from scourgify import normalize_address_record
    from scourgify.exceptions import AddressNormalizationError

    try:
        found = normalize_address_record(
            {
                "address_line_1": address.line1,
                "address_line_2": f"{address.line2} {address.line3}".strip(),
                "city": address.city,
                "state": address.region,
                "postal_code": address.postal_code,
            }
        )
    except AddressNormalizationError:
        # Its words repeat the address: they go nowhere.
        return plain_form(address)
    return plain_form(
        Address(
            line1=found["address_line_1"] or "",
            line2=found["address_line_2"] or "",
            postal_code=address.postal_code,
            country=address.country,
        )
    )
