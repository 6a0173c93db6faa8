"""The inventory mutations: set, adjust, move between states, activate.

Every input row is checked before anything is written: one bad or stale row refuses the whole
mutation. Messages as observed on real stores, 2026-04; where none was observed (stale
compare-and-set, bounds of a move), the enum value's own description.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.shopify.simulator.inventory import AdjustmentGroup, Change, add
from connectors.shopify.simulator.refusal import UserErrors, refuse, top_level, user_error
from connectors.shopify.simulator.shop import Shop
from connectors.shopify.simulator.state import InventoryItem, Level, Location

ADJUSTABLE = ("available", "damaged", "incoming", "quality_control", "reserved", "safety_stock")
REASONS = (
    "correction", "cycle_count_available", "damaged", "movement_canceled", "movement_created",
    "movement_received", "movement_updated", "other", "promotion", "quality_control", "received",
    "reservation_created", "reservation_deleted", "reservation_updated", "restock", "safety_stock",
    "shrinkage",
)  # fmt: skip
BOUND = 1_000_000_000
_URI = re.compile(r"[A-Za-z][\w+.-]*://\S+")
_STALE = {
    "set": "The changeFromQuantity value does not match persisted value.",
    "other": "The changeFromQuantity argument no longer matches the persisted quantity.",
}

Input = Mapping[str, Any]
Path = list[str | int]


@dataclass(frozen=True)
class Target:
    """A quantity one input row is about, found and checked."""

    name: str
    item: InventoryItem
    location: Location

    def level(self, shop: Shop) -> Level:
        return shop.level(self.item, self.location)

    @property
    def now(self) -> int:
        """The quantity as it stands, without making a level."""
        level = self.item.levels.get(self.location.id)
        return level.quantity(self.name) if level else 0


@dataclass
class _Check:
    """Collects userErrors; raises them all at once."""

    shop: Shop
    errors: list[dict[str, Any]] = field(default_factory=list)

    def say(self, message: str, *, field: Path, code: str) -> None:
        self.errors.append(user_error(message, field=field, code=code))

    def target(
        self, name: str, item_id: str, location_id: str, *, item_path: Path, location_path: Path
    ) -> Target | None:
        item = self.shop.items.get(item_id)
        location = self.shop.locations.get(location_id)
        if item is None:
            self.say(
                "The specified inventory item could not be found.",
                field=item_path,
                code="INVALID_INVENTORY_ITEM",
            )
        elif not item.mutable:
            self.say(
                "The specified inventory item is not allowed to be adjusted via API.",
                field=item_path,
                code="NON_MUTABLE_INVENTORY_ITEM",
            )
        if location is None:
            self.say(
                "The specified location could not be found.",
                field=location_path,
                code="INVALID_LOCATION",
            )
        if item is None or location is None or not item.mutable:
            return None
        return Target(name, item, location)

    def reason(self, reason: str) -> None:
        if reason not in REASONS:
            self.say(
                f"The specified reason is invalid. Valid values are: {', '.join(REASONS)}.",
                field=["input", "reason"],
                code="INVALID_REASON",
            )

    def reference(self, uri: str | None) -> None:
        if uri is not None and not _URI.fullmatch(uri):
            self.say(
                "The specified reference document is invalid.",
                field=["input", "referenceDocumentUri"],
                code="INVALID_REFERENCE_DOCUMENT",
            )

    def ledger(self, name: str, uri: str | None, *, path: Path) -> None:
        """`available` has no ledger document, every other name needs one of the app's own."""
        if name == "available" and uri is not None:
            self.say(
                "A ledger document URI is not allowed when adjusting available.",
                field=path,
                code="INVALID_AVAILABLE_DOCUMENT",
            )
        elif name != "available" and uri is None:
            self.say(
                "A ledger document URI is required except when adjusting available.",
                field=path,
                code="INVALID_QUANTITY_DOCUMENT",
            )
        elif uri is not None and uri.startswith("gid://shopify/"):
            self.say(
                "Internal (gid://shopify/) ledger documents are not allowed to be adjusted via API.",
                field=path,
                code="INTERNAL_LEDGER_DOCUMENT",
            )

    def unchanged(self, target: Target, row: Input, *, path: Path, words: str) -> None:
        """Compare-and-set: null skips it."""
        expected = row.get("changeFromQuantity")
        if expected is not None and expected != target.now:
            self.say(
                _STALE[words],
                field=[*path, "changeFromQuantity"],
                code="CHANGE_FROM_QUANTITY_STALE",
            )

    def settle(self) -> None:
        if self.errors:
            raise UserErrors(self.errors)


def require_compare(rows: Sequence[Input], *, of: str) -> None:
    """From 2026-04 `changeFromQuantity` must be there in each row, if only as null."""
    if any("changeFromQuantity" not in row for row in rows):
        raise top_level(
            f"{of} must include the following argument: changeFromQuantity.",
            code="INVALID_FIELD_ARGUMENTS",
        )


def set_quantities(shop: Shop, wish: Input) -> AdjustmentGroup | None:
    """inventorySetQuantities: absolute figures for `available` or `on_hand`. Raises UserErrors."""
    check = _Check(shop)
    name = wish["name"]
    if name not in ("available", "on_hand"):
        check.say(
            "The quantity name must be either 'available' or 'on_hand'.",
            field=["input", "name"],
            code="INVALID_NAME",
        )
    check.reason(wish["reason"])
    check.reference(wish.get("referenceDocumentUri"))
    targets: list[tuple[Target, int]] = []
    pairs: set[tuple[str, str]] = set()
    for number, row in enumerate(wish["quantities"]):
        path: Path = ["input", "quantities", number]
        _check_amount(check, name, row["quantity"], path=[*path, "quantity"])
        target = _target_of(check, name, row, path)
        pair = (row["inventoryItemId"], row["locationId"])
        if pair in pairs:
            check.say(
                "The combination of inventoryItemId and locationId must be unique.",
                field=[*path, "locationId"],
                code="NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR",
            )
        pairs.add(pair)
        if target:
            check.unchanged(target, row, path=path, words="set")
            targets.append((target, row["quantity"]))
    check.settle()
    changes: list[Change] = []
    for target, quantity in targets:
        level = target.level(shop)
        changes += add(level, name, quantity - level.quantity(name), at=shop.now())
    return _group(shop, wish, changes)


def adjust_quantities(shop: Shop, wish: Input) -> AdjustmentGroup | None:
    """inventoryAdjustQuantities: deltas of one quantity name. Raises UserErrors."""
    check = _Check(shop)
    name = wish["name"]
    _check_name(check, name, path=["input", "name"])
    check.reason(wish["reason"])
    check.reference(wish.get("referenceDocumentUri"))
    targets: list[tuple[Target, Input]] = []
    for number, row in enumerate(wish["changes"]):
        path: Path = ["input", "changes", number]
        check.ledger(name, row.get("ledgerDocumentUri"), path=[*path, "ledgerDocumentUri"])
        target = _target_of(check, name, row, path)
        if target:
            check.unchanged(target, row, path=path, words="other")
            _check_delta(check, target, row["delta"], path=[*path, "delta"])
            targets.append((target, row))
    if len({row.get("ledgerDocumentUri") for row in wish["changes"]}) > 1:
        check.say(
            "All changes must have the same ledger document URI or, in the case of adjusting"
            " available, no ledger document URI.",
            field=["input", "changes"],
            code="MAX_ONE_LEDGER_DOCUMENT",
        )
    check.settle()
    changes: list[Change] = []
    for target, row in targets:
        changes += add(target.level(shop), name, row["delta"], at=shop.now())
    return _group(shop, wish, changes)


def move_quantities(shop: Shop, wish: Input) -> AdjustmentGroup | None:
    """inventoryMoveQuantities: from one state to another at one location. Raises UserErrors."""
    check = _Check(shop)
    check.reason(wish["reason"])
    check.reference(wish["referenceDocumentUri"])
    moves: list[tuple[Target, Target, int]] = []
    for number, row in enumerate(wish["changes"]):
        ends = _ends_of(check, row, ["input", "changes", number])
        if ends:
            moves.append((*ends, row["quantity"]))
    check.settle()
    changes: list[Change] = []
    for source, target, quantity in moves:
        changes += add(source.level(shop), source.name, -quantity, at=shop.now())
        changes += add(target.level(shop), target.name, quantity, at=shop.now())
    return _group(shop, wish, changes)


def activate(
    shop: Shop, item_id: str, location_id: str, *, available: int | None, on_hand: int | None
) -> tuple[Level, bool]:
    """inventoryActivate: stock an item at a location; (level, changed). Raises UserErrors."""
    item = shop.items.get(item_id)
    location = shop.locations.get(location_id)
    if item is None:
        raise refuse(
            "The product couldn't be stocked because the product was deleted.",
            field=["inventoryItemId"],
        )
    if location is None:
        raise refuse(
            "The product couldn't be stocked because the location wasn't found.",
            field=["locationId"],
        )
    level = item.levels.get(location.id)
    if level is not None and level.is_active:
        _refuse_active(available, on_hand)
        return level, False
    _refuse_amounts(location, available, on_hand)
    # a level that was active before comes back with its old quantities (2026-04)
    level = shop.level(item, location)
    level.is_active = True
    level.updated_at = shop.now()
    wanted = available if available is not None else on_hand
    if wanted is not None:
        name = "available" if available is not None else "on_hand"
        add(level, name, wanted - level.quantity(name), at=shop.now())
    return level, True


def _target_of(check: _Check, name: str, row: Input, path: Path) -> Target | None:
    return check.target(
        name,
        row["inventoryItemId"],
        row["locationId"],
        item_path=[*path, "inventoryItemId"],
        location_path=[*path, "locationId"],
    )


def _ends_of(check: _Check, row: Input, path: Path) -> tuple[Target, Target] | None:
    found: list[Target] = []
    source, target = row["from"], row["to"]
    for side, end in (("from", source), ("to", target)):
        _check_name(check, end["name"], path=[*path, side, "name"])
        check.ledger(
            end["name"], end.get("ledgerDocumentUri"), path=[*path, side, "ledgerDocumentUri"]
        )
        one = check.target(
            end["name"],
            row["inventoryItemId"],
            end["locationId"],
            item_path=[*path, "inventoryItemId"],
            location_path=[*path, side, "locationId"],
        )
        if one:
            check.unchanged(one, end, path=[*path, side], words="other")
            found.append(one)
    if source["locationId"] != target["locationId"]:
        check.say(
            "The quantities can't be moved between different locations.",
            field=path,
            code="DIFFERENT_LOCATIONS",
        )
    if source["name"] == target["name"]:
        check.say(
            "The quantity names for each change can't be the same.",
            field=path,
            code="SAME_QUANTITY_NAME",
        )
    if row["quantity"] < 0:
        check.say(
            "The quantity can't be negative.",
            field=[*path, "quantity"],
            code="INVALID_QUANTITY_NEGATIVE",
        )
    return (found[0], found[1]) if len(found) == 2 else None


def _check_name(check: _Check, name: str, *, path: Path) -> None:
    if name not in ADJUSTABLE:
        check.say(
            f"The specified quantity name is invalid. Valid values are: {', '.join(ADJUSTABLE)}.",
            field=path,
            code="INVALID_QUANTITY_NAME",
        )


def _check_amount(check: _Check, name: str, quantity: int, *, path: Path) -> None:
    """available may go negative, on_hand may not; both are bound."""
    if quantity > BOUND:
        check.say(
            "The quantity can't be higher than 1,000,000,000.",
            field=path,
            code="INVALID_QUANTITY_TOO_HIGH",
        )
    elif quantity < 0 and name == "on_hand":
        check.say("The quantity can't be negative.", field=path, code="INVALID_QUANTITY_NEGATIVE")
    elif quantity < -BOUND:
        check.say(
            "The quantity can't be lower than -1,000,000,000.",
            field=path,
            code="INVALID_QUANTITY_TOO_LOW",
        )


def _check_delta(check: _Check, target: Target, delta: int, *, path: Path) -> None:
    if target.now + delta > BOUND:
        check.say(
            "The quantity can't be higher than 1,000,000,000.",
            field=path,
            code="INVALID_QUANTITY_TOO_HIGH",
        )
    elif target.now + delta < -BOUND:
        check.say(
            "The quantity can't be lower than -1,000,000,000.",
            field=path,
            code="INVALID_QUANTITY_TOO_LOW",
        )


def _refuse_active(available: int | None, on_hand: int | None) -> None:
    if available is not None:
        raise refuse(
            "Not allowed to set available quantity when the item is already active at the"
            " location.",
            field=["available"],
        )
    if on_hand is not None:
        raise refuse(
            "Not allowed to set an on_hand quantity when the item is already active at the"
            " location.",
            field=["onHand"],
        )


def _refuse_amounts(location: Location, available: int | None, on_hand: int | None) -> None:
    start = f"The product couldn't be stocked at {location.name} because"
    if available is not None and on_hand is not None:
        message = f"{start} not allowed to set available and on_hand quantities at the same time."
        raise UserErrors(
            [user_error(message, field=["available"]), user_error(message, field=["onHand"])]
        )
    for name, amount in (("available", available), ("onHand", on_hand)):
        if amount is not None and abs(amount) > BOUND:
            raise refuse(
                f"{start} the quantity needs to be between -1 billion and 1 billion.", field=[name]
            )


def _group(shop: Shop, wish: Input, changes: list[Change]) -> AdjustmentGroup | None:
    """What the mutation did; None where nothing changed."""
    if not changes:
        return None
    group = AdjustmentGroup(
        shop.new_id("InventoryAdjustmentGroup"),
        created_at=shop.now(),
        reason=wish["reason"],
        reference_document_uri=wish.get("referenceDocumentUri"),
        changes=changes,
    )
    shop.others[group.id] = group
    return group
