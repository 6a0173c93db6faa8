"""What people are told, what they allow, what they must approve; Cases and reasons."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from core.model.cases import Case, FiringAlert, Severity
from core.model.reasons import Reason
from core.ports import Reject
from core.rules.modes import Mode
from jobs.clock import ManualClock
from jobs.store.people import People
from jobs.store.permissions import EVERYWHERE, Permissions
from jobs.store.plans import Plans
from jobs.store.store import Store
from jobs.store.tables import alert, audit, cases, decision, incident, mail, payload, unit
from tests.jobs.builders import NOON, many, minutes, rows
from tests.jobs.conftest import Open


def low(sku: str, left: int = 2, severity: Severity = Severity.WARNING) -> FiringAlert:
    return FiringAlert("low_stock", (("sku", sku),), Reason.of("low_stock", left=left), severity)


def fire(store: Store, *alerts: FiringAlert) -> None:
    with store.transaction() as tx:
        People(tx).set_firing(alerts, group_of=lambda one: one.rule)


def one_incident(store: Store) -> dict[str, Any]:
    (found,) = rows(store, incident)
    return found


def test_alerts_of_a_group_open_one_incident_and_later_ones_join_it(
    store: Store, clock: ManualClock
) -> None:
    fire(store, low("TEA"), low("MUG"))
    clock.advance(60)
    fire(store, low("TEA"), low("MUG"), low("JAR", severity=Severity.CRITICAL))

    found = one_incident(store)
    assert (found["first_at"], found["changed_at"]) == (NOON, minutes(1))
    assert (found["severity"], found["resolved_at"]) == ("critical", None)
    with store.reading() as tx:
        assert len(People(tx).alerts_of(found["id"])) == 3


def test_what_fires_on_changes_nothing(store: Store, clock: ManualClock) -> None:
    fire(store, low("TEA"))
    before = (rows(store, alert), rows(store, incident))
    clock.advance(60)

    fire(store, low("TEA"))

    assert (rows(store, alert), rows(store, incident)) == before


def test_new_figures_and_a_new_severity_are_kept_without_a_new_alert(store: Store) -> None:
    fire(store, low("TEA"))

    fire(store, low("TEA", left=0, severity=Severity.CRITICAL))

    (row,) = rows(store, alert)
    assert (row["args"], row["severity"], row["since"]) == ({"left": 0}, "critical", NOON)


def test_an_incident_is_resolved_with_its_last_alert(store: Store, clock: ManualClock) -> None:
    fire(store, low("TEA"), low("MUG"))
    clock.advance(60)
    fire(store, low("MUG"))
    assert one_incident(store)["resolved_at"] is None

    clock.advance(60)
    fire(store)

    assert one_incident(store)["resolved_at"] == minutes(2)
    with store.reading() as tx:
        assert People(tx).firing() == {}
        assert len(People(tx).open_incidents()) == 1, "it is open until it was told"


def test_what_fires_again_before_it_was_told_opens_the_same_incident_again(store: Store) -> None:
    fire(store, low("TEA"))
    fire(store)
    fire(store, low("TEA"))

    assert one_incident(store)["resolved_at"] is None


def test_what_fires_again_after_it_was_told_is_a_new_incident(store: Store) -> None:
    fire(store, low("TEA"))
    fire(store)
    with store.transaction() as tx:
        People(tx).told(one_incident(store)["id"], closed=True)

    fire(store, low("TEA"))

    assert len(rows(store, incident)) == 2
    assert len(rows(store, alert)) == 1
    assert [row["mails"] for row in rows(store, incident) if row["closed_at"]] == [1]


def write_mail(store: Store, number: int, **changes: Any) -> None:
    what = {"recipient": "ops@example.test", "message_id": "<1>", "in_reply_to": "",
            "subject": "Low", "text": "t", "html": "h", "sequence": 1, **changes}  # fmt: skip
    with store.transaction() as tx:
        People(tx).write_mail(number, what.pop("sequence"), **what)


def test_a_mail_is_written_once_per_incident_sequence_and_recipient(
    store: Store, open_store: Open
) -> None:
    store.units.declare(["core/mail"], now=minutes(60))
    fire(store, low("TEA"))
    number = one_incident(store)["id"]
    workers = [store, open_store()]

    many(4, lambda n: write_mail(workers[n % 2], number, text=f"by {n}"))
    write_mail(store, number, recipient="boss@example.test")
    write_mail(store, number, sequence=2)

    assert len(rows(store, mail)) == 3
    assert rows(store, unit)[0]["due_at"] == NOON
    with store.reading() as tx:
        waiting = People(tx).waiting(limit=10)
    assert [(one.sequence, one.recipient) for one in waiting] == [
        (1, "ops@example.test"), (1, "boss@example.test"), (2, "ops@example.test"),
    ]  # fmt: skip


def test_a_mail_that_could_not_be_sent_waits_and_one_that_was_does_not(store: Store) -> None:
    fire(store, low("TEA"))
    write_mail(store, one_incident(store)["id"])
    with store.reading() as tx:
        (one,) = People(tx).waiting(limit=1)

    with store.transaction() as tx:
        People(tx).attempted(one.id, state="waiting", problem="SMTP down")
    with store.reading() as tx:
        assert [m.attempts for m in People(tx).waiting(limit=1)] == [1]
    with store.transaction() as tx:
        People(tx).attempted(one.id, state="sent", sent_at=tx.now)

    with store.reading() as tx:
        assert People(tx).waiting(limit=1) == []
    assert rows(store, mail)[0]["problem"] is None


# --- modes and stops -----------------------------------------------------------------------------


def test_what_was_never_allowed_is_only_observed(store: Store) -> None:
    with store.reading() as tx:
        scope = Permissions(tx).scope("shop", "offers")

    assert (scope.mode, scope.stopped) == (Mode.OBSERVE, False)


def test_a_mode_is_of_one_channel_and_flow_and_who_changed_it_is_kept(store: Store) -> None:
    with store.transaction() as tx:
        Permissions(tx).set_mode("shop", "offers", Mode.ACT, skus={"B", "A"}, share=10, by="ada")

    with store.reading() as tx:
        set_one = Permissions(tx).scope("shop", "offers")
        others = [
            Permissions(tx).scope(*one).mode for one in (("shop", "requests"), ("x", "offers"))
        ]
    assert (set_one.mode, set_one.skus, set_one.share) == (Mode.ACT, frozenset("AB"), 10)
    assert others == [Mode.OBSERVE, Mode.OBSERVE]
    (kept,) = rows(store, audit)
    assert (kept["who"], kept["before"]["mode"], kept["after"]["mode"]) == ("ada", "observe", "act")


@pytest.mark.parametrize(("scope", "other_stopped"), [(EVERYWHERE, True), ("shop", False)])
def test_a_stop_is_seen_by_every_process_at_its_next_write_and_survives_a_restart(
    store: Store, open_store: Open, scope: str, other_stopped: bool
) -> None:
    running = open_store()
    with store.transaction() as tx:
        Permissions(tx).stop(scope, by="ada")
        Permissions(tx).stop(scope, by="bob")

    with running.reading() as tx:
        assert Permissions(tx).scope("shop", "offers").stopped
        assert Permissions(tx).scope("other", "offers").stopped is other_stopped
        assert Permissions(tx).stops() == [(scope, "ada")]
    running.close()
    with open_store().transaction() as tx:
        assert Permissions(tx).scope("shop", "offers").stopped
        assert Permissions(tx).resume(scope, by="ada") is True
        assert Permissions(tx).resume(scope, by="ada") is False
        assert not Permissions(tx).scope("shop", "offers").stopped


# --- plans ---------------------------------------------------------------------------------------


def test_a_new_plan_replaces_the_one_that_waits(store: Store) -> None:
    with store.transaction() as tx:
        first = Plans(tx).add("adopt", "shop", {"n": 1}, by="ada")
        other = Plans(tx).add("adopt", "elsewhere", {"n": 2}, by="ada")
        second = Plans(tx).add("adopt", "shop", {"n": 3}, by="ada")

    with store.reading() as tx:
        assert sorted(row.id for row in Plans(tx).waiting()) == [other, second]
        replaced = Plans(tx).get(first)
    assert replaced is not None
    assert replaced.state == "replaced"


def test_a_plan_is_approved_until_it_is_used_up(store: Store) -> None:
    with store.transaction() as tx:
        number = Plans(tx).add("offers", "shop", {}, by="ada")
        assert not Plans(tx).approved("offers", "shop")
        Plans(tx).settle(number, "approved", by="bob")
        assert Plans(tx).approved("offers", "shop")
        assert not Plans(tx).approved("offers", "elsewhere")

        Plans(tx).settle(number, "done", by="run")

        assert not Plans(tx).approved("offers", "shop")


# --- cases, raw records, reasons -----------------------------------------------------------------


def case(subject: str = "order shop 1", **args: Any) -> Case:
    return Case("canceled_after_request", subject, Reason.of("canceled_after_request", **args))


def test_one_case_is_open_per_kind_and_subject_however_many_workers_open_it(
    store: Store, open_store: Open
) -> None:
    workers = [store, open_store()]

    def open_it(number: int) -> bool:
        with workers[number % 2].transaction() as tx:
            return tx.open_case(case(units=number))

    assert sum(many(6, open_it)) == 1
    assert len(rows(store, cases)) == 1


def test_a_closed_case_may_open_again_as_a_new_one(store: Store) -> None:
    with store.transaction() as tx:
        tx.open_case(case())
        assert tx.has_open_case("canceled_after_request", "order shop 1")
        assert tx.close_case("canceled_after_request", "order shop 1", by="ada", note="talked")
        assert not tx.close_case("canceled_after_request", "order shop 1")
        assert not tx.has_open_case("canceled_after_request", "order shop 1")

        assert tx.open_case(case())

    assert [row["state"] for row in rows(store, cases)] == ["closed", "open"]
    with pytest.raises(IntegrityError), store.transaction() as tx:
        tx.connection.execute(cases.update().values(state="open"))


def test_an_unreadable_record_is_kept_raw_and_is_one_case(store: Store) -> None:
    reject = Reject("order", "5501", "no currency", '{"id": 5501, "x": "\ud83d"}')

    for _ in range(2):
        with store.transaction() as tx:
            tx.open_rejects("shop", [reject])

    (kept,), (opened,) = rows(store, payload), rows(store, cases)
    assert opened["payload_id"] == kept["id"]
    assert kept["erase_after"] > NOON
    assert "5501" not in str(opened["args"]).replace(str(opened["args"]["record"]), "")


def test_a_reason_is_kept_as_a_code_and_its_arguments(store: Store) -> None:
    with store.transaction(run="run-1") as tx:
        tx.decide("sku TEA", Reason.of("offer_wanted", sku="TEA", quantity=3, why=None, ok=True))

    (row,) = rows(store, decision)
    assert (row["subject"], row["code"], row["run"]) == ("sku TEA", "offer_wanted", "run-1")
    assert row["args"] == {"sku": "TEA", "quantity": 3, "why": None, "ok": True}
