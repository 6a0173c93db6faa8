"""X12 as it is found in the wild: envelopes that are wrong are told, inventory is read."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.x12.envelope import Envelopes, NoInterchange
from core.errors import Rejected
from core.model.money import Money
from tests.connectors.supplier_file.reading import faults, snapshot, terms

CORPUS = Path(__file__).parents[4] / "shared" / "reference" / "edi"

#: file -> (segments of its transaction sets, what is wrong with its envelope), counted by hand
REAL = {
    "edinet_x12.810a.edi": (64, []),
    "edinet_x12.810b.edi": (72, []),
    "edinet_x12.810d.edi": (64, []),
    "edinet_x12.820.issue140.edi": (68, []),
    "edinet_x12.832.edi": (12, ["SE01"]),
    "edinet_x12.850.edi": (11, ["IEA02"]),
    "edinet_x12.850a.edi": (50, ["IEA02"]),
    "gozer_po850.edi": (21, ["SE01"]),
    "mockedi_810.edi": (22, []),
    "mockedi_850.edi": (12, []),
    "mockedi_855.edi": (19, []),
    "mockedi_856.edi": (24, []),
    "mockedi_997.edi": (6, []),
    "nodex12_850.edi": (33, []),
    "nodex12_850_2.edi": (33, []),
    "nodex12_850_3.edi": (14, []),
    "nodex12_856.edi": (31, []),
    "sample_846_snapshot.edi": (11, []),
    "staedi_invalid997.edi": (8, []),
}


def interchange(
    body: str, *, sender: str = "ACME", control: str = "000000042", count: int | None = None
) -> str:
    """An 846 around these segments, one a line; `count` lies about their number."""
    segments = [line.strip() for line in body.strip().splitlines()]
    told = len(segments) + 2 if count is None else count
    lines = [
        f"ISA*00*          *00*          *ZZ*{sender:15}*ZZ*US             *261124*1130*^*00501*{control}*0*P*>",
        "GS*IB*ACME*US*20261124*1130*42*X*005010", "ST*846*0001", *segments, f"SE*{told}*0001",
        "GE*1*42", f"IEA*1*{control}",
    ]  # fmt: skip
    return "".join(f"{line}~\n" for line in lines)


BODY = """
BIA*00*SI*REF1*20261124*1115
CUR*SE*CNY
LIN*1*VN*AC-1*UP*076123400003
QTY*33*120*EA
QTY*17*150*EA
CTP**UCP*4.50
LDT*AF*5*WK
LIN*2*VN*AC-2*UP*076123400010
QTY*33*3*DZ
CTT*2
"""


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("piece", [7, 1_000_000])
def test_every_real_interchange_is_read_and_its_faults_are_told(name: str, piece: int) -> None:
    if not CORPUS.is_dir():
        pytest.skip(f"the reference corpus is not there: {CORPUS}")
    text = (CORPUS / name).read_bytes().decode("utf-8")

    envelopes = Envelopes(text[at : at + piece] for at in range(0, len(text), piece))
    segments = list(envelopes.segments())

    assert (len(segments), [one.code for one in envelopes.problems]) == REAL[name]
    assert {elements[0] for _, elements, _ in segments} >= {"ST", "SE"}


def test_the_corpus_has_no_file_that_is_not_looked_at() -> None:
    if not CORPUS.is_dir():
        pytest.skip(f"the reference corpus is not there: {CORPUS}")

    assert {path.name for path in CORPUS.glob("*.edi")} == set(REAL)


@pytest.mark.parametrize("element", ["*", "|", "^", "\x1d"])
@pytest.mark.parametrize("terminator", ["~", "\n", "?", "\r\n", "'"])
def test_delimiters_are_what_the_isa_says(element: str, terminator: str) -> None:
    text = interchange(BODY.replace("CUR*SE*CNY\n", "")).replace("^", "U")

    written = text.replace("~\n", terminator).replace("*", element)

    assert dict(snapshot(written, layout={"kind": "x12"}).by_sku) == {
        "076123400003": 120,
        "076123400010": 36,
    }


def test_two_interchanges_in_one_file_may_differ_in_their_delimiters() -> None:
    second = interchange("BIA*00*SI*R*20261124*1200\nLIN**SK*B-9\nQTY*33*7", control="000000043")

    read = snapshot(
        interchange(BODY) + second.replace("*", "|").replace("~\n", "\n"), layout={"kind": "x12"}
    )

    assert dict(read.by_sku)["B-9"] == 7
    assert len(read.rows) == 3


def test_an_isa_need_not_be_padded_nor_the_last_segment_be_ended() -> None:
    text = interchange(BODY).replace("          ", " ").replace("ACME           ", "ACME")

    assert len(snapshot("\ufeff" + text.rstrip("~\n"), layout={"kind": "x12"}).rows) == 2


# inventory


def test_a_report_speaks_of_the_instant_its_bia_states() -> None:
    read = snapshot(interchange(BODY), layout={"kind": "x12"}, timezone="America/Chicago")
    without = snapshot(
        interchange(BODY.replace("*1115", "")), layout={"kind": "x12"}, timezone="UTC"
    )

    assert read.as_of == datetime(2026, 11, 24, 17, 15, tzinfo=UTC)
    assert without.as_of == datetime(2026, 11, 24, 11, 30, tzinfo=UTC), "the group's own time"


def test_the_partner_s_settings_say_which_identity_and_which_figure_counts() -> None:
    layout = {"kind": "x12", "items": ["VN"], "figure": "on_hand",
              "quantities": {"17": "on_hand", "02": "available"}}  # fmt: skip

    read = snapshot(interchange(BODY), layout=layout)

    assert dict(read.by_sku) == {"AC-1": 150}
    assert [why for _, _, why in read.problems] == ["quantity is empty"], "AC-2 tells no on-hand"


def test_figures_of_one_meaning_that_differ_are_no_figure() -> None:
    body = "BIA*00*SI*R*20261124\nLIN**SK*A\nQTY*33*5\nQTY*QA*9\nLIN**SK*B\nQTY*33*4\nQTY*QA*4"

    read = snapshot(interchange(body), layout={"kind": "x12"})

    assert dict(read.by_sku) == {"B": 4}
    assert read.problems[0][2] == "'5 and 9' is no whole number"


def test_terms_come_with_the_inventory() -> None:
    told = terms(interchange(BODY), layout={"kind": "x12"})

    assert told["076123400003"].item == "AC-1"
    assert told["076123400003"].cost == Money(450, "CNY")
    assert told["076123400003"].lead_days == 35


def test_a_report_of_changes_leaves_alone_what_it_does_not_name() -> None:
    whole = snapshot(interchange(BODY), layout={"kind": "x12"})
    changes = snapshot(interchange(BODY.replace("BIA*00", "BIA*04")), layout={"kind": "x12"})

    assert (whole.complete, changes.complete) == (True, False)


def test_wrong_counts_are_told_unless_the_partner_is_known_for_them() -> None:
    text = interchange(BODY, count=99)

    told = faults(text, layout={"kind": "x12"})
    tolerated = faults(text, layout={"kind": "x12", "tolerated": ["SE01"]})

    assert told == ["SE01 says 99, there are 12 segments"]
    assert tolerated == []
    assert len(snapshot(text, layout={"kind": "x12"}).rows) == 2


@pytest.mark.parametrize(
    ("text", "settings", "code", "words"),
    [
        ("sku,quantity\nA,1\n", {}, "not-x12", "it begins with 'sku,quantity"),
        ("", {}, "not-x12", "it is empty"),
        ("ISA*00*", {}, "not-x12", "fewer than 16 elements"),
        (interchange(BODY)[:-60], {}, "truncated", "ends before its envelope does"),
        (interchange(BODY), {"sender": "OTHER"}, "not-x12", "it is from 'ACME', expected 'OTHER'"),
        (interchange(BODY).replace("ST*846", "ST*850"), {}, "not-x12", "no 846 in it; found 850"),
        (
            interchange("BIA*00*SI\nMSG*" + "x" * 300_000),
            {},
            "not-x12",
            "more than 200,000 letters",
        ),
    ],
)
def test_what_is_no_inventory_is_refused(
    text: str, settings: dict[str, Any], code: str, words: str
) -> None:
    with pytest.raises(Rejected) as refused:
        snapshot(text, layout={"kind": "x12", **settings})

    assert refused.value.code == code
    assert words in str(refused.value)


def test_text_after_an_interchange_is_told_and_does_not_spoil_it() -> None:
    text = interchange(BODY) + "-- end of file --"

    assert len(snapshot(text, layout={"kind": "x12"}).rows) == 2
    [told] = faults(text, layout={"kind": "x12"})
    assert told.startswith("after the interchange: it begins with '-- end of file")


def test_text_without_an_isa_raises_with_its_beginning() -> None:
    with pytest.raises(NoInterchange, match="it begins with 'GS"):
        list(Envelopes(["GS*IB*A*B~"]).segments())
