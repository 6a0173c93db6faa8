"""The connector on a local folder, its cursor, and what its settings refuse."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connectors import registry
from connectors.folders.cursor import REMEMBERED, Walk
from connectors.folders.transport import Entry, LocalTransport
from connectors.supplier_file.connector import SupplierFile, connect
from connectors.supplier_file.settings import Settings
from core.errors import Rejected
from core.ports import Handover
from jobs.clock import ManualClock
from tests.connectors.supplier_file.conftest import FOLDERS, NOON, Inside


def settings(root: Path | str, **changes: Any) -> dict[str, Any]:
    return {
        "type": "supplier_file",
        "transport": {"kind": "local", "root": str(root)},
        "folders": FOLDERS,
        "location": "acme",
    } | changes


@pytest.fixture
def local(tmp_path: Path, clock: ManualClock) -> SupplierFile:
    for folder in ("stock", "requests", "acknowledgments", "shipments"):
        (tmp_path / folder).mkdir()
    return connect("acme", Settings.model_validate(settings(tmp_path)), Inside(clock))


def test_the_registry_finds_this_connector_by_its_folder() -> None:
    assert "supplier_file" in registry.kinds()
    assert registry.settings_of("supplier_file") is Settings


def test_a_request_is_staged_released_and_found(local: SupplierFile, tmp_path: Path) -> None:
    seen = [local.find_request("a:b/c", b"one")]
    local.stage_request("a:b/c", b"o")
    seen.append(local.find_request("a:b/c", b"one"))
    local.stage_request("a:b/c", b"one")
    seen.append(local.find_request("a:b/c", b"one"))
    local.release_request("a:b/c")
    seen.append(local.find_request("a:b/c", b"one"))

    assert seen == [Handover.ABSENT, Handover.PARTIAL, Handover.STAGED, Handover.DELIVERED]
    assert [path.name for path in (tmp_path / "requests").iterdir()] == ["a%3Ab%2Fc.csv"]


def test_a_release_never_overwrites_a_local_file(local: SupplierFile, tmp_path: Path) -> None:
    (tmp_path / "requests" / "K.csv").write_bytes(b"theirs")
    local.stage_request("K", b"ours")

    with pytest.raises(Rejected) as refused:
        local.release_request("K")

    assert refused.value.code == "exists"
    assert (tmp_path / "requests" / "K.csv").read_bytes() == b"theirs"
    assert local.find_request("K", b"ours") is Handover.DOUBT


def test_a_file_system_without_the_flag_does_not_overwrite_either(
    local: SupplierFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda *_, **__: object())
    local.stage_request("K", b"ours")
    local.release_request("K")
    local.stage_request("K", b"again")

    with pytest.raises(Rejected) as refused:
        local.release_request("K")

    assert refused.value.code == "exists"
    assert (tmp_path / "requests" / "K.csv").read_bytes() == b"ours"


def test_a_key_too_long_for_a_file_name_is_refused(local: SupplierFile) -> None:
    with pytest.raises(Rejected) as refused:
        local.stage_request("x" * 300, b"")

    assert refused.value.code == "bad-name"


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "..", "", "a\\b", "a\0b"])
def test_foreign_names_never_leave_the_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "root" / "in").mkdir(parents=True)
    (tmp_path / "root" / "secret").write_text("secret")
    transport = LocalTransport(tmp_path / "root", connector="acme")

    with pytest.raises(Rejected) as refused:
        transport.read("in", name)

    assert refused.value.code == "bad-name"


def test_a_linked_folder_does_not_lead_out_of_the_root(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "root" / "stock").symlink_to(tmp_path / "outside")
    transport = LocalTransport(tmp_path / "root", connector="acme")

    with pytest.raises(Rejected) as refused:
        transport.entries("stock")

    assert refused.value.code == "bad-name"


def test_a_gbk_file_name_is_read_and_told_as_plain_text(
    local: SupplierFile, tmp_path: Path, clock: ManualClock
) -> None:
    path = os.fsencode(tmp_path / "stock") + b"/" + "库存.csv".encode("gbk")
    with open(path, "w") as out:
        out.write("sku,quantity\nA,1\n")

    [look] = local.pull_stock(since=None)
    clock.advance(60)
    [taken, _] = local.pull_stock(since=look.cursor)

    taken.items[0].name.encode("utf-8")
    assert taken.items[0].rows[0].quantity == 1


def test_unfinished_uploads_and_other_patterns_are_left_alone(
    tmp_path: Path, clock: ManualClock
) -> None:
    (tmp_path / "stock").mkdir()
    for name in ("stock.csv.part", "stock.csv.filepart", "notes.txt"):
        (tmp_path / "stock" / name).write_text("sku,quantity\nA,1\n")
    folders = {"stock_in": {"path": "stock", "pattern": "stock*"}}
    made = Settings.model_validate(settings(tmp_path, folders=folders, stable_after=0))
    local = connect("acme", made, Inside(clock))

    [look] = local.pull_stock(since=None)

    assert [batch.items for batch in local.pull_stock(since=look.cursor)] == [()]


def test_a_file_larger_than_allowed_is_a_reject_once(tmp_path: Path, clock: ManualClock) -> None:
    (tmp_path / "stock").mkdir()
    (tmp_path / "stock" / "a.csv").write_text("sku,quantity\nA,1\n")
    folders = {"stock_in": {"path": "stock"}}
    made = settings(tmp_path, folders=folders, stable_after=0, largest_file=5)
    local = connect("acme", Settings.model_validate(made), Inside(clock))

    [look] = local.pull_stock(since=None)
    [refused, last] = local.pull_stock(since=look.cursor)
    [again] = local.pull_stock(since=last.cursor)

    assert "17 bytes; the largest that is read has 5" in refused.rejects[0].problem
    assert again.rejects == ()


def test_a_place_without_a_stock_file_has_no_snapshots(tmp_path: Path, clock: ManualClock) -> None:
    made = Settings.model_validate(settings(tmp_path, folders={}, location=""))
    warehouse = connect("warehouse", made, Inside(clock))

    [batch] = warehouse.pull_stock(since=None)

    assert (batch.items, batch.complete_to) == ((), NOON)


# the cursor


def test_a_cursor_survives_its_own_text() -> None:
    walk = Walk()
    entry = Entry("a.csv", 5, 17)
    walk.look([entry, Entry("b.csv", 1, 2)], now=NOON, stable_after=timedelta(0))
    walk.take(entry, digest="d")

    assert Walk.of(walk.cursor()) == walk


def test_files_that_left_the_folder_are_remembered_for_long_not_for_ever() -> None:
    walk = Walk()
    for number in range(REMEMBERED + 10):
        walk.take(Entry(f"{number}.csv", 1, number), digest="d")

    walk.forget(["0.csv"])

    assert len(walk.taken) == REMEMBERED + 1
    assert "0.csv" in walk.taken
    assert "1.csv" not in walk.taken


def test_files_are_read_in_the_order_they_were_changed() -> None:
    walk = Walk()
    entries = [Entry("b.csv", 1, 10), Entry("a.csv", 1, 20), Entry("c.csv", 1, 10)]
    walk.look(entries, now=NOON, stable_after=timedelta(0))

    ready = walk.look(entries, now=NOON, stable_after=timedelta(0))

    assert [entry.name for entry in ready] == ["b.csv", "c.csv", "a.csv"]


# settings


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"location": ""}, "location is needed"),
        ({"folders": {"requests_out": "../up"}}, "a folder below the root"),
        ({"folders": {"stock_in": {"path": "/stock"}}}, "a folder below the root"),
        ({"format": {"encoding": "klingon"}}, "no encoding that is known"),
        ({"format": {"timezone": "Mars/Olympus"}}, "no time zone"),
        ({"tpyo": 1}, "Extra inputs"),
        (
            {"transport": {"kind": "sftp", "host": "h", "username": "u", "password": "p"}},
            "host_key",
        ),
        (
            {"transport": {"kind": "sftp", "host": "h", "username": "u", "host_key": "ssh-rsa AAAAB"}},
            "password or private_key",
        ),
        (
            {"transport": {"kind": "sftp", "host": "h", "username": "u", "password": "p",
                           "host_key": "SHA256:abc"}},
            "a public host key as ssh-keyscan prints it",
        ),
    ],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate(settings("/srv/acme", **change))

    assert words in str(refused.value)
