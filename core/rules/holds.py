"""What kinds of Holds there are: who looks after each, and what ends it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from core.model.reasons import Arg


class Role(StrEnum):
    """Who looks after what stopped. Who that is, the shop says."""

    #: nobody need do anything: it ends of itself
    NOBODY = "nobody"
    #: money: captures, payments that failed
    FINANCE = "finance"
    #: speaks with buyers
    SUPPORT = "support"
    #: judges fraud
    RISK = "risk"
    #: looks after products and their names
    CATALOG = "catalog"
    #: everything else
    OPERATIONS = "operations"


class Ends(StrEnum):
    """What ends a Hold, beside a person who releases it."""

    #: the channel tells other facts: paid, corrected, canceled
    CHANNEL = "channel"
    #: an instant that is known
    TIME = "time"
    #: the configuration says otherwise: a Sku, a rule
    CONFIGURATION = "configuration"
    #: units that are waited for are here
    GOODS = "goods"
    #: only a person
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class HoldKind:
    owner: Role
    ends: Ends
    #: whether a person may release it; not where the channel itself forbids to ship
    releasable: bool = True
    #: whether somebody is told; what is usual, or ends of itself, is only listed
    told: bool = True
    #: what it says that a release is about; None: all of it. One that says something else of these
    #: holds again.
    evidence: tuple[str, ...] | None = None
    #: it is said of where the order goes: elsewhere nobody looked at it (`LABEL` is in what it says)
    of_address: bool = False
    #: what it says is a list of names, of which fewer are no news
    names: str = ""

    def same(self, said: Mapping[str, Arg], now: Mapping[str, Arg]) -> bool:
        """Whether a release of what it said then counts for what it says now."""
        asked = set(now) | set(said) if self.evidence is None else set(self.evidence)
        if self.names and _listed(now.get(self.names)) <= _listed(said.get(self.names)):
            asked.discard(self.names)
        return all(said.get(name) == now.get(name) for name in asked)


#: The beginning of a mark of the address that a Hold speaks of.
LABEL = "label"


def _listed(names: Arg | None) -> set[str]:
    return set(str(names or "").split(", "))


KINDS: Mapping[str, HoldKind] = {
    "pending": HoldKind(Role.NOBODY, Ends.CHANNEL, releasable=False, told=False),
    "release_window": HoldKind(Role.NOBODY, Ends.TIME, told=False),
    # payment
    "unpaid": HoldKind(Role.FINANCE, Ends.CHANNEL, told=False),
    "authorized_only": HoldKind(Role.FINANCE, Ends.CHANNEL, told=False),
    "payment_expired": HoldKind(Role.FINANCE, Ends.CHANNEL),
    "partly_paid": HoldKind(Role.FINANCE, Ends.CHANNEL),
    # address
    "address_incomplete": HoldKind(Role.SUPPORT, Ends.CHANNEL, of_address=True),
    "address_undeliverable": HoldKind(Role.SUPPORT, Ends.CHANNEL, of_address=True),
    "zip_unknown": HoldKind(Role.SUPPORT, Ends.CHANNEL, of_address=True),
    "zip_elsewhere": HoldKind(Role.SUPPORT, Ends.CHANNEL, of_address=True),
    # fraud
    "risk_stated": HoldKind(Role.RISK, Ends.CHANNEL),
    "billing_elsewhere": HoldKind(Role.RISK, Ends.CHANNEL, of_address=True),
    "high_value": HoldKind(Role.RISK, Ends.PERSON),
    # How long buyers are known is no news of the order.
    "first_order": HoldKind(Role.RISK, Ends.PERSON, evidence=("worth", "limit")),
    "worth_unknown": HoldKind(Role.RISK, Ends.CONFIGURATION),
    # An earlier order that is canceled changes the count and not the doubt.
    "velocity": HoldKind(Role.RISK, Ends.PERSON, evidence=()),
    "freight_forwarder": HoldKind(Role.RISK, Ends.CHANNEL, of_address=True),
    # goods
    "unknown_sku": HoldKind(Role.CATALOG, Ends.CONFIGURATION),
    # What the listing asks later is no news of what was paid.
    "price_unlike": HoldKind(Role.CATALOG, Ends.PERSON, evidence=("paid",)),
    "quantity_unlike": HoldKind(Role.OPERATIONS, Ends.PERSON),
    "restricted": HoldKind(Role.OPERATIONS, Ends.CHANNEL, of_address=True),
    # the order itself
    "duplicate": HoldKind(Role.SUPPORT, Ends.CHANNEL),
    "test_order": HoldKind(Role.OPERATIONS, Ends.PERSON, told=False),
    "cancel_requested": HoldKind(Role.SUPPORT, Ends.CHANNEL),
    "paid_back": HoldKind(Role.FINANCE, Ends.CHANNEL),
    "charged_back": HoldKind(Role.FINANCE, Ends.PERSON, evidence=()),
    # what replaces returned goods
    "exchange_open": HoldKind(Role.SUPPORT, Ends.CHANNEL, releasable=False, told=False),
    # Fewer that are still to come are no news.
    "return_awaited": HoldKind(Role.NOBODY, Ends.GOODS, told=False, evidence=()),
    "return_late": HoldKind(Role.SUPPORT, Ends.PERSON),
    "difference_due": HoldKind(Role.FINANCE, Ends.PERSON),
    "canceling": HoldKind(Role.NOBODY, Ends.CHANNEL, releasable=False, told=False),
    "rule_hit": HoldKind(Role.OPERATIONS, Ends.CONFIGURATION, names="rules"),
}
