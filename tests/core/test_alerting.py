"""What fires, and when people are told of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model.cases import Severity
from core.rules.alerting import Incident, KitPart, low_kit, low_stock, telling
from tests.core.strategies import NOON

MINUTE = timedelta(minutes=1)
WAITS = {
    "group_wait": MINUTE / 2,
    "group_interval": 5 * MINUTE,
    "repeat_interval": 240 * MINUTE,
}
NEW = Incident(
    first_at=NOON,
    changed_at=None,
    last_mail_at=None,
    resolved_at=None,
    severity=Severity.WARNING,
    silenced=False,
    inhibited=False,
    mails=0,
)
TOLD = replace(NEW, last_mail_at=NOON, mails=1)


def told(incident, after):
    return telling(incident, now=NOON + after, **WAITS)


# --- low stock -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("available", "fires"), [(6, False), (5, True), (0, True), (-2, True)])
def test_stock_is_low_at_its_level_or_below(available, fires):
    found = low_stock("MUG", available=available, level=5, firing=False, margin=3)

    assert (found is not None) == fires


@pytest.mark.parametrize(("margin", "last_firing"), [(0, 5), (1, 5), (2, 6), (3, 7)])
def test_a_low_stock_alert_ends_a_margin_above_its_level(margin, last_firing):
    still = low_stock("MUG", available=last_firing, level=5, firing=True, margin=margin)
    over = low_stock("MUG", available=last_firing + 1, level=5, firing=True, margin=margin)

    assert still is not None
    assert over is None


def test_what_names_a_low_stock_alert_never_changes_with_its_values():
    first = low_stock("MUG", available=5, level=5, firing=False, margin=1)
    later = low_stock("MUG", available=1, level=5, firing=True, margin=1)

    assert first is not None
    assert later is not None
    assert first.fingerprint == later.fingerprint == "low_stock|sku=MUG"
    assert later.reason.args == {"sku": "MUG", "available": 1, "level": 5}


def test_a_kit_is_as_low_as_its_scarcest_part_which_is_named():
    # given a Kit of two cups and a tray
    cups, trays = KitPart("CUP", free=13, per_kit=2), KitPart("TRAY", free=9, per_kit=1)

    enough = low_kit("SET", [cups, trays], level=5, firing=False, margin=1)
    low = low_kit("SET", [cups, trays], level=6, firing=False, margin=1)

    assert enough is None
    assert low is not None
    assert low.fingerprint == "low_stock|sku=SET"
    assert (low.reason.args["available"], low.reason.args["part"]) == (6, "CUP")


@given(st.integers(-5, 20), st.integers(0, 10), st.integers(0, 5))
def test_an_alert_that_has_just_opened_does_not_resolve_by_itself(available, level, margin):
    opened = low_stock("MUG", available=available, level=level, firing=False, margin=margin)

    after = low_stock("MUG", available=available, level=level, firing=True, margin=margin)

    assert opened is None or after is not None


# --- telling: examples ---------------------------------------------------------------------------


def test_the_first_mail_waits_for_company():
    early = told(NEW, MINUTE / 4)
    due = told(NEW, MINUTE / 2)

    assert (early.tell, early.not_before) == (False, NOON + MINUTE / 2)
    assert (due.tell, due.sequence, due.kind) == (True, 1, "open")


def test_what_is_critical_waits_for_nobody():
    found = told(replace(NEW, severity=Severity.CRITICAL), timedelta(0))

    assert (found.tell, found.kind) == (True, "open")


def test_what_resolves_before_anybody_was_told_is_not_told():
    found = told(replace(NEW, resolved_at=NOON + MINUTE / 4), MINUTE)

    assert (found.tell, found.reason.code) == (False, "resolved_untold")
    assert found.not_before is None


def test_a_change_is_told_after_the_group_interval():
    changed = replace(TOLD, changed_at=NOON + MINUTE)

    assert told(changed, 4 * MINUTE).not_before == NOON + 5 * MINUTE
    found = told(changed, 5 * MINUTE)
    assert (found.tell, found.sequence, found.kind) == (True, 2, "change")


def test_a_change_the_last_mail_told_already_is_no_change():
    found = told(replace(TOLD, changed_at=NOON), 5 * MINUTE)

    assert found.not_before == NOON + 240 * MINUTE


def test_an_unchanged_incident_is_told_again_after_the_repeat_interval():
    assert not told(TOLD, 239 * MINUTE).tell
    found = told(TOLD, 240 * MINUTE)
    assert (found.tell, found.sequence, found.kind) == (True, 2, "repeat")


def test_the_end_is_told_once_after_the_group_interval():
    over = replace(TOLD, resolved_at=NOON + MINUTE)

    assert told(over, 2 * MINUTE).not_before == NOON + 5 * MINUTE
    found = told(over, 5 * MINUTE)
    assert (found.tell, found.sequence, found.kind) == (True, 2, "resolve")
    closed = replace(over, last_mail_at=NOON + 5 * MINUTE, mails=2)
    assert told(closed, 999 * MINUTE).reason.code == "resolved_told"


def test_an_end_told_in_the_very_instant_it_came_is_not_told_again():
    closed = replace(TOLD, resolved_at=NOON + MINUTE, last_mail_at=NOON + MINUTE, mails=2)

    assert not told(closed, 999 * MINUTE).tell


@pytest.mark.parametrize(
    ("quiet", "code"), [("silenced", "alert_silenced"), ("inhibited", "alert_inhibited")]
)
@pytest.mark.parametrize("incident", [NEW, TOLD, replace(TOLD, resolved_at=NOON + MINUTE)])
def test_silence_and_larger_trouble_keep_mails_back(incident, quiet, code):
    found = told(replace(incident, **{quiet: True}), 999 * MINUTE)

    assert (found.tell, found.reason.code) == (False, code)


# --- telling: properties -------------------------------------------------------------------------

#: what happens at the next look, and how many minutes later
events = st.lists(
    st.tuples(
        st.sampled_from(["nothing", "change", "resolve", "silence", "inhibit", "speak"]),
        st.integers(0, 300),
    ),
    max_size=30,
)


@given(events, st.sampled_from(Severity), st.integers(0, 6), st.integers(0, 300))
def test_no_sequence_is_told_twice_and_an_end_is_told_last_and_once(
    happening, severity, interval, repeat
):
    waits = {
        "group_wait": MINUTE,
        "group_interval": interval * MINUTE,
        "repeat_interval": max(repeat, 1) * MINUTE,
    }
    incident, now = replace(NEW, severity=severity), NOON
    sequences, kinds = [], []

    for event, minutes in happening:
        now += minutes * MINUTE
        match event:
            case "change" if incident.resolved_at is None:
                incident = replace(incident, changed_at=now)
            case "resolve" if incident.resolved_at is None and incident.last_mail_at != now:
                incident = replace(incident, resolved_at=now)
            case "silence":
                incident = replace(incident, silenced=True)
            case "inhibit":
                incident = replace(incident, inhibited=True)
            case "speak":
                incident = replace(incident, silenced=False, inhibited=False)
        for _ in range(2):  # a second look at the same instant must stay quiet
            found = telling(incident, now=now, **waits)
            if found.tell:
                sequences.append(found.sequence)
                kinds.append(found.kind)
                incident = replace(incident, last_mail_at=now, mails=found.sequence)

    assert sequences == list(range(1, len(sequences) + 1))
    assert kinds[:1] in ([], ["open"])
    assert kinds.count("open") <= 1
    assert "resolve" not in kinds[:-1]


@given(st.integers(0, 600), st.integers(0, 600))
def test_nothing_is_told_before_it_is_due(first, second):
    early, late = sorted([first, second])
    found = told(TOLD, early * MINUTE)

    if found.not_before and NOON + late * MINUTE < found.not_before:
        assert not told(TOLD, late * MINUTE).tell
