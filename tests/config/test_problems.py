"""Everything that is wrong is told at once, each with its place and what to do."""

from __future__ import annotations

import traceback

import pytest

from config.problems import ConfigProblems
from core.errors import ConfigError
from tests.config.conftest import Folder, line_and_column


def test_three_yaml_mistakes_and_a_bad_cell_are_reported_at_once(folder: Folder) -> None:
    folder.write("sku,low_stock\nA,3\nB,many\n", name="skus.csv")
    folder.write(
        """\
        shop:
          name: Acme
          name: Acme Mugs
          tme_zone: America/New_York
        orders:
          route_from: 2026-11-24T00:00:00Z
        running:
          threads: some
        skus:
          table: skus.csv
        """
    )

    problems = folder.problems()

    assert [line_and_column(problem) for problem in problems[:3]] == [(3, 3), (4, 3), (8, 12)]
    assert str(problems[3]) == (
        "skus.csv: row 3, column low_stock: 'many' is no whole number; expected 0 or more"
    )
    assert len(problems) == 4


def test_a_problem_says_where_what_and_what_to_do_over_a_caret(folder: Folder) -> None:
    folder.write(
        """\
        shop: {name: Acme}
        orders:
          rout_from: 2026-11-24T00:00:00Z
          route_from: 2026-11-24T00:00:00Z
        """
    )

    told = str(folder.problem())

    assert told == (
        f"{folder.main}:3:3: orders.rout_from: there is no key 'rout_from' here; "
        "did you mean 'route_from'?\n"
        "      rout_from: •••\n"
        "      ^"
    )


def test_problems_are_a_config_error_without_a_chain(folder: Folder) -> None:
    folder.with_least("running: {threads: some}")

    failure = folder.failure()

    assert isinstance(failure, ConfigError)
    assert isinstance(failure, ConfigProblems)
    assert failure.__cause__ is None
    assert failure.__context__ is None
    assert "ValidationError" not in "".join(traceback.format_exception(failure))


@pytest.mark.parametrize(
    ("text", "path", "wrong"),
    [
        ("running: {threads: 100}", ("running", "threads"), "100 is too large"),
        ("running: {threads: 2.5}", ("running", "threads"), "2.5 is no whole number"),
        ("running: [threads]", ("running",), "a list stands here"),
        ("running:\n", ("running",), "nothing stands below it"),
        ("pace: {orders: 5}", ("pace", "orders"), "5 is no duration"),
        ("pace: {orders: 5 minutes}", ("pace", "orders"), "'5 minutes' is no duration"),
        ("review: {hold_test: maybe}", ("review", "hold_test"), "'maybe' is neither true nor"),
        ("store: {url: data.db}", ("store", "url"), "no database Lockstep can use"),
        ("skus: {items: {K: {components: {A: 0}}}}", None, "0 is too small"),
        ("alerts: {through: '', recipients: [{email: x}]}", None, "'x' has not the form"),
        ("connections: {a: {}}", ("connections", "a"), "`type` is missing"),
        ("connections: {a: fake}", ("connections", "a"), "no settings"),
        ("connections: {a: {type: fak}}", ("connections", "a", "type"), "no connector 'fak'"),
        ("connections: {a: {type: fake, port: 0}}", ("connections", "a", "port"), "0 is too small"),
        ("locations: {l: {basis: nett}}", ("locations", "l", "basis"), "'nett' is not known here"),
    ],
)
def test_a_wrong_value_is_named_at_its_place(
    folder: Folder, text: str, path: tuple[str, ...] | None, wrong: str
) -> None:
    folder.with_least(text)

    problem = folder.problems()[0]

    assert wrong in problem.wrong
    assert path is None or problem.path == path
    assert line_and_column(problem)[0] == 3


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("conections: {}", "connections"),
        ("connections: {a: {type: fake, prt: 1}}", "port"),
        ("connections: {a: {type: fak}}", "fake"),
        ("channels: {c: {conection: x, connection: x}}", "connection"),
        ("locations: {l: {snapshot: {zeroes: 1}}}", "zeros"),
        ("locations: {l: {basis: nett}}", "net"),
        ("policies: [{name: a, buffr: 1}]", "buffer"),
        ("locations: {main: {}}\nchannels: {c: {connection: x, sells_from: [mian]}}", "main"),
    ],
)
def test_a_slip_of_the_pen_is_answered_with_what_was_meant(
    folder: Folder, text: str, meant: str
) -> None:
    folder.with_least(text)

    fixes = [problem.fix for problem in folder.problems()]

    assert f"did you mean {meant!r}?" in fixes


@pytest.mark.parametrize("instant", ["20261124", "2026-11-24", "1764000000", "tomorrow"])
def test_an_instant_is_never_guessed(folder: Folder, instant: str) -> None:
    # Pydantic alone reads 20261124 as a day in August 1970: everything would be routed.
    folder.write(f"shop: {{name: Acme}}\norders: {{route_from: {instant}}}")

    problem = folder.problem()

    assert problem.path == ("orders", "route_from")


def test_an_instant_needs_an_offset(folder: Folder) -> None:
    folder.write("shop: {name: Acme}\norders: {route_from: 2026-11-24T00:00:00}")

    problem = folder.problem()

    assert "needs an offset" in problem.wrong


def test_a_missing_value_is_named_with_what_it_means(folder: Folder) -> None:
    folder.write("shop: {}\norders: {route_from: 2026-11-24T00:00:00Z}")

    problem = folder.problem()

    assert problem.wrong == "`name` is missing"
    assert "how mails and pages call the shop" in problem.expected
    assert line_and_column(problem) == (1, 1)


def test_an_unknown_time_zone_is_refused(folder: Folder) -> None:
    folder.write(
        "shop: {name: A, time_zone: America/NewYork}\norders: {route_from: 2026-11-24T00:00:00Z}"
    )

    problem = folder.problem()

    assert "America/NewYork" in problem.wrong
    assert line_and_column(problem) == (1, 28)
