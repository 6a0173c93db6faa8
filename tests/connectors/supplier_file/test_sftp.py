"""The connector against the simulated supplier, over real SFTP."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import asyncssh
import httpx
import pytest

from connectors.supplier_file import mapping
from connectors.supplier_file.connector import SupplierFile
from connectors.supplier_file.settings import Settings
from connectors.supplier_file.simulator import SupplierSimulator
from core.errors import Rejected, Unauthorized, Unavailable, UnknownOutcome
from core.model.fulfillment import AcknowledgmentStatus, FulfillmentLine, ShipRequest
from core.model.orders import Address
from core.ports import Batch, Handover
from jobs.clock import ManualClock
from tests.connectors.supplier_file.conftest import NOON, Connect

KEY = "shopify-us:gid://shopify/Order/5501:F1"


def request(key: str = KEY, *, sku: str = "MUG-1", quantity: int = 2) -> ShipRequest:
    return ShipRequest(
        key=key,
        location="acme",
        order_name="#1001",
        lines=(FulfillmentLine(line="11", sku=sku, quantity=quantity),),
        ship_to=Address(name="Ann Buyer", line1="1 Main St", city="Wayne", region="NJ"),
        service="Standard",
        requested_at=NOON,
    )


def document(key: str = KEY, **kwargs: Any) -> bytes:
    return mapping.request_document(request(key, **kwargs))


def hand_over(acme: SupplierFile, key: str = KEY, **kwargs: Any) -> None:
    acme.stage_request(key, document(key, **kwargs))
    acme.release_request(key)


def pull_twice(acme: SupplierFile, clock: ManualClock, method: str) -> list[Batch[Any]]:
    """Two looks, long enough apart."""
    pull = getattr(acme, method)
    *_, first = pull(since=None)
    clock.advance(60)
    return list(pull(since=first.cursor))


# stock


def test_a_stock_file_is_taken_at_the_second_look_that_finds_it_unchanged(
    acme: SupplierFile, supplier: SupplierSimulator, clock: ManualClock
) -> None:
    supplier.live()

    [look] = acme.pull_stock(since=None)
    clock.advance(5)
    [too_soon] = acme.pull_stock(since=look.cursor)
    clock.advance(5)
    [taken, last] = acme.pull_stock(since=too_soon.cursor)
    [again] = acme.pull_stock(since=last.cursor)

    assert (look.items, too_soon.items, last.items, again.items) == ((), (), (), ())
    [snapshot] = taken.items
    assert {row.sku: row.quantity for row in snapshot.rows} == {"CUP-9": 40, "MUG-1": 5, "MUG-2": 0}
    assert (snapshot.location, snapshot.as_of, snapshot.problems) == ("acme", NOON, ())


def test_a_file_that_is_still_being_written_is_not_read(
    acme: SupplierFile, supplier: SupplierSimulator, clock: ManualClock
) -> None:
    supplier.faults.set(
        [{"operation": "stock-file", "kind": "slow-write", "nth": 1, "seconds": 30}]
    )
    supplier.live()
    [half] = acme.pull_stock(since=None)
    clock.advance(30)
    supplier.live()

    [grown] = acme.pull_stock(since=half.cursor)
    clock.advance(10)
    [taken, _] = acme.pull_stock(since=grown.cursor)

    assert grown.items == ()
    assert len(taken.items[0].rows) == 3


def test_a_file_whose_bytes_change_under_the_same_name_is_taken_again(
    acme: SupplierFile, supplier: SupplierSimulator, clock: ManualClock
) -> None:
    path = supplier.root / "stock" / "stock.csv"
    path.write_text("sku,quantity\nMUG-1,5\n")
    [first, last] = pull_twice(acme, clock, "pull_stock")

    path.write_text("sku,quantity\nMUG-1,44\n")
    [seen] = acme.pull_stock(since=last.cursor)
    clock.advance(60)
    [second, last] = acme.pull_stock(since=seen.cursor)
    path.touch()
    [touched] = acme.pull_stock(since=last.cursor)
    clock.advance(60)
    [same_bytes] = acme.pull_stock(since=touched.cursor)

    assert first.items[0].digest != second.items[0].digest
    assert second.items[0].rows[0].quantity == 44
    assert same_bytes.items == ()


def test_a_duplicate_file_is_a_snapshot_of_its_own_with_the_same_digest(
    acme: SupplierFile, supplier: SupplierSimulator, clock: ManualClock
) -> None:
    supplier.faults.set([{"operation": "stock-file", "kind": "duplicate-file", "nth": 1}])
    supplier.live()

    [one, two, _] = pull_twice(acme, clock, "pull_stock")

    assert one.items[0].digest == two.items[0].digest
    assert one.items[0].name != two.items[0].name


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("missing-column", "no column 'quantity'; found sku, qty_new, as_of, description"),
        ("gbk", "not utf-8 at byte "),
    ],
)
def test_a_file_that_cannot_be_read_is_a_reject_and_the_next_one_goes_through(
    acme: SupplierFile, supplier: SupplierSimulator, clock: ManualClock, fault: str, words: str
) -> None:
    supplier.faults.set([{"operation": "stock-file", "kind": fault, "nth": 1}])
    supplier.live()
    clock.advance(900)
    supplier.live()

    [bad, good, _] = pull_twice(acme, clock, "pull_stock")

    assert bad.items == ()
    assert words in bad.rejects[0].problem
    assert "MUG-1" in bad.rejects[0].raw
    assert len(good.items[0].rows) == 3


def test_half_a_file_and_zeros_arrive_as_they_are_for_the_core_to_judge(
    acme: SupplierFile, supplier: SupplierSimulator, clock: ManualClock
) -> None:
    supplier.faults.set(
        [
            {"operation": "stock-file", "kind": "half-file", "nth": 1},
            {"operation": "stock-file", "kind": "zeros", "nth": 1},
        ]
    )
    supplier.live()
    clock.advance(900)
    supplier.live()

    [half, zeros, _] = pull_twice(acme, clock, "pull_stock")

    assert len(half.items[0].rows) == 1
    assert {row.quantity for row in zeros.items[0].rows} == {0}


def test_nothing_of_theirs_is_moved_or_deleted(
    acme: SupplierFile, supplier: SupplierSimulator, clock: ManualClock
) -> None:
    supplier.live()
    before = sorted(supplier.root.rglob("*"))

    pull_twice(acme, clock, "pull_stock")

    assert sorted(supplier.root.rglob("*")) == before
    assert not [entry for entry in supplier.log.entries() if entry.operation in ("write", "rename")
                and entry.took_effect]  # fmt: skip


def test_a_name_that_leads_out_of_the_root_is_not_followed(
    acme: SupplierFile, supplier: SupplierSimulator, clock: ManualClock
) -> None:
    secret = supplier.processed / "secret.csv"
    secret.write_text("sku,quantity\nX,1\n")
    (supplier.root / "stock" / "link.csv").symlink_to(secret)

    batches = pull_twice(acme, clock, "pull_stock")

    assert [batch.items for batch in batches] == [()]


# requests


def test_a_request_goes_out_is_answered_and_comes_back_as_a_parcel(
    acme: SupplierFile, supplier: SupplierSimulator, clock: ManualClock
) -> None:
    hand_over(acme)
    for _ in range(300):
        supplier.live()
        clock.advance(30)

    [acks, _] = pull_twice(acme, clock, "pull_acknowledgments")
    [parcels, _] = pull_twice(acme, clock, "pull_shipments")

    [ack], [parcel] = acks.items, parcels.items
    assert (ack.key, ack.status) == (KEY, AcknowledgmentStatus.ACCEPTED)
    assert (parcel.key, parcel.carrier, parcel.lines[0].quantity) == (KEY, "ups", 2)
    assert parcel.tracking_number == supplier.books()["shipments"][0]["tracking"]
    assert json.loads(parcels.raw[0][1])[0]["carrier"] == "UPS"
    assert supplier.books()["requests"][KEY]["count"] == 1
    assert supplier.books()["stock"]["MUG-1"] == {"on_hand": 3, "committed": 0}


def test_what_is_out_of_stock_is_rejected_with_the_supplier_s_words(
    acme: SupplierFile, supplier: SupplierSimulator, clock: ManualClock
) -> None:
    hand_over(acme, sku="MUG-2")
    for _ in range(10):
        supplier.live()
        clock.advance(30)

    [acks, _] = pull_twice(acme, clock, "pull_acknowledgments")

    assert acks.items[0].status is AcknowledgmentStatus.REJECTED
    assert acks.items[0].message == "out of stock: MUG-2"


def test_every_step_of_a_handover_can_be_told_apart(
    acme: SupplierFile, supplier: SupplierSimulator
) -> None:
    seen = [acme.find_request(KEY, document())]
    acme.stage_request(KEY, document()[:20])
    seen.append(acme.find_request(KEY, document()))
    acme.stage_request(KEY, document())
    seen.append(acme.find_request(KEY, document()))
    reference = acme.release_request(KEY)
    seen.append(acme.find_request(KEY, document()))
    supplier.live()
    seen.append(acme.find_request(KEY, document()))

    assert seen == [
        Handover.ABSENT, Handover.PARTIAL, Handover.STAGED, Handover.DELIVERED, Handover.ABSENT,
    ]  # fmt: skip
    assert reference == "shopify-us%3Agid%3A%2F%2Fshopify%2FOrder%2F5501%3AF1.csv"
    assert supplier.books()["requests"][KEY]["count"] == 1


def test_two_names_or_other_bytes_under_the_final_name_are_a_doubt(acme: SupplierFile) -> None:
    hand_over(acme)
    other_bytes = acme.find_request(KEY, document(quantity=3))

    acme.stage_request(KEY, document())
    both_names = acme.find_request(KEY, document())

    assert (other_bytes, both_names) == (Handover.DOUBT, Handover.DOUBT)


def test_a_release_never_overwrites(acme: SupplierFile, supplier: SupplierSimulator) -> None:
    hand_over(acme, quantity=1)
    acme.stage_request(KEY, document(quantity=2))

    with pytest.raises(Rejected) as refused:
        acme.release_request(KEY)

    assert refused.value.code == "exists"
    [final] = (supplier.root / "requests").glob("*.csv")
    assert final.read_bytes() == document(quantity=1)


def test_releasing_what_was_never_staged_is_refused(acme: SupplierFile) -> None:
    with pytest.raises(Rejected) as refused:
        acme.release_request(KEY)

    assert refused.value.code == "no-such-file"


def test_a_request_under_its_staging_name_is_not_picked_up(
    acme: SupplierFile, supplier: SupplierSimulator
) -> None:
    acme.stage_request(KEY, document())

    supplier.live()

    assert supplier.books()["requests"] == {}
    assert acme.find_request(KEY, document()) is Handover.STAGED


def test_a_rename_whose_answer_is_lost_is_unknown_and_then_found(
    acme: SupplierFile, supplier: SupplierSimulator
) -> None:
    acme.stage_request(KEY, document())
    supplier.faults.set([{"operation": "rename", "kind": "cut-after-write", "nth": 1}])

    with pytest.raises(UnknownOutcome):
        acme.release_request(KEY)

    assert acme.find_request(KEY, document()) is Handover.DELIVERED


def test_a_rename_that_never_arrived_is_unknown_and_then_found_staged(
    acme: SupplierFile, supplier: SupplierSimulator
) -> None:
    acme.stage_request(KEY, document())
    supplier.faults.set([{"operation": "rename", "kind": "cut-before-write", "nth": 1}])

    with pytest.raises(UnknownOutcome):
        acme.release_request(KEY)

    assert acme.find_request(KEY, document()) is Handover.STAGED
    acme.release_request(KEY)
    assert acme.find_request(KEY, document()) is Handover.DELIVERED


def test_an_upload_whose_answer_is_lost_is_repeated_at_once(
    acme: SupplierFile, supplier: SupplierSimulator
) -> None:
    acme.check()
    supplier.faults.set([{"operation": "write", "kind": "cut-after-write", "nth": 1}])

    acme.stage_request(KEY, document())

    assert acme.find_request(KEY, document()) is Handover.STAGED
    writes = [entry for entry in supplier.log.entries() if entry.operation == "write"]
    assert [entry.fault for entry in writes] == ["cut-after-write", ""]


def test_a_missing_requests_folder_never_looks_like_handed_over(
    acme: SupplierFile, supplier: SupplierSimulator
) -> None:
    (supplier.root / "requests").rmdir()

    with pytest.raises(Rejected) as refused:
        acme.find_request(KEY, document())

    assert refused.value.code == "no-such-folder"


def test_a_request_handed_over_twice_shows_in_the_supplier_s_books(
    acme: SupplierFile, supplier: SupplierSimulator, clock: ManualClock
) -> None:
    for _ in range(2):
        hand_over(acme)
        supplier.live()
        clock.advance(30)

    assert supplier.books()["requests"][KEY]["count"] == 2


# the connection


def test_a_wrong_host_key_gets_no_password_and_both_fingerprints_are_named(
    over_sftp: Connect, supplier: SupplierSimulator
) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519")
    impostor = over_sftp(host_key=other.export_public_key().decode())

    with pytest.raises(Unauthorized) as refused:
        impostor.check()

    shown = asyncssh.import_public_key(supplier.host_key).get_fingerprint()
    assert shown in str(refused.value)
    assert other.get_fingerprint() in str(refused.value)
    assert "auth" not in {entry.operation for entry in supplier.log.entries()}


def test_a_pinned_key_of_another_kind_is_refused_too(
    over_sftp: Connect, supplier: SupplierSimulator
) -> None:
    other = asyncssh.generate_private_key("ecdsa-sha2-nistp256")
    impostor = over_sftp(host_key=other.export_public_key().decode())

    with pytest.raises(Unauthorized) as refused:
        impostor.check()

    shown = asyncssh.import_public_key(supplier.host_key).get_fingerprint()
    assert shown in str(refused.value)


def test_a_wrong_password_is_unauthorized_and_named_nowhere(
    over_sftp: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    stranger = over_sftp(password="hunter2-hunter2")

    with pytest.raises(Unauthorized) as refused:
        stranger.check()

    assert "hunter2" not in str(refused.value) + repr(refused.value) + caplog.text


def test_a_private_key_opens_the_door(clock: ManualClock, over_sftp: Connect) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    supplier = SupplierSimulator(
        clock=clock,
        seed=1,
        client_key=key.export_public_key().decode(),
        autonomous=False,
    )
    supplier.start()
    try:
        acme = over_sftp(
            port=supplier.port,
            host_key=supplier.host_key,
            password=None,
            private_key=key.export_private_key().decode(),
        )

        report = acme.check()
    finally:
        supplier.stop()

    assert report.problems == ()
    assert ("stock", "stock: 0 files") in report.facts


def test_a_server_that_refuses_is_unavailable_and_later_reached_again(
    acme: SupplierFile, supplier: SupplierSimulator
) -> None:
    supplier.faults.set([{"operation": "connect", "kind": "refuse-connection", "nth": 1}])

    with pytest.raises(Unavailable):
        acme.check()

    assert acme.check().problems == ()


def test_the_check_names_folders_that_are_missing_and_writes_nothing(
    acme: SupplierFile, supplier: SupplierSimulator
) -> None:
    (supplier.root / "shipments").rmdir()

    report = acme.check()

    assert report.problems == ("acme list shipments: no such folder",)
    assert not [entry for entry in supplier.log.entries() if entry.took_effect]


def test_the_password_shows_in_no_repr(over_sftp: Connect, supplier: SupplierSimulator) -> None:
    settings = Settings.model_validate(
        {
            "type": "supplier_file",
            "transport": {
                "kind": "sftp",
                "host": "sftp.example.com",
                "username": "u",
                "password": "hunter2",
                "host_key": supplier.host_key,
            },
            "folders": {},
        }
    )

    assert "hunter2" not in repr(settings) + settings.model_dump_json()


# the simulator itself


def test_a_gross_stock_file_keeps_what_is_accepted_and_a_net_one_does_not(
    clock: ManualClock,
) -> None:
    figures = {}
    for basis in ("net", "gross"):
        supplier = SupplierSimulator(
            clock=clock, seed=3, stock={"MUG-1": 5}, basis=basis, publish_every=None,
            acknowledge_after=(0, 0), autonomous=False,
        )  # fmt: skip
        (supplier.root / "requests" / "a.csv").write_bytes(document())
        supplier.live()

        supplier.place_order({"publish": True})

        [file] = (supplier.root / "stock").iterdir()
        figures[basis] = file.read_text().splitlines()[1].split(",")[1]
        supplier.stop()
    assert figures == {"net": "3", "gross": "5"}


def test_a_held_request_ships_after_it_is_released_and_the_carrier_is_told(
    clock: ManualClock,
) -> None:
    told: list[str] = []
    supplier = SupplierSimulator(
        clock=clock, seed=3, publish_every=None, acknowledge_after=(0, 0), ship_after=(0, 0),
        on_ship=lambda number, at: told.append(number), autonomous=False,
    )  # fmt: skip
    supplier.place_order({"hold": KEY})
    (supplier.root / "requests" / "a.csv").write_bytes(document())
    clock.advance(60)
    supplier.live()
    held = list(told)

    supplier.place_order({"release": KEY})
    supplier.live()

    assert held == []
    assert told == [supplier.books()["shipments"][0]["tracking"]]
    supplier.stop()


def test_what_is_no_request_is_left_lying(supplier: SupplierSimulator) -> None:
    for name, content in (("a.csv", b"\xff\xfe"), ("b.csv", b"key,sku\nK,A\n"), ("c.csv", b"")):
        (supplier.root / "requests" / name).write_bytes(content)

    supplier.live()

    assert supplier.books()["requests"] == {}
    assert len(list((supplier.root / "requests").iterdir())) == 3


def test_the_supplier_lives_by_itself_on_the_clock(clock: ManualClock) -> None:
    supplier = SupplierSimulator(clock=clock, seed=3, stock={"A": 1})
    supplier.start()
    try:
        assert reached(lambda: len(supplier.books()["files"]) == 1)

        clock.set(at=NOON + timedelta(hours=1))

        assert reached(lambda: len(supplier.books()["files"]) == 2)
    finally:
        supplier.stop()


def reached(condition: Callable[[], bool]) -> bool:
    """Give the supplier's own thread, which runs in real time, a few seconds to get there."""
    pause = threading.Event()
    return any(condition() or pause.wait(0.02) for _ in range(250))


def test_the_control_api_shows_books_and_takes_stock(supplier: SupplierSimulator) -> None:
    url = f"http://127.0.0.1:{supplier.start_control()}/__sim__"

    answer = httpx.post(f"{url}/orders", json={"set_stock": {"NEW-1": 12}}, trust_env=False)
    refused = httpx.post(f"{url}/orders", json={"burn": "down"}, trust_env=False)

    assert (answer.status_code, refused.status_code) == (201, 400)
    books = httpx.get(f"{url}/books", trust_env=False).json()
    assert books["stock"]["NEW-1"] == {"on_hand": 12, "committed": 0}
