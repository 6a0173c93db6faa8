"""What holds for goods that come back: until when, who pays, what is paid back, and when."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from config.part import Part
from config.replenishment import Amount

MomentName = Literal["approval", "receipt", "inspection"]
Share = Annotated[int, Field(ge=0, le=100)]
DispositionName = Literal["restock", "damaged", "to_supplier", "destroy"]


class ReturnPolicy(Part):
    """What holds for returned goods. What is left out is said by a rule before it, or the section."""

    window_days: int | None = Field(
        None, ge=0, le=3650, description="days after delivery in which a return may be asked for"
    )
    who_pays: Literal["buyer", "shop", "reason"] | None = Field(
        None, description="what sending it back costs; reason: the buyer, where it was their wish"
    )
    label_fee: Amount | None = Field(
        None, description="kept back for a label of ours where the buyer pays; shop's currency"
    )
    restocking_fee: Share | None = Field(
        None, description="percent of the goods kept back where it was the buyer's wish"
    )
    paid_back: dict[DispositionName, Share] | None = Field(
        None, description="percent paid back by what inspection found; what is left out: 100"
    )
    refund_shipping: Literal["never", "reason", "always"] | None = Field(
        None,
        description="pay back what shipping cost once everything came back; reason: unless it was "
        "the buyer's wish",
    )
    refund_when: MomentName | None = Field(None, description="when money is due")
    replace_when: Literal["approval", "receipt"] | None = Field(
        None, description="when a replacement may leave; its units are held from approval on"
    )
    approve_above: Amount | None = Field(
        None, description="a refund of more waits for a person; 0: every one; shop's currency"
    )
    waive_difference: Amount | None = Field(
        None, description="a replacement that costs no more than so much more is not charged"
    )
    return_to: str | None = Field(
        None, description="location it is sent to; unset or empty: where it came from"
    )
    claims: bool | None = Field(None, description="claim bad goods from whoever supplied them")


class ReturnRule(ReturnPolicy):
    """What holds for some goods, or on some channels."""

    name: str = Field(description="shown as the reason")
    when: str | None = Field(
        None, description="CEL over `sku`: '\"hygiene\" in sku.tags'; unset: all goods"
    )
    channels: tuple[str, ...] = Field((), description="on these channels; empty: on all")


class Returns(ReturnPolicy):
    """What holds for goods that come back, where no rule says otherwise."""

    window_days: int | None = Field(
        30, ge=0, le=3650, description="days after delivery in which a return may be asked for"
    )
    rules: tuple[ReturnRule, ...] = Field(
        (), description="by goods and channel; later rules win field by field"
    )
