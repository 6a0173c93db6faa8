"""YAML 1.2, includes, duplicate keys, broken lines."""

from __future__ import annotations

import pytest

from tests.config.conftest import Folder, line_and_column


@pytest.mark.parametrize("text", ["NO", "yes", "off", "1_000", "12:30", "2026-11-24", "=", "0b1"])
def test_what_only_yaml_1_1_gives_a_meaning_stays_text(folder: Folder, text: str) -> None:
    folder.with_least(f"skus: {{items: {{A: {{title: {text}}}}}}}")

    loaded = folder.load()

    assert loaded.catalog.settings("A").title == text


def test_norway_is_a_country_among_others(folder: Folder) -> None:
    folder.with_least("skus: {items: {A: {tags: [NO, SE, DK]}}}")

    loaded = folder.load()

    assert loaded.catalog.settings("A").tags == ("NO", "SE", "DK")


def test_a_number_where_text_is_expected_asks_for_quotes(folder: Folder) -> None:
    folder.with_least("skus: {items: {A: {aliases: [00123]}}}")

    problem = folder.problem()

    assert "00123 is no text" in str(problem)
    assert "put it in quotes" in problem.fix


def test_a_key_is_a_name_whatever_it_looks_like(folder: Folder) -> None:
    folder.with_least("skus: {items: {00123: {title: a}, true: {title: b}}}")

    loaded = folder.load()

    assert loaded.catalog.settings("00123").title == "a"
    assert loaded.catalog.settings("true").title == "b"


def test_numbers_are_read_as_the_core_schema_says(folder: Folder) -> None:
    folder.with_least("running: {threads: 0x10}\nplan: {most_zeroed: 0o12}")

    config = folder.load().config

    assert (config.running.threads, config.plan.most_zeroed) == (16, 10)


def test_a_duplicate_key_names_the_line_of_the_first(folder: Folder) -> None:
    folder.write(
        """\
        shop:
          name: Acme
          language: en
          name: Other
        orders: {route_from: 2026-11-24T00:00:00Z}
        """
    )

    problem = folder.problem()

    assert line_and_column(problem) == (4, 3)
    assert "duplicate key 'name' (first at line 2)" in problem.wrong


def test_files_of_include_are_merged_map_by_map(folder: Folder) -> None:
    folder.with_least("include: [more/skus.yaml, alerts.yaml]\nskus: {items: {A: {}}}")
    folder.write("skus: {items: {B: {title: bee}}}", name="more/skus.yaml")
    folder.write("alerts: {low_stock: 7}", name="alerts.yaml")

    loaded = folder.load()

    assert set(loaded.catalog.skus) == {"A", "B"}
    assert loaded.config.alerts.low_stock == 7
    assert {file.name for file in loaded.files} == {"lockstep.yaml", "skus.yaml", "alerts.yaml"}


def test_a_value_in_two_files_is_a_duplicate_that_names_both(folder: Folder) -> None:
    folder.with_least("include: other.yaml\nrunning: {threads: 4}")
    folder.write("running:\n  threads: 5\n", name="other.yaml")

    problem = folder.problem()

    assert str(problem.where).endswith("other.yaml:2:3")
    assert "lockstep.yaml:4" in problem.wrong


def test_a_tagged_include_stands_for_its_file(folder: Folder) -> None:
    folder.with_least("alerts: !include alerts.yaml")
    folder.write("low_stock: many\n", name="alerts.yaml")

    problem = folder.problem()

    assert str(problem.where).endswith("alerts.yaml:1:12")
    assert problem.path == ("alerts", "low_stock")


def test_an_include_that_includes_itself_is_refused(folder: Folder) -> None:
    folder.with_least("include: a.yaml")
    folder.write("include: b.yaml", name="a.yaml")
    folder.write("include: a.yaml", name="b.yaml")

    problem = folder.problem()

    assert "a.yaml includes itself" in problem.wrong


@pytest.mark.parametrize("name", ["../outside.yaml", "/etc/hostname", "sub/../../outside.yaml"])
def test_an_include_outside_the_folder_is_refused(folder: Folder, name: str) -> None:
    (folder.path.parent / "outside.yaml").write_text("alerts: {low_stock: 1}")
    folder.with_least(f"include: {name}")

    problem = folder.problem()

    assert "outside the folder" in problem.wrong


def test_a_link_that_leads_outside_is_refused(folder: Folder) -> None:
    (folder.path.parent / "outside.yaml").write_text("alerts: {low_stock: 1}")
    (folder.path / "inside.yaml").symlink_to(folder.path.parent / "outside.yaml")
    folder.with_least("include: inside.yaml")

    problem = folder.problem()

    assert "outside the folder" in problem.wrong


def test_broken_lines_are_all_told_and_the_rest_is_still_checked(folder: Folder) -> None:
    folder.write(
        """\
        shop:
          name: Acme: Mugs
        orders:
          route_from: 2026-11-24T00:00:00Z
        \trunning: {}
        running:
          threads: many
        plan: [1, 2
        alerts: {}
        """
    )

    places = [line_and_column(problem)[0] for problem in folder.problems()]

    assert places == [2, 5, 7, 8]


def test_what_a_broken_line_hides_is_not_called_missing(folder: Folder) -> None:
    folder.write(
        """\
        shop: Acme: Mugs
        orders: {route_from: 2026-11-24T00:00:00Z}
        """
    )

    problem = folder.problem()

    assert line_and_column(problem)[0] == 1


def test_a_file_that_is_not_there_is_a_problem_and_no_traceback(folder: Folder) -> None:
    problem = folder.problem()

    assert "cannot be read" in problem.wrong
    assert "missing" not in problem.wrong


def test_a_file_that_is_no_utf_8_names_the_line(folder: Folder) -> None:
    folder.main.write_bytes(b"shop:\n  name: \xc3\xa9\n  x: \xff\n")

    problem = folder.problem()

    assert line_and_column(problem) == (3, 1)


def test_an_alias_that_grows_without_bound_is_refused(folder: Folder) -> None:
    folder.with_least(
        "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
        + "\n".join(
            f"{new}: &{new} [{','.join([f'*{old}'] * 10)}]"
            for old, new in zip("abcdef", "bcdefg", strict=True)
        )
    )

    told = str(folder.failure())

    assert "too large or too deep" in told


def test_an_alias_of_itself_is_refused(folder: Folder) -> None:
    folder.with_least("policies: &p [*p]")

    told = str(folder.failure())

    assert "too large or too deep" in told


def test_a_tag_of_python_makes_nothing(folder: Folder) -> None:
    folder.with_least("skus: {table: !!python/name:os.system x}")

    problem = folder.problem()

    assert "tag" in problem.wrong
