"""`lockstep map`: said, asked, listed, taken back, and carried from one shop to another as a table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.errors import LockstepError
from jobs.cli import app

_CONFIG = """
shop: {{name: Small shop}}
orders: {{route_from: "2026-11-01T00:00:00Z"}}
store: {{url: "sqlite:///{folder}/{name}.db"}}
connections: {{s: {{type: shopify, shop: s.myshopify.com, client_id: c, client_secret: "${{env:SECRET}}"}}}}
channels: {{shop: {{connection: s}}}}
skus: {{accept_channel_skus: false, items: {{TEA: {{}}, CUP: {{}}}}}}
"""
UPC = "036000291452"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SECRET", "hush-hush")
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("one", "other"):
        (tmp_path / f"{name}.yaml").write_text(_CONFIG.format(folder=tmp_path, name=name))
    return tmp_path


def said(folder: Path, *words: str, shop: str = "one", code: int = 0) -> str:
    result = CliRunner().invoke(app, ["map", *words, "-c", str(folder / f"{shop}.yaml")])
    if isinstance(result.exception, LockstepError):
        assert code == 2
        return str(result.exception)
    assert result.exit_code == code, (result.output, result.exception)
    return result.output


def test_a_name_is_said_asked_for_and_taken_back_and_its_history_stays(folder: Path) -> None:
    why = ["--note", "on the box", "--by", "ann"]

    assert "6 x TEA" in said(folder, "set", "upc", UPC, "TEA", "--units", "6", *why)
    assert "already" in said(folder, "set", "ean", f"0{UPC}", "TEA", "--units", "6", *why)
    said(folder, "set", "remote_sku", "BOX", "TEA", "--units", "6", "--place", "shop", *why)

    asked = said(folder, "ask", "BOX", "--place", "shop")
    assert "BOX is 6 x TEA, for remote_sku shop BOX says so (ann)" in " ".join(asked.split())
    assert "no name of anything" in said(folder, "ask", "CRATE", "--place", "shop", code=1)
    listed = json.loads(said(folder, "list", "--sku", "TEA", "--json"))
    assert [(one["scheme"], one["place"], one["means"]) for one in listed] == [
        ("gtin", "", "6 x TEA"), ("remote_sku", "shop", "6 x TEA"),
    ]  # fmt: skip
    said(folder, "remove", "upc", UPC, "--note", "sold by ones", "--by", "ben")
    history = json.loads(said(folder, "history", "gtin", UPC, "--json"))
    assert [(one["means"], one["who"], one["note"]) for one in history] == [
        ("6 x TEA", "ann", "on the box"), ("nothing", "ben", "sold by ones"),
    ]  # fmt: skip


def test_a_table_carries_the_names_to_another_shop(folder: Path) -> None:
    said(folder, "set", "remote_sku", "=BOX", "TEA", "--note", "-1 for the label")
    said(folder, "set", "upc", UPC, "CUP", "--note", "x")
    table, again = str(folder / "names.csv"), str(folder / "again.csv")

    said(folder, "export", table)
    assert "2 of them new" in said(folder, "import", table, "--note", "moved", shop="other")
    said(folder, "export", again, shop="other")

    assert (folder / "names.csv").read_bytes() == (folder / "again.csv").read_bytes()
    assert "'=BOX" in (folder / "names.csv").read_text()
    assert "0 of them new" in said(folder, "import", table, "--note", "moved", shop="other")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["set", "upc", "036000291453", "TEA"], "its check digit is 2"),
        (["set", "sku", "A", "TEA"], "there is no scheme 'sku'"),
        (["set", "listing", "A", "TEA"], "its place is the channel"),
        (["set", "item", "A", "TEA", "--place", "leaf"], "neither a supplier nor a connection"),
        (["set", "upc", UPC, "TEA", "--units", "0"], "'0' is no number of units"),
        (["set", "upc", UPC, "TEA", "--from", "2020-01-01 00:00"], "is past"),
        (["set", "upc", UPC, "TEA", "--from", "soon"], "soon"),
        (["remove", "upc", UPC], "nobody said what"),
        (["import", "/nowhere/names.csv"], "cannot be read"),
    ],
)
def test_what_cannot_be_is_one_message(folder: Path, words: list[str], why: str) -> None:
    assert why in said(folder, *words, "--note", "?", code=2)
