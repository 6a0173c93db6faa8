"""How much of what is there a channel may show, and for which Skus, places and days."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from config.part import Day, Part, Units

#: What a rule with `locations` may say: the rest speaks of a listing, not of a place.
OF_PLACES = ("sell", "percent", "buffer", "cap")


class Beyond(Part):
    """Units that are not there yet: `{units: 20, until: 2027-03-01}`."""

    units: Units = Field(description="a listing may show up to this many more than there are")
    until: Day = Field(
        description="the first day on which it no longer does, in the shop's time zone"
    )


class OfferPolicy(Part):
    """How much of what is there a channel may show. Unset fields fall through to the wider policy."""

    sell: bool | None = Field(None, description="false: not sold here, the channel shows 0")
    percent: int | None = Field(
        None, ge=0, le=100, description="share of the available units, rounded down"
    )
    buffer: int | None = Field(None, ge=0, description="units held back")
    buffer_days: int | None = Field(
        None,
        ge=0,
        le=365,
        description="hold back what is sold in so many days on all channels, if that is more than "
        "`buffer`; while nobody knows how fast it sells, `buffer` alone applies",
    )
    cap: int | None = Field(None, ge=0, description="never show more than this")
    hide_below: int | None = Field(
        None, ge=0, description="show 0 when fewer than this would be shown"
    )
    fixed: int | None = Field(None, ge=0, description="always show this number, whatever the stock")
    preorder: Beyond | None = Field(
        None, description="shown while none has arrived; ends when units are free, or on the day"
    )
    backorder: Beyond | None = Field(
        None, description="shown on top of what is there, until the day"
    )
    share_components: Literal["overlap", "split", "split_everywhere"] | None = Field(
        None,
        description="listings that draw on the same units: overlap: each shows all of them; split: "
        "those of one channel show them once, together; split_everywhere: those of all channels",
    )


class PolicyRule(OfferPolicy):
    """A policy for the Skus its condition picks. Later rules win field by field."""

    name: str = Field(description="shown in explanations")
    when: str | None = Field(
        None, description="CEL over `sku`: '\"fragile\" in sku.tags'; unset: every Sku"
    )
    channels: tuple[str, ...] = Field((), description="empty: every channel")
    locations: tuple[str, ...] = Field(
        (),
        description="locations or location groups: the rule narrows the units of each of them, and "
        f"may say {', '.join(OF_PLACES)} (`sell: false`: they ship none of the channel's orders "
        "either); empty: it speaks of the whole listing",
    )

    @model_validator(mode="after")
    def _of_places_only(self) -> PolicyRule:
        said = [
            name
            for name in OfferPolicy.model_fields
            if name not in OF_PLACES and getattr(self, name) is not None
        ]
        if self.locations and said:
            raise ValueError(
                f"a rule with `locations` cannot say {', '.join(said)}; write it in a rule of its own"
            )
        return self
