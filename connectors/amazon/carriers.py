"""How Amazon spells carriers.

`carrierCode` must equal a value Amazon lists, exactly: a wrong one leaves the order unconfirmed; an
unlisted carrier is "Other" with its name in `carrierName` (selling-partner-api-docs issue #772).
The spellings are those of `CarrierCode` in Amazon's amzn-base.xsd, as quoted in issue #712 there.
"""

from __future__ import annotations

from connectors.values import CARRIER_WORDS

OTHER = "Other"

#: our word for a carrier, lower case -> Amazon's carrierCode
CARRIER_CODES = {
    "ups": "UPS",
    "ups mail innovations": "UPS Mail Innovations",
    "upsmi": "UPSMI",
    "usps": "USPS",
    "us postal service": "USPS",
    "fedex": "FedEx",
    "fedex smartpost": "FedEx SmartPost",
    "dhl": "DHL",
    "dhl express": "DHL",
    "dhl global mail": "DHL Global Mail",
    "ontrac": "OnTrac",
    "osm": "OSM",
    "osm worldwide": "OSM",
    "newgistics": "Newgistics",
    "streamlite": "Streamlite",
    "canada post": "Canada Post",
    "deutsche post": "Deutsche Post",
    "royal mail": "Royal Mail",
    "dpd": "DPD",
    "gls": "GLS",
    "tnt": "TNT",
}


#: How Amazon may call who carries its own parcels, lower case -> our word; it publishes no list.
#: What is neither here nor a usual word (connectors.values) stays as it is told.
OUR_WORDS = {
    **CARRIER_WORDS,
    "amazon logistics": "amazon",
    "amzl": "amazon",
    "amzl_us": "amazon",
    "amzn_us": "amazon",
}


def our_word(carrier: str) -> str:
    """Our word for a carrier that Amazon names.

    >>> our_word("UPS"), our_word("AMZN_US"), our_word("Joe's Trucks")
    ('ups', 'amazon', "joe's trucks")
    """
    word = " ".join(carrier.split()).lower()
    return OUR_WORDS.get(word, word or "other")


def spell(carrier: str) -> tuple[str, str]:
    """(carrierCode, carrierName) for our word for a carrier.

    >>> spell("ups"), spell("Joe's Trucks")
    (('UPS', 'UPS'), ('Other', "Joe's Trucks"))
    """
    word = " ".join(carrier.replace("_", " ").split())
    code = CARRIER_CODES.get(word.lower())
    return (code, code) if code else (OTHER, word)
