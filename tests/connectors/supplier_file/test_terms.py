"""What a line tells beside its figure: units, packs, costs, and values worked out."""

from __future__ import annotations

import pytest

from core.errors import Rejected
from core.model.money import Money
from core.model.purchasing import SupplierItem, UnreadTerms
from tests.connectors.supplier_file.reading import quantities, snapshot, terms

ON_HAND = {"on_hand": "On Hand", "reserved": "Reserved"}


# values worked out


def test_a_quantity_is_worked_out_from_several_columns() -> None:
    value = 'status == "Y" ? 0 : max(0, on_hand - reserved)'

    read = quantities(
        "Item,On Hand,Reserved,Disc\nA,9,2,N\nB,1,4,N\nC,50,0,Y\n",
        stock={
            "sku": "Item",
            "quantity": {"value": value, "numbers": ON_HAND, "texts": {"status": "Disc"}},
        },
    )

    assert read == {"A": 7, "B": 0, "C": 0}


def test_a_line_whose_number_is_none_is_told_and_the_others_go_through() -> None:
    read = snapshot(
        "sku,On Hand,Reserved\nA,call,1\nB,5,\nC,5,1\n",
        stock={"quantity": {"value": "on_hand - reserved", "numbers": ON_HAND}},
    )

    assert dict(read.by_sku) == {"C": 4}
    assert [why for _, _, why in read.problems] == [
        "on_hand is 'call', which is no number",
        "reserved is '', which is no number",
    ]


def test_a_formula_that_fails_on_a_line_is_that_line_s_problem() -> None:
    read = snapshot(
        "sku,a,b\nA,8,0\nB,8,2\n",
        stock={"quantity": {"value": "a / b", "numbers": {"a": "a", "b": "b"}}},
    )

    assert dict(read.by_sku) == {"B": 4}
    assert read.problems[0][2] == "its formula cannot be worked out: it divides by zero"


def test_a_formula_s_missing_column_refuses_the_file() -> None:
    with pytest.raises(Rejected, match="no column 'On Hand', which a formula needs; found sku, a"):
        snapshot(
            "sku,a\nA,1\n",
            stock={"quantity": {"value": "on_hand", "numbers": {"on_hand": "On Hand"}}},
        )


def test_an_identity_may_be_put_together_from_texts() -> None:
    read = quantities(
        "brand,nr,quantity\nACM,17,4\n",
        stock={"sku": {"value": 'brand + "-" + nr', "texts": {"brand": "brand", "nr": "nr"}}},
    )

    assert read == {"ACM-17": 4}


# units and packs


def test_dozens_and_the_supplier_s_own_words_become_units() -> None:
    read = snapshot("sku,quantity,unit\nA,3,DZ\nB,2,ctn24\nC,5,\nD,1,barrel\n", units={"CTN24": 24})

    assert dict(read.by_sku) == {"A": 36, "B": 48, "C": 5}
    assert read.problems[0][2] == "'barrel' is no unit that is known; name it in format.units"


def test_figures_in_packs_become_units_and_costs_are_those_of_one() -> None:
    content = "sku,quantity,pack,least,cost\nA,10,12,2,$30.00\nB,1,0,1,1\n"

    told = terms(content, stock={"counted_in": "packs"})

    assert quantities(content, stock={"counted_in": "packs"}) == {"A": 120}
    assert (told["A"].pack, told["A"].least, told["A"].cost) == (12, 24, Money(250, "USD"))


def test_a_part_of_a_cent_is_rounded_up() -> None:
    told = terms("sku,quantity,unit,cost\nA,1,DZ,10.00\n")

    assert told["A"].cost == Money(84, "USD")


# terms


def test_everything_a_line_tells_of_an_item_is_taken_down() -> None:
    content = (
        "sku,quantity,item,pack,least,cost,currency,lead_days,discontinued,P480,P960\n"
        "A,5,AC-1,12,48,4.50,cny,35,N,4.20,\n"
        "B,0,,,,,,,Y,,\n"
    )
    breaks = [{"units": 960, "cost": "P960"}, {"units": 480, "cost": "P480"}]

    told = terms(content, stock={"breaks": breaks})

    assert told["A"] == SupplierItem(
        "acme", "A", "AC-1", pack=12, least=48, cost=Money(450, "CNY"),
        breaks=((480, Money(420, "CNY")),), lead_days=35,
    )  # fmt: skip
    assert told["B"] == SupplierItem("acme", "B", "B", discontinued=True)


def test_a_file_of_figures_alone_tells_no_terms() -> None:
    assert terms("sku,quantity\nA,5\n") == {}
    assert snapshot("sku,quantity\nA,5\n").terms == ()


@pytest.mark.parametrize(
    ("column", "cell", "why"),
    [
        ("cost", '"1,234.50"', "1,234.50 USD is no cost"),
        ("cost", "call us", "call us USD is no cost"),
        ("pack", "a dozen", "'a dozen' is no whole number"),
        ("lead_days", "3-5", "'3-5' is no whole number"),
        ("discontinued", "perhaps", "'perhaps' says neither discontinued nor not"),
    ],
)
def test_terms_that_cannot_be_read_are_told_and_leave_the_figure_alone(
    column: str, cell: str, why: str
) -> None:
    content = f"sku,quantity,{column}\nA,5,{cell}\nB,6,\nC,7,{cell}\n"

    read = snapshot(content)
    [unread] = [one for one in read.terms if isinstance(one, UnreadTerms)]

    assert dict(read.by_sku) == {"A": 5, "B": 6, "C": 7}
    assert (read.problems, unread.lines) == ((), 2)
    assert unread.first.startswith(f"line 2: {why}")


def test_a_supplier_s_own_word_for_discontinued_is_understood() -> None:
    told = terms("sku,quantity,discontinued\nA,5,EOL\n", discontinued={"eol": True})

    assert told["A"].discontinued


def test_terms_may_be_gone_through_while_nothing_is_held() -> None:
    read = snapshot("sku,quantity,cost\n" + "".join(f"S{n},1,1\n" for n in range(50)))

    told = iter(read.terms)

    assert next(told).sku == "S0"  # type: ignore[union-attr]
    assert len(list(told)) == 49
