"""References, what they cannot do, and that no problem shows a secret."""

from __future__ import annotations

import pytest

from config.problems import ConfigProblems
from tests.config.conftest import Folder, line_and_column

SECRET = "hunter2-and-more"


def test_references_are_filled_in_from_environment_and_files(folder: Folder) -> None:
    (folder.path / "token").write_text("from-a-file\n")
    folder.with_least(
        """\
        connections:
          a: {type: fake, token: "${env:TOKEN}", host: "${env:HOST:-fallback}", port: "${env:PORT}"}
          b: {type: fake, token: "${file:token}", host: "a$$b-${env:TOKEN}"}
        """
    )

    connections = folder.load(TOKEN="t", PORT="8080").config.connections

    assert connections["a"].token.get_secret_value() == "t"
    assert (connections["a"].host, connections["a"].port) == ("fallback", 8080)
    assert connections["b"].token.get_secret_value() == "from-a-file"
    assert connections["b"].host == "a$b-t"


def test_a_dollar_without_a_brace_is_a_dollar(folder: Folder) -> None:
    folder.with_least("skus: {items: {A: {title: only $5}}}")

    assert folder.load().catalog.settings("A").title == "only $5"


@pytest.mark.parametrize(
    "value",
    [
        "x\nconnections: {evil: {type: fake}}",
        "x}, evil: {type: fake}",
        '"\n  evil: {type: fake}\n',
        "!include other.yaml",
        "*anchor",
        "${env:OTHER}",
    ],
)
def test_a_value_from_the_environment_can_never_add_keys(folder: Folder, value: str) -> None:
    folder.with_least("connections: {a: {type: fake, host: '${env:HOST}'}}")

    connections = folder.load(HOST=value, OTHER="other").config.connections

    assert list(connections) == ["a"]
    assert connections["a"].host == value


def test_a_key_is_never_filled_in(folder: Folder) -> None:
    folder.with_least("skus: {items: {'${env:KEY}': {title: a}}}")

    loaded = folder.load(KEY="injected")

    assert list(loaded.catalog.skus) == ["${env:KEY}"]


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("${env:ABSENT}", "environment variable ABSENT is not set"),
        ("${file:absent}", "file absent cannot be read"),
        ("${vault:x}", "no reference that is known"),
        ("${env:A", "never closed"),
    ],
)
def test_a_reference_that_leads_nowhere_is_told_once(
    folder: Folder, reference: str, words: str
) -> None:
    folder.with_least(f"running: {{threads: '{reference}'}}")

    problem = folder.problem()

    assert words in problem.wrong
    assert line_and_column(problem) == (3, 20)


def test_a_secret_in_plain_text_is_refused_and_not_repeated(folder: Folder) -> None:
    folder.with_least(f"connections: {{a: {{type: fake, token: {SECRET}}}}}")

    failure = folder.failure()

    assert "a secret stands here in plain text" in str(failure)
    assert "${env:NAME}" in str(failure)
    _shows_nothing(failure)


@pytest.mark.parametrize(
    "text",
    [
        # beside another mistake on the same line
        "connections: {a: {type: fake, token: 'SECRET', port: none}}",
        # under a misspelled key, under a misspelled group, under a wrong type, under no type
        "connections: {a: {type: fake, tokn: SECRET}}",
        "conections: {a: {type: fake, token: SECRET}}",
        "connections:\n  a: {type: fak, token: SECRET}",
        "connections:\n  a: {token: SECRET}",
        # a group of secrets, a secret where none is expected, a secret twice
        "connections: {a: {type: fake, tokens: {x: SECRET, y: [1]}}}",
        "connections: {a: {type: fake, token: [SECRET]}}",
        "connections:\n  a:\n    type: fake\n    token: SECRET\n    token: SECRET",
        # over several lines, in a default, in a URL
        "connections:\n  a:\n    type: fake\n    token: |\n      SECRET\n      SECRET\n    port: x",
        "connections: {a: {type: fake, port: x, token: '${env:ABSENT:-SECRET}'}}",
        "store: {url: 'mysql://me:SECRET@host/name'}",
        "connections: {a: {type: fake, host: 'https://me:SECRET@host', port: x}}",
        # in a line that is no YAML
        "connections: {a: {type: fake}}\ntoken: SECRET: more",
        "connections:\n  a:\n    type: fake\n    token: 'SECRET\n    port: 1",
        "connections:\n  a:\n    type: fake\n    token: *SECRET\n    port: 1",
        "connections:\n  a:\n    type: fake\n    token: !SECRET x",
    ],
)
def test_no_problem_shows_a_secret(folder: Folder, text: str) -> None:
    folder.with_least(text.replace("SECRET", SECRET))

    failure = folder.failure()

    assert failure.problems
    _shows_nothing(failure)


@pytest.mark.parametrize(
    "text",
    [
        "connections: {a: {type: fake, token: '${env:SECRET}', port: x}}",
        "connections: {a: {type: fake, port: '${env:SECRET}'}}",
        "connections: {a: {type: fake, host: bad, token: '${env:SECRET}'}}",
        "connections: {a: {type: '${env:SECRET}'}}",
        "connections: {a: {type: fake, tokens: '${env:SECRET}'}}",
        "shop: {name: A, language: '${env:SECRET}'}\norders: {route_from: '${env:SECRET}'}",
        "pace: {orders: '${env:SECRET}'}",
        "store: {url: '${env:SECRET}'}",
        "channels: {c: {connection: '${env:SECRET}'}}",
        "policies: [{name: a, when: '${env:SECRET}'}]",
        "skus: {table: '${env:SECRET}'}",
        "include: '${env:SECRET}'",
    ],
)
def test_no_problem_shows_what_came_through_a_reference(folder: Folder, text: str) -> None:
    if text.startswith("shop"):
        folder.write(text)
    else:
        folder.with_least(text)

    failure = folder.failure(SECRET=SECRET)

    _shows_nothing(failure)


def test_a_reference_itself_is_shown_because_it_helps(folder: Folder) -> None:
    folder.with_least("connections: {a: {type: fake, token: '${env:ABSENT}'}}")

    problem = folder.problem()

    assert "${env:ABSENT}" in problem.source


def test_a_secret_behind_an_alias_is_masked_where_it_stands(folder: Folder) -> None:
    folder.with_least(
        f"connections: {{a: {{type: fake, token: &t {SECRET}, port: x}}, b: {{type: fake, token: *t}}}}"
    )

    failure = folder.failure()

    assert "{type: fake, token: •••, port: x}" in str(failure)
    _shows_nothing(failure)


def test_neither_the_configuration_nor_its_digest_shows_a_secret(folder: Folder) -> None:
    (folder.path / "token").write_text(SECRET)
    folder.with_least("connections: {a: {type: fake, token: '${file:token}'}}")

    loaded = folder.load()
    (folder.path / "token").write_text("another")
    again = folder.load()

    assert SECRET not in repr(loaded)
    assert loaded.digest == again.digest
    assert folder.path / "token" in loaded.files


def _shows_nothing(failure: ConfigProblems) -> None:
    shown = "\n".join((str(failure), repr(failure), *map(repr, failure.problems)))
    assert SECRET not in shown
    assert "hunter2" not in shown
