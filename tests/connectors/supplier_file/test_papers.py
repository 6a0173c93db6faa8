"""A pick list and a packing slip beside each request: what they say, and when they are there."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import reportlab
from pydantic import ValidationError
from pypdf import PdfReader

from connectors.edi.settings import Settings as EdiSettings
from connectors.fulfiller.settings import Settings as FulfillerSettings
from connectors.supplier_file import mapping, papers
from connectors.supplier_file.connector import SupplierFile, connect
from connectors.supplier_file.settings import Papers, Settings
from connectors.supplier_file.simulator import SupplierSimulator
from core.errors import Rejected
from core.model.fulfillment import FulfillmentLine, ShipRequest, SoldAs
from core.model.orders import Address
from core.ports import Handover
from jobs.clock import ManualClock
from tests.connectors.supplier_file.conftest import FOLDERS, NOON, Connect, Inside

KEY = "shopify-us:5501:F1"
SHOP = {"shop": ["Example <Shop> & Co", "1 Main St"], "words": ["Thank you. Returns: 30 days."]}


def request(*lines: FulfillmentLine, **changes: Any) -> ShipRequest:
    whole: dict[str, Any] = {
        "key": KEY,
        "location": "home",
        "order_name": "#1001",
        "lines": lines or (FulfillmentLine("11", "MUG", 2),),
        "ship_to": Address(
            name="Ann Buyer", line1="7 Elm St", city="Wayne", region="NJ", postal_code="07470",
            country="US", phone="+1 212 555 0100", email="ann@buyers.example",
        ),
        "service": "ground",
        "requested_at": NOON,
        "ship_by": NOON + timedelta(hours=30),
        "note": "gift wrap",
        "sold": {"11": SoldAs("MUG", "Blue mug")},
    }  # fmt: skip
    return ShipRequest(**(whole | changes))


def drawn(asked: ShipRequest, **told: Any) -> bytes:
    sheet = mapping.request_document(asked, for_papers=True)
    made = Papers.model_validate(SHOP | told)
    return papers.papers(sheet, made, time_zone="America/New_York", connector="home")


def pages(pdf: bytes) -> list[list[str]]:
    """Lines of each page."""
    read = PdfReader(io.BytesIO(pdf)).pages
    return [[line.strip() for line in page.extract_text().splitlines()] for page in read]


def test_a_picker_and_a_buyer_each_read_what_is_for_them() -> None:
    # given a mug, a box of six, and a kit of two things, asked for in another order than Skus have
    asked = request(
        FulfillmentLine("11", "MUG", 2),
        FulfillmentLine("12", "TEA", 3),
        FulfillmentLine("12", "CUP", 6, 2),
        FulfillmentLine("13", "BOLT", 12, 6),
        sold={
            "11": SoldAs("MUG", "Blue mug"),
            "12": SoldAs("GIFT", "Gift set"),
            "13": SoldAs("BOLT", "Six bolts"),
        },
        titles={"CUP": "Cup, plain", "BOLT": "Bolt M6"},
    )

    # when the papers are drawn
    pick, slip = pages(drawn(asked))

    # then the list goes by Sku, what belongs together stays together, and units are what is picked
    assert {KEY, "Wed 2026-11-25 13:00 (America/New_York)", "ground", "gift wrap"} <= set(pick)
    table = [cell for cell in pick[pick.index("Picked") + 1 :] if cell]
    assert table == [
        "for 2 x Six bolts (BOLT):", "- BOLT", "Bolt M6", "12",
        "for 3 x Gift set (GIFT):", "- CUP", "Cup, plain", "6", "- TEA", "3",
        "MUG", "Blue mug", "2",
        "4 lines, 23 units in all",
    ]  # fmt: skip
    assert "Ann Buyer" not in pick

    # and the slip says what was ordered, where it goes, and neither prices nor how to reach her
    assert slip[2:4] == SHOP["shop"]
    assert {"Packing slip #1001", "Ann Buyer", "7 Elm St", "Wayne, NJ 07470", "US"} <= set(slip)
    table = [cell for cell in slip[slip.index("Units") + 1 :] if cell]
    assert table == [
        "Blue mug", "MUG", "2", "Gift set", "GIFT", "3", "Six bolts", "BOLT", "2",
        "Thank you. Returns: 30 days.",
    ]  # fmt: skip
    assert not re.search(r"555|@|\$|USD|gift wrap", "\n".join(slip))


def test_what_is_not_all_of_a_kit_is_named_as_the_things_it_is() -> None:
    # given the half of a kit that this place ships: three cups of four
    asked = request(
        FulfillmentLine("12", "CUP", 3, 2),
        FulfillmentLine("12", "TEA", 2),
        sold={"12": SoldAs("GIFT", "Gift set")},
        titles={"CUP": "Cup", "TEA": "Tea"},
    )

    # when the papers are drawn
    pick, slip = pages(drawn(asked))

    # then neither promises a whole one
    assert "for part of Gift set (GIFT):" in pick
    assert {"Cup (part of Gift set)", "Tea (part of Gift set)"} <= set(slip)
    assert "GIFT" not in slip


def fonts(pdf: bytes) -> dict[str, bool]:
    """Every font of a PDF -> whether its letters are in the document."""
    found: dict[str, bool] = {}
    for page in PdfReader(io.BytesIO(pdf)).pages:
        for one in page["/Resources"]["/Font"].values():  # type: ignore[index]
            font = one.get_object()
            told = font.get("/FontDescriptor", {})
            found[font["/BaseFont"]] = "/FontFile2" in told
    return found


#: What every reader has (PDF 32000, 9.6.2.2).
EVERYWHERE = {"/Helvetica", "/Helvetica-Bold", "/ZapfDingbats"}


def test_other_scripts_print_anywhere_and_what_cannot_is_told_on_the_paper() -> None:
    # given names in several scripts, an address that is written from right to left, and a picture
    names = ["蓝色杯子", "чашка", "머그잔", "マグカップ", "Café <b>&amp;</b>", "=cmd|' /C calc'!A0"]
    asked = request(
        *(FulfillmentLine(str(number), f"S{number}", 1) for number in range(len(names) + 1)),
        ship_to=Address(name="Łukasz Dvořák", line1="שדרות 5", city="Wayne"),
        sold={str(n): SoldAs(f"S{n}", name) for n, name in enumerate([*names, "Mug 🎁 red"])},
    )

    # when the papers are drawn
    pdf = drawn(asked)
    shown = "\n".join(cell for page in pages(pdf) for cell in page)

    # then those stand there as they are, in letters that the document brings along
    assert [name for name in names if shown.count(name) != 2] == []
    assert {name for name, inside in fonts(pdf).items() if not inside} <= EVERYWHERE
    # and where there are none, that is seen, and both who pick and who pack read where they are
    assert shown.count("Mug ❑ red") == 2
    assert {"Łukasz Dvořák", "❑❑❑❑❑ 5"} <= set(shown.splitlines())
    assert shown.count("Each ❑ stands for a letter that could not be printed") == 2


def test_a_buyer_is_not_told_of_letters_that_a_title_lacks() -> None:
    pick, slip = pages(drawn(request(sold={"11": SoldAs("MUG", "Mug 🎁 red")})))

    assert any(line.startswith("Each ❑ stands for") for line in pick)
    assert "Mug ❑ red" in slip
    assert not any(line.startswith("Each ❑ stands for") for line in slip)


def test_a_font_of_ones_own_is_asked_before_ours() -> None:
    # given letters that a TrueType file has, some that it has not, and some that join
    font = str(Path(reportlab.__file__).parent / "fonts" / "Vera.ttf")
    asked = request(ship_to=Address(name="Łukasz <Ž>", line1="蓝色", line2="شارع"))

    # when papers are drawn with it, twice
    made = [drawn(asked, font=font) for _ in range(2)]

    # then they are in it, what it has not is shown as ever, and what would be misread is not
    assert {"Łukasz <Ž>", "蓝色", "❑❑❑❑"} <= set(pages(made[0])[1])
    assert any("BitstreamVera" in name for name in fonts(made[0]))
    assert not any("BitstreamVera" in name for name in fonts(drawn(asked)))
    assert made[0] == made[1]


def test_a_font_that_cannot_be_read_is_told_and_keeps_nothing_waiting(
    tmp_path: Path, clock: ManualClock
) -> None:
    # given a name that leads nowhere, and a file that is no font
    (tmp_path / "shipments").mkdir()
    (tmp_path / "broken.ttf").write_bytes(b"no font at all")

    for font in ("/nowhere.ttf", str(tmp_path / "broken.ttf")):
        # when the connection is checked, and a request goes out
        home = at_home(tmp_path, clock, font=font)
        (problem,) = home.check().problems
        home.stage_request(KEY, home.request_document(request(), serial=1))

        # then the check says so, and there is a paper
        assert font in problem
        assert f"{STEM}.pdf.part" in lying(tmp_path)


def test_long_lists_and_long_words_break_and_pages_are_numbered() -> None:
    # given 150 lines, one of them with a title that is longer than a page
    titles = ["x" * 6_000, "字" * 3_000, *("a mug of many words " * 3 for _ in range(148))]
    asked = request(
        *(FulfillmentLine(str(n), f"S{n:03}", 1) for n in range(150)),
        sold={str(n): SoldAs(f"S{n:03}", title) for n, title in enumerate(titles)},
        note="fragile " * 100,
    )

    # when the papers are drawn
    made = pages(drawn(asked, paper="a4"))

    # then each Sku is on each part once, and each part counts its own pages
    first = next(at for at, page in enumerate(made) if "Packing slip #1001" in page)
    for part in (made[:first], made[first:]):
        skus = [cell for page in part for cell in page if re.fullmatch(r"S\d{3}", cell)]
        assert skus == [f"S{n:03}" for n in range(150)]
        assert [page[1] for page in part] == [f"Page {n}" for n in range(1, len(part) + 1)]


def test_a_document_of_the_days_before_papers_is_drawn_too() -> None:
    # given a request that was frozen without columns for papers
    sheet = mapping.request_document(request())

    # when its papers are drawn, twice
    told = Papers.model_validate(SHOP)
    made = [papers.papers(sheet, told, time_zone="UTC", connector="home") for _ in range(2)]

    # then they say what is known, in the same bytes
    assert made[0] == made[1]
    assert all("MUG" in page and "2" in page for page in pages(made[0]))
    with pytest.raises(Rejected, match="no request"):
        papers.papers(b"one", told, time_zone="UTC", connector="home")


# beside the CSV


def at_home(root: Path, clock: ManualClock, **told: Any) -> SupplierFile:
    for folder in ("requests", "prints"):
        (root / folder).mkdir(exist_ok=True)
    made = {
        "type": "supplier_file",
        "transport": {"kind": "local", "root": str(root)},
        "folders": {"requests_out": "requests", "shipments_in": {"path": "shipments"}},
        "papers": SHOP | told,
    }
    return connect("home", Settings.model_validate(made), Inside(clock))


def lying(root: Path, folder: str = "requests") -> list[str]:
    return sorted(path.name for path in (root / folder).iterdir())


STEM = "shopify-us%3A5501%3AF1"


@pytest.mark.parametrize("folder", ["requests", "prints"])
def test_papers_are_staged_first_and_released_first(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    # given a request of a place that wants papers
    home = at_home(tmp_path, clock, folder=folder)
    sheet = home.request_document(request(), serial=1)
    steps = []
    for name in ("write", "rename"):
        real = getattr(home._folders(), name)

        def noted(folder: str, *names: Any, real: Any = real) -> None:
            real(folder, *names)
            steps.append(lying(tmp_path, folder))

        monkeypatch.setattr(home._folders(), name, noted)

    # when it is handed over
    home.stage_request(KEY, sheet)
    home.release_request(KEY)

    # then the paper stands in each step before its CSV does
    beside = folder == "requests"
    pdf, whole = [f"{STEM}.pdf"], [f"{STEM}.csv"]
    part, staged = [f"{STEM}.pdf.part"], [f"{STEM}.part"]
    assert steps == (
        [part, staged + part, staged + pdf, whole + pdf] if beside else [part, staged, pdf, whole]
    )
    assert "Ann Buyer" in pages((tmp_path / folder / pdf[0]).read_bytes())[1]


def test_an_attempt_that_died_between_paper_and_request_goes_on_with_the_same_bytes(
    over_sftp: Connect, supplier: SupplierSimulator
) -> None:
    # given a request whose paper was released, and whose process died then
    acme = over_sftp(papers=SHOP)
    sheet = acme.request_document(request(), serial=1)
    acme.stage_request(KEY, sheet)
    there = supplier.root / "requests"
    before = (there / f"{STEM}.pdf.part").read_bytes()
    (there / f"{STEM}.pdf.part").rename(there / f"{STEM}.pdf")

    # when the next one looks, and releases
    assert acme.find_request(KEY, sheet) is Handover.STAGED
    acme.release_request(KEY)

    # then request and paper are there once
    assert lying(supplier.root) == [f"{STEM}.csv", f"{STEM}.pdf"]
    assert (there / f"{STEM}.pdf").read_bytes() == before
    supplier.live()
    told = supplier.books()["requests"][KEY]
    assert (told["count"], told["papers"]) == (1, 1)
    assert acme.find_request(KEY, sheet) is Handover.ABSENT


def test_a_paper_that_was_taken_before_its_request_came_is_not_missed(
    over_sftp: Connect, supplier: SupplierSimulator
) -> None:
    # given a paper that was released, and printed and put away before the process went on
    acme = over_sftp(papers=SHOP)
    sheet = acme.request_document(request(), serial=1)
    acme.stage_request(KEY, sheet)
    (supplier.root / "requests" / f"{STEM}.pdf.part").unlink()

    # when the next one releases
    acme.release_request(KEY)

    # then the request goes out as it should
    assert lying(supplier.root) == [f"{STEM}.csv"]


def test_a_torn_paper_is_not_handed_over(tmp_path: Path, clock: ManualClock) -> None:
    # given a CSV that lies there whole beside half of its paper
    home = at_home(tmp_path, clock)
    sheet = home.request_document(request(), serial=1)
    home.stage_request(KEY, sheet)
    part = tmp_path / "requests" / f"{STEM}.pdf.part"
    whole = part.read_bytes()
    part.write_bytes(whole[: len(whole) // 2])

    # when somebody asks where it is, and stages it again
    assert home.find_request(KEY, sheet) is Handover.PARTIAL
    home.stage_request(KEY, sheet)

    # then it is the same paper, whole
    assert (home.find_request(KEY, sheet), part.read_bytes()) == (Handover.STAGED, whole)


def test_a_request_made_anew_for_another_address_leaves_no_paper_of_the_old_one(
    tmp_path: Path, clock: ManualClock
) -> None:
    # given a request that was staged, and one whose paper even lies there released
    home = at_home(tmp_path, clock)
    home.stage_request(KEY, home.request_document(request(), serial=1))
    part, pdf = (tmp_path / "requests" / f"{STEM}{end}" for end in (".pdf.part", ".pdf"))
    pdf.write_bytes(part.read_bytes())

    # when it is made anew for somewhere else
    elsewhere = Address(name="Ann Buyer", line1="9 Oak Ave", city="Reno", region="NV")
    home.stage_request(KEY, home.request_document(request(ship_to=elsewhere), serial=1))
    home.release_request(KEY)

    # then nothing that anybody picks up tells of the old place
    slip = pages(pdf.read_bytes())[1]
    assert "9 Oak Ave" in slip
    assert "7 Elm St" not in slip


def test_without_papers_a_request_is_what_it_was(tmp_path: Path, clock: ManualClock) -> None:
    # given a place that wants none
    (tmp_path / "requests").mkdir()
    made = {
        "type": "supplier_file",
        "transport": {"kind": "local", "root": str(tmp_path)},
        "folders": {"requests_out": "requests"},
    }
    plain = connect("home", Settings.model_validate(made), Inside(clock))

    # when a request is handed over
    sheet = plain.request_document(request(), serial=1)
    plain.stage_request(KEY, sheet)
    plain.release_request(KEY)

    # then it is one CSV, with the columns it always had
    assert lying(tmp_path) == [f"{STEM}.csv"]
    assert sheet.splitlines()[0].decode() == ",".join(mapping.REQUEST_COLUMNS)


def test_a_folder_for_papers_is_looked_into(tmp_path: Path, clock: ManualClock) -> None:
    home = at_home(tmp_path, clock, folder="elsewhere")
    (tmp_path / "shipments").mkdir()

    assert [one for one in home.check().problems if "elsewhere" in one]
    with pytest.raises(Rejected):
        home.stage_request(KEY, home.request_document(request(), serial=1))


def test_places_that_take_no_files_are_refused_papers_by_words() -> None:
    told = {"papers": SHOP}
    nothing_out = {"folders": {"shipments_in": {"path": "out"}}}
    local = {"type": "supplier_file", "transport": {"kind": "local", "root": "/srv"}}

    with pytest.raises(ValidationError, match="no request goes out here"):
        Settings.model_validate({**local, **nothing_out, **told})
    https = {"kind": "https", "url": "https://feeds.example/"}
    with pytest.raises(ValidationError, match="nothing can be written over https"):
        Settings.model_validate({**local, "transport": https, "folders": FOLDERS, **told})
    for model, kind in ((EdiSettings, "edi"), (FulfillerSettings, "fulfiller")):
        with pytest.raises(ValidationError, match="beside requests that are CSV files"):
            model.model_validate({"type": kind, **told})
