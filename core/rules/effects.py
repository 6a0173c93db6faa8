"""Writes that must happen exactly once: their names, and the next move for each (I4)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.model.catalog import ChannelId
from core.model.orders import PartOfLine
from core.model.reasons import Reason


class EffectState(StrEnum):
    #: decided in the mode `propose`; a person releases it
    PROPOSED = "proposed"
    PLANNED = "planned"
    #: committed before the call: it may be under way
    SENDING = "sending"
    #: a file lies there whole under its staging name
    STAGED = "staged"
    #: the remote took it in (a feed, a job) and says later what became of it
    ACCEPTED = "accepted"
    DONE = "done"
    #: the remote said no
    REFUSED = "refused"
    #: it may have landed
    UNKNOWN = "unknown"
    #: a person decides
    PARKED = "parked"
    CANCELED = "canceled"


class EffectStep(StrEnum):
    SEND = "send"
    #: look whether it landed
    ASK = "ask"
    #: rename a staged file to its final name
    RELEASE = "release"
    #: ask what became of what was accepted
    LOOK = "look"
    WAIT = "wait"
    PARK = "park"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class EffectFacts:
    state: EffectState
    #: calls made so far
    attempts: int
    #: nobody looks or resends before; committed together with `sending` (or before a rename)
    settle_until: datetime | None
    #: the same key written twice is one edit at the remote
    repeat_is_edit: bool
    #: the remote can be searched for it
    can_ask: bool
    #: it goes out in two steps: upload under a staging name, then rename
    staged_kind: bool


@dataclass(frozen=True, slots=True)
class EffectMove:
    step: EffectStep
    reason: Reason


def next_move(effect: EffectFacts, *, now: datetime) -> EffectMove:
    """The one safe thing to do about this effect now."""
    match effect.state:
        case EffectState.PLANNED:
            return _move(EffectStep.SEND, "effect_planned")
        case EffectState.SENDING | EffectState.UNKNOWN | EffectState.STAGED:
            return _in_doubt(effect, now)
        case EffectState.ACCEPTED if effect.settle_until is not None and now < effect.settle_until:
            return _settling(effect.settle_until)
        case EffectState.ACCEPTED:
            return _move(EffectStep.LOOK, "effect_accepted")
        case _:
            return _move(EffectStep.NOTHING, "effect_settled", state=str(effect.state))


def _in_doubt(effect: EffectFacts, now: datetime) -> EffectMove:
    if effect.settle_until is not None and now < effect.settle_until:
        return _settling(effect.settle_until)
    if effect.state is EffectState.STAGED and effect.settle_until is None:
        # No rename was tried yet.
        return _move(EffectStep.RELEASE, "effect_staged")
    if effect.repeat_is_edit:
        return _move(EffectStep.SEND, "effect_repeatable", attempts=effect.attempts)
    if effect.can_ask:
        return _move(EffectStep.ASK, "effect_in_doubt", attempts=effect.attempts)
    if effect.staged_kind and effect.state is EffectState.SENDING:
        # Nobody picks up a staging name, and it is renamed only after `staged` is committed.
        return _move(EffectStep.SEND, "effect_repeatable", attempts=effect.attempts)
    return _move(EffectStep.PARK, "effect_undecidable", attempts=effect.attempts)


def _settling(until: datetime) -> EffectMove:
    return _move(EffectStep.WAIT, "effect_settling", until=until.isoformat())


def _move(step: EffectStep, code: str, **args: str | int) -> EffectMove:
    return EffectMove(step, Reason(code, args))


def request_key(channel: ChannelId, order: str, number: int) -> str:
    """The name of a request to ship: `shopify-us:5501:F1`. Made of remote ids only."""
    return f"{channel}:{order}:F{number}"


#: Crockford's base 32: digits and letters that are not taken for one another.
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def short_key(key: str) -> str:
    """A request's key in 14 letters, for those with room for few (X12 has 22): R-7K3M9Q2XPA4F.

    The same key is the same short one for ever, so that a request that is made again out of an older
    copy of the database is a repeat to whoever got it. 60 bits: among a million requests two are
    alike once in two million databases.
    """
    return "R-" + letters(key, 12)


def letters(text: str, count: int) -> str:
    """So many letters (at most 12, five bits each) that are the same for the same text for ever."""
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 4
    return "".join(_LETTERS[number >> shift & 31] for shift in range(55, 55 - 5 * count, -5))


def confirm_key(channel: ChannelId, order: str, package_number: int) -> str:
    """The name of a shipment confirmation: `confirm:shopify-us:5501:1`."""
    return f"confirm:{channel}:{order}:{package_number}"


def cancel_key(
    channel: ChannelId, order: str, lines: Sequence[str] = (), parts: Sequence[PartOfLine] = ()
) -> str:
    """The name of a cancellation at a channel: `cancel:shopify-us:5501`; of lines: `…:5501:1+2`.

    Of 2 of 3 units of a line: `…:5501:1*2of3`.
    """
    some = [f"{one.line}*{one.quantity}of{one.quantity + one.staying}" for one in parts]
    named = "+".join(sorted([*lines, *some]))
    return ":".join(["cancel", channel, order, *([named] if named else [])])


def refund_key(channel: ChannelId, order: str, number: int, what: str) -> str:
    """The name of one payment back to a buyer: `refund:shopify-us:5501:1-7K3M9Q`.

    `what` says what it is for: after an older copy of the database was restored the same decision has
    the same name, and another one has another.
    """
    return f"refund:{channel}:{order}:{number}-{letters(what, 6)}"


def return_key(channel: ChannelId, return_id: str, step: str, number: int = 0) -> str:
    """The name of one step of a channel's return: `return:shopify-us:gid://…/7:close`.

    `number` tells steps apart that the same return needs again: of closing, how often it was opened
    again before; of opening again, the number of the refund that needs it.
    """
    again = f":{number}" if number else ""
    return f"return:{channel}:{return_id}:{step}{again}"


def message_id(incident: str, sequence: int, recipient: str, domain: str) -> str:
    """The fixed Message-ID of one mail, in angle brackets (RFC 5322); no address in clear (I8)."""
    # Lengths keep ("a", "bc") and ("ab", "c") apart.
    text = f"{len(incident)}:{incident}{sequence}:{recipient}"
    return f"<{hashlib.sha256(text.encode()).hexdigest()[:32]}@{domain}>"
