"""The `names` section: what channels, suppliers and everybody else call our goods."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from config.part import Part, Units

#: A scheme as people write it; UPC and EAN are kinds of GTIN.
Word = Literal["listing", "remote_sku", "item", "gtin", "upc", "ean", "asin"]


class WrittenName(Part):
    """One outside name and what it means."""

    scheme: Word = Field(description="whose name it is")
    place: str = Field(
        "",
        description="of a listing: the channel; of a remote_sku: a channel, or empty for all; of an "
        "item: the supplier, or its connection; of a code: empty",
    )
    name: str = Field(description="the name itself, in quotes where it is a number")
    sku: str = Field(description="our Sku that it means")
    units: Units = Field(1, description="units of the Sku in one of it: a pack, a case")
    note: str = Field("", description="for people")


class Names(Part):
    """Outside names, written here or in a table."""

    table: str = Field(
        "",
        description="a CSV or XLSX file, relative to the main YAML file; columns: scheme place name "
        "sku units note",
    )
    items: tuple[WrittenName, ...] = Field(
        (), description="the same, written here; a name stands in one of the two"
    )
