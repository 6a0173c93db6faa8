"""Values that connectors work out: checked when the configuration is read, with their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.expressions import Misread
from config.formulas import formula
from config.load import load
from config.problems import ConfigProblems

SAMPLE: dict[str, object] = {"on_hand": 1, "reserved": 1, "price": 1.0, "status": ""}

_CONFIG = """
shop: {{name: Small}}
orders: {{route_from: "2026-11-01T00:00:00Z"}}
connections:
  acme:
    type: supplier_file
    transport: {{kind: local, root: /tmp}}
    folders: {{stock_in: {{path: stock}}}}
    location: acme
    format:
      stock:
        quantity:
          value: {value}
          numbers: {{on_hand: On Hand, reserved: 4}}
locations:
  acme: {{counted_by: acme}}
"""


def problems(tmp_path: Path, value: str) -> list[tuple[str, str, str]]:
    (tmp_path / "lockstep.yaml").write_text(_CONFIG.format(value=value))
    try:
        load(tmp_path / "lockstep.yaml", environment={})
    except ConfigProblems as raised:
        return [(str(one.where).rpartition("/")[-1], one.wrong, one.fix) for one in raised.problems]
    return []


@pytest.mark.parametrize(
    ("source", "made"),
    [
        ("max(0, on_hand - reserved)", 0),
        ("on_hand > 3 ? on_hand : 0", 9),
        ("price * 0.5", 1.25),
        ('status == "Y" ? 0 : min(on_hand, 5)', 0),
        ('status + "!"', "Y!"),
        ("int(price)", 2),
    ],
)
def test_a_formula_is_worked_out(source: str, made: object) -> None:
    seen: dict[str, object] = {"on_hand": 9, "reserved": 12, "price": 2.5, "status": "Y"}

    assert formula(source, SAMPLE)(seen) == made


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        ("on_hand -", "no CEL expression"),
        ("on_hnd", "there is no 'on_hnd' here"),
        ("on_hand * price", "two things of different kinds are compared or joined"),
        ("[on_hand]", "its formula makes neither text nor a number"),
        ("round(price)", "it calls a function that does not exist"),
        ("x" * 5_000, "longer than 4000 characters"),
    ],
)
def test_what_cannot_be_used_is_refused_when_it_is_read(source: str, wrong: str) -> None:
    with pytest.raises(Misread) as raised:
        formula(source, SAMPLE)

    assert raised.value.wrong == wrong


def test_an_error_while_working_out_repeats_no_value() -> None:
    worked_out = formula("100 / on_hand", SAMPLE)

    with pytest.raises(ValueError, match="it divides by zero") as raised:
        worked_out({**SAMPLE, "on_hand": 0, "status": "secret"})

    assert "secret" not in str(raised.value)


def test_a_right_formula_is_accepted(tmp_path: Path) -> None:
    assert problems(tmp_path, "max(0, on_hand - reserved)") == []


def test_a_wrong_name_is_told_with_its_line_and_column(tmp_path: Path) -> None:
    [(at, wrong, fix)] = problems(tmp_path, "max(0, on_hand - reservd)")

    assert at == "lockstep.yaml:13:35"
    assert wrong == "there is no 'reservd' here"
    assert fix == "did you mean 'reserved'?"


def test_a_name_nobody_declared_is_told_what_to_do(tmp_path: Path) -> None:
    [(_, wrong, fix)] = problems(tmp_path, "on_hand - xyz")

    assert wrong == "there is no 'xyz' here"
    assert fix == "name its column under numbers, decimals or texts"
