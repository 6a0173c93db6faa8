"""How places ship, as an admin writes it: services, rate tables, cut-offs, parcels."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest

from config.load import Loaded, load
from config.problems import ConfigProblems
from config.shipping import ChannelProgram, Parcel, program_of
from core.model.carriage import Live, Program, Service

_CONFIG = """
shop: {name: Small shop}
orders: {route_from: "2026-11-01T00:00:00Z"}
connections:
  files: {type: supplier_file, transport: {kind: local, root: x}, folders: {requests_out: in, shipments_in: {path: out}}}
  ups: {type: ups, client_id: c, client_secret: "${env:SECRET}"}
calendars: {weekdays: {}}
"""


def loaded(folder: Path, more: str, **files: str) -> Loaded:
    path = folder / "lockstep.yaml"
    path.write_text(_CONFIG + more)
    for name, content in files.items():
        (folder / f"{name}.csv").write_text(content)
    return load(path, environment={"SECRET": "hush"})


def refused(folder: Path, more: str, **files: str) -> str:
    with pytest.raises(ConfigProblems) as problems:
        loaded(folder, more, **files)
    return str(problems.value)


def ground(folder: Path, rates: str, more: str = "") -> Service:
    service = f"services: {{ground: {{carrier: ups, rates: rates.csv{more}}}}}\n"
    return loaded(folder, service, rates=rates).services["ground"]


def test_a_carrier_that_two_connections_would_follow_is_refused(tmp_path: Path):
    easypost = '  many: {type: easypost, api_key: "${env:SECRET}", carriers: [ontrac, %s]}\n'

    def following(carrier: str) -> str:
        return _CONFIG.replace("calendars:", easypost % carrier + "calendars:")

    path = tmp_path / "lockstep.yaml"
    path.write_text(following("ups"))
    with pytest.raises(ConfigProblems, match="parcels of 'ups' are followed by 'ups' already"):
        load(path, environment={"SECRET": "hush"})

    path.write_text(following("usps"))
    assert isinstance(load(path, environment={"SECRET": "hush"}), Loaded)


def test_a_rate_table_is_read_by_weight_and_zone(tmp_path: Path):
    service = ground(tmp_path, "pounds,2,8\n1,8.15,10.4\n\n2,8.90,12\n")

    assert service.rates == {2: ((453, 815), (907, 890)), 8: ((453, 1_040), (907, 1_200))}
    assert service.carrier == "ups"


@pytest.mark.parametrize(("heading", "grams"), [("grams", 3), ("kilograms", 3_000)])
def test_the_heading_says_the_unit_of_the_weights(tmp_path: Path, heading: str, grams: int):
    assert ground(tmp_path, f"{heading};1\n3;5.00\n").rates == {1: ((grams, 500),)}


def test_a_service_is_what_is_written_of_it(tmp_path: Path):
    service = loaded(
        tmp_path,
        """
services:
  air:
    carrier: fedex
    rates: {2: {500: "9.00", 1000: "11.50"}}
    days: {2: 1}
    calendar: weekdays
    late: [4, 1]
    inches_per_pound: 139
    most_weight: 30000
    longest_side: 150
    hazmat: true
    po_box: true
    military: true
    meets: [Expedited]
""",
    ).services["air"]

    assert service.rates == {2: ((500, 900), (1_000, 1_150))}
    assert (service.days, service.late, service.calendar.weekdays) == (
        {2: 1}, (4, 1), frozenset(range(5)),
    )  # fmt: skip
    # 139 cubic inches a pound are 5,022 cubic centimeters a kilogram.
    assert service.volume_per_kilogram == 5_022
    assert (service.most_grams, service.longest, service.meets) == (30_000, 150, {"Expedited"})
    assert (service.hazmat, service.po_box, service.military) == (True, True, True)


@pytest.mark.parametrize(
    ("rates", "said"),
    [
        ("", "rates.csv: row 1: the headings are missing"),
        ("stone,2\n1,8\n", "row 1: the headings are stone, 2"),
        ("pounds,2,10\n1,8,9\n", "row 1: the headings are pounds, 2, 10"),
        ("pounds,2,2\n1,8,9\n", "row 1: a zone stands there twice"),
        ("pounds,2\n", "rates.csv: there is no row below the headings"),
        ("pounds,2\none,8\n", "row 2, column pounds: 'one' is no weight"),
        ("pounds,2\n-1,8\n", "row 2, column pounds: '-1' is no weight"),
        ("pounds,2\n1,eight\n", "row 2, column 2: 'eight' is no price"),
        ("pounds;2\n1;8,15\n", "row 2, column 2: '8,15' is no price"),
        ("pounds,2\n1,8.155\n", "row 2, column 2: '8.155' is no price"),
        ("pounds,2,3\n1,8\n", "row 2, column 3: '' is no price"),
        ("pounds,2\n2,8\n1,9\n", "row 3, column 2: the weight is no more than in the row before"),
        ("pounds,2\n1,8\n2,7\n", "row 3, column 2: 7 is less than the lighter parcel before costs (8)"),
        ("pounds,2\n1,NaN\n", "row 2, column 2: 'NaN' is no price"),
    ],
)  # fmt: skip
def test_every_wrong_cell_of_a_rate_table_is_told_by_its_place(
    tmp_path: Path, rates: str, said: str
):
    more = "services: {ground: {carrier: ups, rates: rates.csv}}\n"

    assert said in refused(tmp_path, more, rates=rates)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("services: {g: {carrier: ups, rates: none.csv}}", "services.g.rates: the rates cannot be read"),
        ("services: {g: {carrier: ups, rates: {2: {500: 9, 900: 8}}}}", "up to 900 g costs less (8)"),
        ("services: {g: {carrier: ups, rates: {2: {}}}}", "zone 2 has no price"),
        ("services: {g: {carrier: ups, rates: {11: {5: 9}}}}", "expected 9 or less"),
        ("services: {g: {carrier: ups, rates: {2: {5: 9}}, days: {3: 1}}}", "zone 3 has no rates"),
        ("services: {g: {carrier: ups, rates: {2: {5: 9}}, late: [60, 50]}}", "110 percent"),
        ("services: {g: {carrier: ups, rates: {2: {5: 9}}, calendar: weekday}}", "names no calendar"),
        ("services: {g: {carrier: ups}}", "name a table, write prices here, or ask `live`"),
        ("services: {g: {carrier: ups, live: {connection: usp, code: '03'}}}", "did you mean 'ups'"),
        ("services: {g: {carrier: ups, live: {connection: files, code: '03'}}}",
         "expected a connection that quotes rates: ups"),
        ("services: {g: {carrier: ups, live: {connection: ups, code: 03}}}", "put it in quotes"),
        ("locations: {home: {ships_through: files, dispatch: {services: [grund]}}}", "'grund' names no service"),
        ("services: {g: {carrier: ups, rates: {2: {5: 9}}}}\n"
         "locations: {home: {ships_through: files, dispatch: {services: [g]}}}",
         "nobody knows where its parcels start"),
        ("locations: {home: {dispatch: {cut_off: '14:00'}}}", "it is never asked to ship"),
        ("locations: {home: {ships_through: files, dispatch: {cut_off: 14}}}", "is no time of day"),
        ("locations: {home: {ships_through: files, dispatch: {cut_off: '24:00'}}}", "is no time of day"),
        ("locations: {home: {ships_through: files, dispatch: {postal_code: 7102}}}", "postal_code"),
        ("locations: {home: {ships_through: files, dispatch: {parcel: -1}}}", "parcel"),
        ("routing: {most_splits: 0}", "most_splits"),
        ("skus: {items: {TEA: {parcel: {size: [10, -2, 3]}}}}", "a side is shorter than nothing"),
        ("seasons: [{name: x, first: 2026-12-01, last: 2026-12-02, dispatch: [{locations: [hme]}]}]",
         "'hme' names no location"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_by_its_place(tmp_path: Path, more: str, said: str):
    found = refused(tmp_path, more)

    assert said in found
    assert "lockstep.yaml:" in found


def test_prices_are_asked_for_where_dollars_are_counted(tmp_path: Path):
    live = "services: {g: {carrier: ups, live: {connection: ups, code: '03'}}}\n"
    assert loaded(tmp_path, live).services["g"].live == Live("ups", "03")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "tests.config.test_shipping._CONFIG", _CONFIG.replace("shop}", "shop, currency: CAD}")
        )
        said = refused(tmp_path, live)
    assert "carriers quote in USD, and the shop counts in CAD; leave `live` out" in said


def test_a_unit_as_a_carrier_sees_it_stands_in_the_table_or_in_the_yaml(tmp_path: Path):
    catalog = loaded(
        tmp_path,
        "skus: {table: skus.csv, items: {LAMP: {parcel: {weight: 900, alone: true}}}}",
        skus="sku,weight,size,alone,hazmat\nTEA,250,20x10x5,,\nOIL,900,,no,yes\nCUP,,,,\nMUG,250,20x10x5,,\n",
    ).catalog

    assert catalog.settings("LAMP").parcel == Parcel(weight=900, alone=True)
    assert catalog.settings("TEA").parcel == Parcel(weight=250, size=(20, 10, 5))
    assert catalog.settings("OIL").parcel == Parcel(weight=900, hazmat=True)
    assert catalog.settings("CUP").parcel == Parcel()
    # A million rows have the few boxes of a shop.
    assert catalog.settings("MUG").parcel is catalog.settings("TEA").parcel


@pytest.mark.parametrize("size", ["20x10", "20x10xa", "20*10*5", "20x-1x5"])
def test_a_size_that_is_none_is_told_by_its_cell(tmp_path: Path, size: str):
    said = refused(tmp_path, "skus: {table: skus.csv}", skus=f"sku,size\nTEA,{size}\n")

    assert f"skus.csv: row 2, column size: '{size}' is no size" in said


def test_a_changed_rate_table_is_another_configuration(tmp_path: Path):
    more = "services: {ground: {carrier: ups, rates: rates.csv}}\n"

    before = loaded(tmp_path, more, rates="pounds,2\n1,8\n")
    after = loaded(tmp_path, more, rates="pounds,2\n1,9\n")

    assert before.digest != after.digest
    assert tmp_path / "rates.csv" in after.files


def test_a_cut_off_is_a_time_of_the_place(tmp_path: Path):
    found = loaded(
        tmp_path, "locations: {home: {ships_through: files, dispatch: {cut_off: '09:30'}}}"
    )

    assert found.config.locations["home"].dispatch.cut_off == time(9, 30)


_PRIME = """
services:
  air: {{carrier: ups, rates: {{2: {{5: 9}}}}{days}}}
  post: {{carrier: usps, rates: {{2: {{5: 9}}}}}}
connections:
  shopify-us: {{type: shopify, shop: s.myshopify.com, client_id: c, client_secret: "${{env:SECRET}}"}}
  files: {{type: supplier_file, transport: {{kind: local, root: x}}, folders: {{requests_out: in, shipments_in: {{path: out}}}}}}
channels:
  shopify-us: {{connection: shopify-us, programs: {programs}}}
location_groups: {{certified: [home]}}
locations:
  home: {{ships_through: files, dispatch: {{postal_code: "07102", services: [air]}}}}
  shelf: {{}}
"""


def prime(folder: Path, programs: str, *, days: str = ", days: {2: 1}") -> Loaded:
    path = folder / "lockstep.yaml"
    least = "\n".join(
        one for one in _CONFIG.splitlines() if not one.startswith(("conn", "  files", "  ups"))
    )
    path.write_text(least + _PRIME.format(days=days, programs=programs))
    return load(path, environment={"SECRET": "x"})


def test_a_program_names_places_or_groups_of_them(tmp_path: Path):
    config = prime(tmp_path, "{prime: {locations: [certified], services: [air]}}").config

    described = config.channels["shopify-us"].programs["prime"]

    assert program_of("prime", described, config.location_groups) == Program(
        "prime", frozenset({"home"}), frozenset({"air"})
    )
    free = ChannelProgram(late="cost")
    assert program_of("any", free, {}) == Program("any", may_be_late=True)


@pytest.mark.parametrize(
    ("programs", "days", "said"),
    [
        ("{prime: {locations: [hme]}}", ", days: {2: 1}", "'hme' names no location"),
        ("{prime: {services: [ari]}}", ", days: {2: 1}", "'ari' names no service"),
        (
            "{prime: {locations: [shelf]}}",
            ", days: {2: 1}",
            "'shelf' ships no orders of 'shopify-us'",
        ),
        (
            "{prime: {services: [post]}}",
            ", days: {2: 1}",
            "'post' picks up at none of its locations",
        ),
        ("{prime: {locations: [home]}}", "", "nobody knows how long 'air' travels"),
        ("{prime: {}, fast: {words: [Prime]}}", ", days: {2: 1}", "stands for 'prime' already"),
    ],
)
def test_a_program_nobody_can_keep_is_told(tmp_path: Path, programs: str, days: str, said: str):
    with pytest.raises(ConfigProblems) as problems:
        prime(tmp_path, programs, days=days)

    assert said in str(problems.value)


def test_a_program_that_may_be_late_needs_no_days(tmp_path: Path):
    assert prime(tmp_path, "{prime: {late: cost}}", days="").config.channels
