"""CEL `when:` conditions: compiled once, checked against a sample of what they will see.

Package common-expression-language 0.10: compiling costs about 17 µs, evaluating about 9 µs, of
which building the context is nearly all; a prepared context costs 0.5 µs per condition.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import cel

from config.catalog import CatalogSku
from config.conditions import Loop, longest_list, loops, operands, steps, unknown_names
from config.validation import near
from core.errors import ConfigError
from core.model.catalog import FulfilledBy, Sku
from core.model.orders import Address, Order, OrderLine, PaymentStatus, Risk
from core.rules.addresses import is_military, is_po_box, state_of

#: What conditions of `policies` see. There is no stock in it: policies are picked when a Sku or
#: the configuration changes, never once per recompute.
SKU_SAMPLE: Mapping[str, Any] = {
    "sku": {
        "id": "MUG-BLUE",
        "title": "Mug, blue",
        "tags": ["fragile"],
        "low_stock": 5,
        "kit": False,
    }
}
#: What conditions of `review.rules` see. Money is in minor units (cents).
ORDER_SAMPLE: Mapping[str, Any] = {
    "order": {
        "channel": "shopify-us",
        "name": "#1001",
        "total": 12_995,
        "currency": "USD",
        "lines": [
            {
                "sku": "MUG-BLUE",
                "remote_sku": "MUG-BLUE",
                "title": "Mug, blue",
                "quantity": 2,
                "price": 1_299,
                "fulfilled_by": FulfilledBy.US.value,
            }
        ],
        "ship_to": {
            "country": "US",
            "region": "NJ",
            "postal_code": "07030",
            "company": True,
            "po_box": False,
            "military": False,
        },
        "bill_to": {"country": "US", "region": "NJ", "postal_code": "07030"},
        "tags": ["wholesale"],
        "service": "Standard",
        "payment": PaymentStatus.PAID.value,
        "risk": Risk.LOW.value,
        "units": 2,
    }
}
#: The same with everything that may be empty: a condition must not fail on what is common.
_BARE_SKU: Mapping[str, Any] = {
    "sku": {"id": "MUG-BLUE", "title": "", "tags": [], "low_stock": 0, "kit": False}
}
_BARE_ORDER: Mapping[str, Any] = {
    "order": {
        **ORDER_SAMPLE["order"],
        "total": 0,
        "ship_to": {
            "country": "",
            "region": "",
            "postal_code": "",
            "company": False,
            "po_box": False,
            "military": False,
        },
        "bill_to": {"country": "", "region": "", "postal_code": ""},
        "tags": [],
        "service": "",
        "risk": "",
        "units": 0,
    }
}
#: Longer conditions belong into several rules.
LONGEST = 4_000
#: Looks at a token that one condition may take for one order (or Sku): less than a second on one core.
MOST_STEPS = 10_000_000
#: What every order may have, lines or tags: a condition that takes longer over so many is refused.
_USUAL = 20


class RuleFailed(ConfigError):
    """A condition could not be evaluated."""

    def __init__(self, rule: str, why: str) -> None:
        super().__init__(f"rule {rule!r}: {why}")
        self.rule = rule
        self.why = why


class Misread(ValueError):
    """A condition that cannot be used. `offset` counts characters from its beginning."""

    def __init__(self, wrong: str, expected: str = "", fix: str = "", *, offset: int = 0) -> None:
        super().__init__(wrong)
        self.wrong = wrong
        self.expected = expected
        self.fix = fix
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Predicate:
    """One compiled condition. Safe to call from several threads."""

    rule: str
    source: str
    _program: cel.Program
    _loops: tuple[Loop, ...] = ()
    #: items of lists that stand in the source
    _written: int = 0

    def steps(self, longest: int) -> int:
        """Looks at a token that it takes at most, where the longest list has so many items."""
        return steps(self._loops, longest + self._written) if self._loops else 0

    def __call__(self, seen: Mapping[str, Any] | cel.Context) -> bool:
        """Whether the condition holds. Raises RuleFailed, which names the rule and no value."""
        try:
            answer = self._program.execute(
                seen if isinstance(seen, cel.Context) else cel.Context(variables=dict(seen))
            )
        except Exception as error:
            # The package's own words can repeat values of an order: they stay here.
            raise RuleFailed(self.rule, why(error)) from None
        if not isinstance(answer, bool):
            raise RuleFailed(self.rule, "it is neither true nor false")
        return answer


def sku_predicate(source: str, *, rule: str) -> Predicate:
    """A condition over `sku`. Raises Misread."""
    return _predicate(source, rule=rule, sample=SKU_SAMPLE, bare=_BARE_SKU)


def order_predicate(source: str, *, rule: str) -> Predicate:
    """A condition over `order`. Raises Misread."""
    return _predicate(source, rule=rule, sample=ORDER_SAMPLE, bare=_BARE_ORDER)


def _predicate(
    source: str, *, rule: str, sample: Mapping[str, Any], bare: Mapping[str, Any]
) -> Predicate:
    """Compile a condition and check it against the samples. Raises Misread."""
    if len(source) > LONGEST:
        raise Misread(f"longer than {LONGEST} characters", "", "make several rules of it")
    made = Predicate(rule, source, compiled(source), loops(source), longest_list(source))
    if made.steps(_USUAL) > MOST_STEPS:
        raise Misread(
            f"it takes too long over {_USUAL} lines", "", "put fewer loops into one another"
        )
    for unknown in unknown_names(source, sample):
        raise Misread(
            f"there is no {unknown.name!r} here",
            f"expected one of {', '.join(unknown.known)}" if unknown.known else "",
            near(unknown.name, unknown.known),
            offset=unknown.offset,
        )
    context = cel.Context(variables=dict(sample))
    for offset, operand in operands(source):
        _try_out(operand, context, offset)
    subject = next(iter(sample))
    for seen in (sample, bare):
        try:
            made(seen)
        except RuleFailed as failed:
            raise Misread(
                failed.why, "", f"guard it, as in: size({subject}.tags) > 0 && …"
            ) from None
    return made


def compiled(source: str, *, example: str = "'\"fragile\" in sku.tags'") -> cel.Program:
    """Raises Misread, with the place of what is wrong."""
    try:
        return cel.compile(source)
    except Exception as error:
        raise Misread(
            "no CEL expression",
            f"expected something like {example}",
            offset=_syntax_offset(source, str(error)),
        ) from None


def _syntax_offset(source: str, words: str) -> int:
    """The package says `ERROR: <input>:LINE:COLUMN: …`, both from 1."""
    _, _, rest = words.partition("<input>:")
    line, _, rest = rest.partition(":")
    column, _, _ = rest.partition(":")
    if not (line.isdigit() and column.isdigit()):
        return 0
    before = source.split("\n")[: int(line) - 1]
    return sum(len(one) + 1 for one in before) + int(column) - 1


def _try_out(source: str, context: cel.Context, offset: int) -> None:
    try:
        answer = compiled(source).execute(context)
    except Misread:
        return  # a part that cannot stand alone; the whole is tried as well
    except (IndexError, ZeroDivisionError):
        return  # it may be guarded; the whole is tried as well
    except Exception as error:
        raise Misread(why(error), "", _FIXES.get(type(error), ""), offset=offset) from None
    if not isinstance(answer, bool):
        raise Misread(
            f"{source!r} is neither true nor false",
            "expected a condition",
            "compare it with something",
            offset=offset,
        )


_FIXES: Mapping[type[Exception], str] = {
    TypeError: "compare numbers with numbers and text with quoted text",
    RuntimeError: "see the CEL language definition for the functions there are",
}


def why(error: Exception) -> str:
    """The package's error in words that repeat no value."""
    if isinstance(error, KeyError):
        return "a field it names is not there"
    if isinstance(error, TypeError):
        return "two things of different kinds are compared or joined"
    if isinstance(error, IndexError):
        return "a list has fewer items than it asks for"
    if isinstance(error, ZeroDivisionError):
        return "it divides by zero"
    if "Undefined variable or function" in str(error):
        return "it calls a function that does not exist"
    return "it could not be evaluated"


def sku_seen(
    sku: Sku, *, title: str, tags: tuple[str, ...], low_stock: int | None, kit: bool
) -> dict[str, Any]:
    """A Sku as conditions see it. `low_stock` is 0 where the Sku has no level of its own."""
    return {
        "sku": {
            "id": sku,
            "title": title,
            "tags": list(tags),
            "low_stock": low_stock or 0,
            "kit": kit,
        }
    }


def sku_context(known: CatalogSku) -> cel.Context:
    """A Sku for all conditions that are asked of it: building this is what costs, so they share one."""
    seen = sku_seen(
        known.sku,
        title=known.title,
        tags=known.tags,
        low_stock=known.low_stock,
        kit=bool(known.components),
    )
    return cel.Context(variables=seen)


def order_seen(order: Order, *, sku_of: Callable[[OrderLine], Sku | None]) -> dict[str, Any]:
    """An order as conditions see it: text that is not known is "", money that is not known 0."""
    to = order.ship_to
    return {
        "order": {
            "channel": order.channel,
            "name": order.name,
            "total": order.total.amount if order.total else 0,
            "currency": order.currency,
            "lines": [
                {
                    "sku": sku_of(line) or "",
                    "remote_sku": line.remote_sku,
                    "title": line.title,
                    "quantity": line.current,
                    "price": line.unit_price.amount if line.unit_price else 0,
                    "fulfilled_by": line.fulfilled_by.value,
                }
                for line in order.lines
            ],
            "ship_to": {
                **_place(to),
                # What it says of the address is all that a condition may see of it.
                "company": bool(to and to.company.strip()),
                "po_box": bool(to and is_po_box(to)),
                "military": bool(to and is_military(to)),
            },
            "bill_to": _place(order.bill_to),
            "tags": list(order.tags),
            "service": order.service,
            "payment": order.payment.value,
            "risk": order.risk.value,
            "units": sum(line.current for line in order.lines),
        }
    }


def _place(address: Address | None) -> dict[str, str]:
    found = address or Address()
    return {
        "country": found.country,
        # Two letters of a US state, whichever way the channel writes it.
        "region": state_of(found) or found.region,
        "postal_code": found.postal_code,
    }
