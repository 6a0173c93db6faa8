"""Every reason can be read in both languages."""

from __future__ import annotations

import ast
import fnmatch
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.fulfillment import TrackingStatus
from core.model.orders import PaymentStatus
from core.model.reasons import Reason
from core.rules import alerting, effects, modes, publishing
from core.rules.effects import short_key
from core.rules.sentences import CATALOGUES, TRANSLATED, en, render, zh
from tests.core.strategies import NOON
from tests.core.test_effects import effects as some_effects
from tests.core.test_publishing import completions, instants, offers, paces

ROOT = Path(__file__).parents[2]
CJK = re.compile(r"[\u4e00-\u9fff]")

#: What jobs tells; each must be there before the code that uses it is.
PROMISED = [
    "order_recorded", "order_changed", "units_reserved", "units_unallocated", "order_released",
    "order_held", "order_routed", "order_waiting", "order_canceled", "order_recorded_only",
    "request_handed_over", "request_acknowledged", "request_rejected", "shipment_received",
    "shipment_confirmed", "confirmation_refused", "parcel_status", "parcel_delivered",
    "offer_wanted", "offer_sent", "offer_shown", "offer_refused", "offer_lost",
    "snapshot_applied", "snapshot_quarantined", "unreadable_record", "connection_unauthorized",
    "connection_down", "connection_back", "mail_sent", "mail_kept", "alert_low_stock",
    "alert_resolved", "effect_unknown", "effect_parked", "effect_found", "mode_changed",
    "writes_stopped", "writes_resumed", "canceled_after_request", "request_overdue",
    "shipment_overdue", "unknown_request", "wrong_units_shipped", "unsafe_plan", "unfillable",
    "adopted",
]  # fmt: skip


# --- what the tree says --------------------------------------------------------------------------


@dataclass(frozen=True)
class Use:
    """A place where a reason is made."""

    where: str
    code: str
    #: the arguments given; None where they are not written out
    args: frozenset[str] | None


class Module:
    """One source file, and the codes of the reasons made in it."""

    def __init__(self, path: Path) -> None:
        self.name = str(path.relative_to(ROOT))
        self.tree = ast.parse(path.read_text(encoding="utf-8"))
        nodes = list(ast.walk(self.tree))
        self.functions = {n.name: n for n in nodes if isinstance(n, ast.FunctionDef)}
        self.calls = [n for n in nodes if isinstance(n, ast.Call)]
        #: what is made only to ask for a fingerprint
        self.never_said = {
            inner
            for n in nodes
            if isinstance(n, ast.Attribute) and n.attr == "fingerprint"
            for inner in ast.walk(n)
        }
        self.assigned: dict[str, list[ast.expr]] = {}
        for node in nodes:
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        self.assigned.setdefault(target.id, []).append(node.value)

    def uses(self) -> Iterator[Use]:
        for call in self.calls:
            found = self._code_of(call)
            if found is not None and call not in self.never_said:
                for code in self.constants(found):
                    yield Use(f"{self.name}:{call.lineno}", code, self._args(call))

    def _code_of(self, call: ast.Call) -> ast.expr | None:
        """The code this call makes a reason of, where it makes one."""
        name = ast.unparse(call.func)
        if name in ("Reason", "Reason.of"):
            return call.args[0]
        made = self.functions.get(name)
        if made is None or "Reason" not in ast.unparse(made):
            return None
        names = [one.arg for one in made.args.args]
        if "code" not in names:
            return None
        at = names.index("code")
        return call.args[at] if at < len(call.args) else None

    def _args(self, call: ast.Call) -> frozenset[str] | None:
        name = ast.unparse(call.func)
        made = self.functions.get(name)
        if name == "Reason":
            given = call.args[1] if len(call.args) > 1 else ast.Dict([], [])
            keys = given.keys if isinstance(given, ast.Dict) else [None]
            written = [key.value for key in keys if isinstance(key, ast.Constant)]
            return frozenset(map(str, written)) if len(written) == len(keys) else None
        if name != "Reason.of" and (made is None or made.args.kwarg is None):
            return None
        names = [keyword.arg for keyword in call.keywords]
        return None if None in names else frozenset(map(str, names))

    def constants(self, expression: ast.expr, depth: int = 3) -> set[str]:
        """Every text the expression may be. A code that is read from somewhere else is none."""
        match expression:
            case ast.Constant(value=str(text)):
                return {text}
            case ast.IfExp(body=body, orelse=other):
                return self.constants(body, depth) | self.constants(other, depth)
            case ast.Name(id=name) if depth:
                found = [self.constants(value, depth - 1) for value in self.assigned.get(name, [])]
                return set().union(*found)
            case ast.Call(func=ast.Name(id=name)) if depth and name in self.functions:
                found = [
                    self.constants(node.value, depth - 1)
                    for node in ast.walk(self.functions[name])
                    if isinstance(node, ast.Return) and node.value is not None
                ]
                return set().union(*found)
            case ast.JoinedStr(values=[ast.Constant(value=str(start)), *_]):
                return {f"{start}*"}  # a family: `group_` and a rule's name
            case ast.JoinedStr() | ast.BinOp():
                raise AssertionError(
                    f"{self.name}:{expression.lineno}: a code is written out whole"
                )
            case _:
                return set()


@cache
def uses() -> list[Use]:
    return [
        use
        for folder in ("core", "config", "connectors", "jobs")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for use in Module(path).uses()
    ]


def blanks(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def test_the_scan_sees_what_is_there():
    """It would prove nothing if it read the wrong folder."""
    codes = {use.code for use in uses()}

    assert {"allocated_whole", "orders_behind", "alert_opened", "effect_planned"} <= codes
    assert len(codes) > 60


def test_every_code_used_anywhere_has_a_sentence():
    missing = {
        (use.code, use.where)
        for use in uses()
        for said in CATALOGUES.values()
        if not any(fnmatch.fnmatchcase(code, use.code) for code in said)
    }

    assert missing == set()


def test_every_sentence_gets_the_arguments_it_asks_for():
    lacking = {
        (use.where, use.code, name)
        for use in uses()
        if use.args is not None and use.code in en.SENTENCES
        for name in blanks(en.SENTENCES[use.code]) - use.args
    }

    assert lacking == set()


def test_every_group_of_findings_has_a_title():
    """Mails put findings under the rule that found them; open Cases are found by `case_<kind>`."""
    rules = {
        f"case_{code}" if name == "Case" else code
        for folder in ("core", "jobs")
        for path in (ROOT / folder).rglob("*.py")
        for module in [Module(path)]
        for call in module.calls
        if (name := ast.unparse(call.func)) in ("Case", "FiringAlert")
        for code in module.constants(call.args[0])
        if not code.endswith("*")
    }

    assert {"low_stock", "case_canceled_after_request"} <= rules
    assert {rule for rule in rules if f"group_{rule}" not in en.SENTENCES} == set()


# --- the catalogues ------------------------------------------------------------------------------


@pytest.mark.parametrize("code", PROMISED)
def test_promised_codes_have_sentences(code):
    assert code in en.SENTENCES
    assert code in zh.SENTENCES


def test_both_catalogues_say_the_same_things_with_the_same_blanks():
    assert en.SENTENCES.keys() == zh.SENTENCES.keys()
    assert en.WORDS.keys() == zh.WORDS.keys()
    for code, template in en.SENTENCES.items():
        assert blanks(template) == blanks(zh.SENTENCES[code]), code


def test_each_catalogue_speaks_its_own_language():
    assert [text for text in [*en.SENTENCES.values(), *en.WORDS.values()] if CJK.search(text)] == []
    assert [text for text in zh.SENTENCES.values() if not CJK.search(text)] == []
    assert [text for text in zh.WORDS.values() if not CJK.search(text)] == ["–"]


def test_every_word_of_ours_that_a_reason_may_carry_is_known():
    settled = {"proposed", "done", "refused", "parked", "canceled"}
    holds = {
        "pending", "unpaid", "test_order", "unknown_sku", "address_incomplete",
        "cancel_requested", "rule_hit",
    }  # fmt: skip
    doubts = {code for code in en.SENTENCES if code.startswith("snapshot_")}
    words = {*map(str, PaymentStatus), *map(str, TrackingStatus), *map(str, modes.Mode)}

    for word in words | settled | holds | doubts - {"snapshot_applied", "snapshot_quarantined"}:
        assert word in en.WORDS, word


# --- rendering -----------------------------------------------------------------------------------


def test_a_reason_reads_as_a_sentence_in_both_languages():
    reason = Reason.of("units_reserved", quantity=3, sku="MUG", location="east", order="#1001")

    assert render(reason) == "3 units of MUG reserved at east for order #1001."
    assert render(reason, "zh") == "已在 east 为订单 #1001 预留 MUG 3 件。"


def test_one_is_singular_in_english():
    reason = Reason.of("units_reserved", quantity=1, sku="MUG", location="east", order="#1001")

    assert render(reason).startswith("1 unit of MUG")


def test_a_request_is_named_as_its_place_may_know_it():
    said = Reason.of("request_overdue", key="shopify-us:1:F1", location="acme")
    assert f"request shopify-us:1:F1 ({short_key('shopify-us:1:F1')}) in" in render(said, "en")
    assert "lockstep withdraw shopify-us:1:F1 --note" in render(said, "en")
    of_purchase = Reason.of("receipt_overdue", key="PO-7", source="acme")
    assert "read PO-7: it" in render(of_purchase, "en")


def test_our_own_words_are_said_in_the_readers_language():
    held = Reason.of("review_held", order="#1", holds="unpaid, test_order")
    file = Reason.of(
        "snapshot_quarantined",
        name="s.csv",
        location="acme",
        doubts="snapshot_old; snapshot_zeros",
        rows=2,
        units=0,
    )

    assert render(held) == "Order #1 is held: not paid, test order."
    assert render(held, "zh") == "订单 #1 已暂停：未付款, 测试订单。"
    assert "(too old; too many zeros)" in render(file)


def test_a_word_that_means_two_things_is_told_apart_by_its_argument():
    unpaid = Reason.of("unpaid", order="#1", payment="pending")

    assert render(unpaid) == "Order #1 is not paid for: payment is pending."
    assert "待付款" in render(unpaid, "zh")


def test_a_remotes_own_words_are_left_as_they_are():
    parcel = Reason.of("parcel_status", carrier="ups", number="name", status="beamed_up")

    assert render(parcel, "zh") == "包裹 ups name：beamed_up。"


def test_nothing_shown_is_said_in_words():
    lost = Reason.of("offer_lost", channel="amazon-us", sku="MUG", sent=5, shown=None)

    assert render(lost) == "amazon-us shows nothing of MUG although 5 was sent."


def test_braces_in_an_argument_are_only_text():
    reason = Reason.of("connection_down", unit="acme/stock", failures=3, error="{order:x|y} {0}")

    assert "{order:x|y} {0}" in render(reason)


def test_an_unknown_code_shows_itself_and_its_arguments():
    assert render(Reason.of("no_such_code", order="#1", whole=True)) == (
        "no_such_code (order=#1, whole=yes)"
    )
    assert render(Reason.of("no_such_code"), "zh") == "no_such_code"


def test_an_empty_argument_is_seen_to_be_empty():
    refused = Reason.of("connection_unauthorized", connection="acme", operation="login", missing="")

    assert "missing right: –." in render(refused)


def test_a_group_of_findings_is_called_by_its_title():
    told = Reason.of("alert_told", kind="open", group="low_stock", count=1)

    assert render(told) == f"Told about {en.SENTENCES['group_low_stock']}: 1 finding (new)."
    assert render(told, "zh") == "已通知：库存不足，1 项（新）。"


def test_a_missing_argument_shows_where_it_is_missing():
    assert render(Reason.of("order_waiting")) == "Order ? waits for units."
    assert render(Reason.of("allocated_whole", location="east")) == "east has everything: ? units."


def test_an_unknown_language_reads_english():
    assert render(Reason.of("mode_act"), "fr") == "This flow acts."


args = st.dictionaries(
    st.sampled_from(sorted(TRANSLATED | {"order", "sku", "quantity", "left"})),
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
)


@given(
    st.sampled_from(sorted([*en.SENTENCES, "no_such_code"])), args, st.sampled_from(["en", "zh"])
)
def test_rendering_never_fails(code, given_args, language):
    assert render(Reason(code, given_args), language)


def complete(reason: Reason) -> bool:
    """Both languages say it, with nothing missing."""
    return all(
        reason.code in said and blanks(said[reason.code]) <= set(reason.args)
        for said in CATALOGUES.values()
    )


@given(offers, completions, instants, paces)
def test_every_step_of_an_offer_can_be_read(offer, orders, now, pace):
    step = publishing.next_step(offer, orders_complete_to=orders, now=now, pace=pace)

    assert complete(step.reason)


@given(some_effects, instants)
def test_every_move_of_an_effect_can_be_read(effect, now):
    assert complete(effects.next_move(effect, now=now).reason)


@given(
    st.builds(
        alerting.Incident,
        instants,
        st.none() | instants,
        st.none() | instants,
        st.none() | instants,
        st.sampled_from(alerting.Severity),
        st.booleans(),
        st.booleans(),
        st.integers(0, 3),
    )
)
def test_every_telling_can_be_read(incident):
    hour = publishing.timedelta(hours=1)

    found = alerting.telling(
        incident, now=NOON, group_wait=hour / 60, group_interval=hour / 12, repeat_interval=hour
    )

    assert complete(found.reason)
