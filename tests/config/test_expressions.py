"""CEL conditions: checked at load with their place, evaluated with their name."""

from __future__ import annotations

from datetime import UTC, datetime
from threading import Thread

import pytest

from config.conditions import operands, unknown_names
from config.expressions import (
    MOST_STEPS,
    ORDER_SAMPLE,
    SKU_SAMPLE,
    Misread,
    RuleFailed,
    order_predicate,
    order_seen,
    sku_predicate,
    sku_seen,
)
from core.model.money import Money
from core.model.orders import Address, Order, OrderLine, PaymentStatus
from tests.config.conftest import Folder, line_and_column


def test_an_unknown_field_is_told_with_its_column(folder: Folder) -> None:
    folder.with_least(
        """\
        review:
          rules:
            - name: large
              when: 'order.total > 1 && order.shipto.country != "US"'
        """
    )

    problem = folder.problem()

    assert line_and_column(problem) == (6, 39)
    assert problem.path == ("review", "rules", 0, "when")
    assert problem.fix == "did you mean 'ship_to'?"


def test_a_field_behind_a_condition_that_is_never_true_is_checked_too(folder: Folder) -> None:
    folder.with_least("review: {rules: [{name: a, when: 'false && order.totl > 1'}]}")

    problem = folder.problem()

    assert "there is no 'totl' here" in problem.wrong


def test_a_mistake_inside_a_block_of_lines_is_told_with_its_line(folder: Folder) -> None:
    folder.with_least(
        """\
        policies:
          - name: a
            when: |
              sku.low_stock > 3 &&
              sku.titel == "x"
        """
    )

    problem = folder.problem()

    assert line_and_column(problem) == (7, 11)


def test_a_syntax_error_is_told_with_its_column(folder: Folder) -> None:
    folder.with_least("policies: [{name: a, when: 'sku.id == == 1'}]")

    problem = folder.problem()

    assert problem.wrong == "no CEL expression"
    assert line_and_column(problem) == (3, 39)


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        ("sku.titel == 'a'", "no 'titel'"),
        ("skus.id == 'a'", "no 'skus'"),
        ("order.total > 1", "no 'order'"),
        ('sku["titel"] == "a"', "no 'titel'"),
        ("has(sku.titel)", "no 'titel'"),
        ("sku.id.length == 1", "no 'length'"),
        ("sku.tags.exists(tag, tg == 'a')", "no 'tg'"),
        ("sku.title", "neither true nor false"),
        ("sku.low_stock", "neither true nor false"),
        ("sku.kit || sku.title", "neither true nor false"),
        ("sku.kit ? true : sku.low_stock > 'a'", "different kinds"),
        ("true || sku.low_stock > 'a'", "different kinds"),
        ("true || !(sku.kit && sku.low_stock > 'a')", "different kinds"),
        ("sku.tags[0] == 'a'", "fewer items"),
        ("sku.id.nonsense()", "a function that does not exist"),
        ("nonsense(sku.id)", "a function that does not exist"),
        ("", "no CEL"),
        ("(((", "no CEL"),
        ("true " + "|| true " * 1000, "longer than"),
    ],
)
def test_a_condition_that_cannot_work_is_refused(source: str, wrong: str) -> None:
    with pytest.raises(Misread) as raised:
        sku_predicate(source, rule="r")

    assert wrong in raised.value.wrong


def test_what_a_condition_may_cost_is_known_by_its_loops_and_by_the_lines_they_go_over() -> None:
    def cost(source: str, items: int) -> int:
        return order_predicate(source, rule="r").steps(items)

    once = "order.lines.exists(a, a.quantity > 0)"
    twice = "order.lines.exists(a, order.lines.exists(b, a.sku == b.sku))"
    assert cost("order.total > 1", 400) == 0
    assert 2 * cost(once, 400) <= cost(f"{once} || {once}", 400) < 3 * cost(once, 400)
    assert cost(once, 400) * 100 < cost(twice, 400) < MOST_STEPS
    assert cost(once, 400) * 10 < cost("order.lines.map(a, a.quantity).size() > 0", 400)

    deep = "true"
    for name in "abcdefg":
        deep = f"order.lines.exists({name}, {deep})"
    with pytest.raises(Misread, match="too long over 20 lines"):
        order_predicate(deep, rule="r")


@pytest.mark.parametrize(
    "source",
    [
        'order.lines.exists(line, line.sku == "MUG-BLUE" && line.quantity > 1)',
        'order.lines.filter(line, line.price > 5).exists(line, line.fulfilled_by == "us")',
        'size(order.tags) > 0 && order.tags[0] == "wholesale"',
        'order.ship_to["country"] in ["US", "CA"]',
        'order.name.startsWith("#") ? order.total > 3 : false',
        "// totl is no field, and neither is the one in this text\n'order.totl' != order.name",
        "order.lines.map(l, l.quantity).exists(q, q > 1)",
        '{"a": 1}["a"] == order.lines.size()',
        "!(order.total > 3) || order.currency.matches('^U')",
        "r'a\\b.c' != order.service",
    ],
)
def test_a_condition_that_works_is_accepted(source: str) -> None:
    condition = order_predicate(source, rule="r")

    assert condition(ORDER_SAMPLE) is True


def test_operands_are_found_inside_brackets_and_negations() -> None:
    found = operands("a && !(b || c.exists(x, x && y)) ? [d || e] == f : g")

    assert [text for _, text in found] == ["a", "b", "c.exists(x, x && y)", "[d || e] == f", "g"]


def test_unknown_names_carry_what_would_have_been_possible() -> None:
    found = list(unknown_names("sku.id == sku.idd", SKU_SAMPLE))

    assert [(one.name, one.offset) for one in found] == [("idd", 14)]
    assert "title" in found[0].known


def test_a_failure_at_run_time_names_the_rule_and_no_value() -> None:
    condition = sku_predicate("size(sku.tags) != 1 || sku.tags[0] != 'x'", rule="odd tags")

    with pytest.raises(RuleFailed) as raised:
        condition({"sku": {"title": "secret title"}})

    assert raised.value.rule == "odd tags"
    assert "secret title" not in str(raised.value)


def test_what_real_skus_and_orders_look_like_is_what_the_samples_show() -> None:
    seen = sku_seen("A", title="t", tags=("x",), low_stock=None, kit=True)
    order = order_seen(_order(), sku_of=lambda line: line.remote_sku or None)
    bare = order_seen(_order(bare=True), sku_of=lambda line: None)

    assert _shape(seen) == _shape(SKU_SAMPLE)
    assert _shape(order) == _shape(ORDER_SAMPLE)
    assert _shape(bare) == _shape(order)
    assert (order["order"]["total"], order["order"]["ship_to"]["country"]) == (2_598, "US")


def test_no_name_and_no_street_reaches_a_condition() -> None:
    seen = order_seen(_order(), sku_of=lambda line: None)

    assert "Jane" not in str(seen)
    assert "Main St" not in str(seen)


def test_a_condition_may_be_asked_by_many_threads_at_once() -> None:
    condition = sku_predicate('"fragile" in sku.tags', rule="r")
    answers: list[bool] = []
    threads = [Thread(target=lambda: answers.append(condition(SKU_SAMPLE))) for _ in range(16)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [True] * 16


def _shape(value: object) -> object:
    if isinstance(value, dict):
        return {key: _shape(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_shape(value[0])] if value else ["str"]
    return type(value).__name__


def _order(*, bare: bool = False) -> Order:
    at = datetime(2026, 11, 24, tzinfo=UTC)
    line = OrderLine(
        remote_id="1",
        remote_sku="A",
        listing_remote_id="",
        title="Mug",
        ordered=3,
        current=2,
        fulfilled=0,
        unit_price=None if bare else Money(1_299, "USD"),
    )
    to = Address(
        name="Jane", line1="1 Main St", city="X", region="NJ", postal_code="07030", country="US"
    )
    return Order(
        channel="shopify-us",
        remote_id="1",
        name="#1",
        placed_at=at,
        updated_at=at,
        payment=PaymentStatus.PAID,
        canceled_at=None,
        pending=False,
        test=False,
        currency="USD",
        total=None if bare else Money(2_598, "USD"),
        lines=(line,),
        ship_to=None if bare else to,
        tags=() if bare else ("gift",),
    )
