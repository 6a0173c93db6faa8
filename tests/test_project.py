"""What holds for the project as a whole: its names, its lock files, its Makefile, its borders."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import typer

from config.load import load
from config.table import COLUMNS
from connectors.amazon.checks import ADDRESS_ROLE
from connectors.shopify.connector import SCOPES
from jobs.cli import app

ROOT = Path(__file__).parents[1]
OURS = ("config", "connectors", "core", "jobs")
LOCKS = ("requirements.lock", "requirements-sqs.lock", "requirements-dev.lock")
#: Built of hundreds of options: once, not for each command line that is tried.
COMMANDS: Any = typer.main.get_command(app)


def run(*command: str | Path, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess:
    """Run a command of the environment the tests run in; output as text, exit code unchecked."""
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "200", **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def tool(name: str) -> Path:
    """A program installed beside the interpreter that runs the tests."""
    return Path(sys.executable).parent / name


def sources(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


# --- names


def test_the_four_words_of_the_sentence_are_the_four_folders():
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "bench"}

    assert packages == set(OURS)


def test_our_top_level_names_are_ours_alone():
    owners = packages_distributions()

    assert {name: owners[name] for name in OURS if name in owners} == {}


# --- what is installed


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_is_pinned_and_hashed(name: str):
    entries = requirements(name)

    loose = [entry for entry in entries if not re.match(r"[a-z0-9._-]+(\[\w+\])?==\S+", entry)]
    bare = [entry for entry in entries if "--hash=sha256:" not in entry]
    assert len(entries) > 20
    assert loose == []
    assert bare == []


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_file_does_not_tell_where_packages_came_from(name: str):
    text = (ROOT / name).read_text(encoding="utf-8")

    assert re.findall(r"\S*://\S*|--(?:extra-)?index-url|--find-links|\bfile:", text) == []


def test_tests_run_with_the_very_packages_that_production_runs_with():
    production, extra, development = (pins(name) for name in LOCKS)

    assert production.items() <= extra.items() <= development.items()


def test_every_required_package_is_locked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    required = {
        re.split(r"[\[<>=!~]", line)[0].strip().lower()
        for line in project["project"]["dependencies"]
    }

    assert required - set(pins("requirements.lock")) == set()


def requirements(name: str) -> list[str]:
    """The entries of a lock file, each with its hashes, on one line."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def pins(name: str) -> dict[str, str]:
    """Package -> version."""
    found = (re.match(r"([a-z0-9._-]+)(?:\[\w+\])?==(\S+)", line) for line in requirements(name))
    return {match[1]: match[2] for match in found if match}


# --- what a person runs


def test_make_alone_prints_every_target_from_its_own_comment():
    targets = set(
        re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    )

    told = run("make", "--no-print-directory", MAKEFLAGS="")

    assert told.returncode == 0, told.stderr
    assert {line.split()[1] for line in told.stdout.splitlines()} == targets
    assert {"setup", "demo", "test", "check", "format", "bench", "lock"} < targets
    assert all(len(line.split()) > 4 for line in told.stdout.splitlines())


def test_an_old_python_is_refused_with_a_sentence(tmp_path: Path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copy(ROOT / "requirements.lock", tmp_path)
    old = tmp_path / "python3.9"
    # Says that it is too old the way `make` asks for it, and tells its version.
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && { echo Python 3.9.2; exit 0; }\nexit 1\n')
    old.chmod(0o755)

    told = run("make", "setup", f"PYTHON={old}", cwd=tmp_path, MAKEFLAGS="")

    assert told.returncode == 2
    assert "needs Python 3.11 or newer" in told.stderr
    assert "Python 3.9.2" in told.stderr
    assert not (tmp_path / ".venv").exists()


def test_ci_runs_what_the_readme_names_for_tests():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")

    assert "make test" in script
    assert "make test" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


# --- what the README says


def blocks(kind: str) -> list[str]:
    """The README's fenced blocks of one language."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{kind}\n(.*?)^```", text, re.M | re.S)


def commands() -> list[list[str]]:
    """Every `./lockstep …` of the README's shell blocks and its inline code, as words."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    inline = re.findall(r"`(\./lockstep [a-z][^`\n]*)`", text)
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    demos = [re.sub(r'^make demo ARGS="(.*?)"', r"./lockstep demo \1", line) for line in lines]
    shown = [line for line in [*inline, *demos] if line.startswith("./lockstep ")]
    return [shlex.split(line.split(" > ")[0], comments=True)[1:] for line in shown]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_of_the_readme_exists_with_its_options(words: list[str]):
    command = COMMANDS
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]

    # Parses names, types and counts, and runs nothing.
    command.make_context(command.name, words)


def test_the_configuration_of_the_readme_is_in_order(tmp_path: Path):
    examples = blocks("yaml")
    whole = tmp_path / "lockstep.yaml"
    whole.write_text("\n".join(examples), encoding="utf-8")
    (tmp_path / "skus.csv").write_text("sku\nMUG-BLUE\n")
    secret = tmp_path / "key"
    secret.write_text("a private key")
    whole.write_text(whole.read_text().replace("/run/secrets/acme_key", str(secret)))
    names = dict.fromkeys(re.findall(r"\$\{env:(\w+)", whole.read_text()), "x")

    config = load(
        whole, environment={**names, "LOCKSTEP_STORE_URL": "postgresql+psycopg://u:p@h/n"}
    ).config

    assert len(examples) == 2
    assert set(config.channels) == {"shopify-us", "amazon-us"}


def test_the_readme_names_every_column_of_the_sku_table():
    text = (ROOT / "README.md").read_text(encoding="utf-8")

    assert set(re.findall(r"^\| `(\w+)` \|", text, re.M)) >= set(COLUMNS)


def test_the_readme_names_every_scope_that_is_checked():
    text = (ROOT / "README.md").read_text(encoding="utf-8")

    assert [scope for scope, _ in SCOPES if f"`{scope}`" not in text] == []
    assert ADDRESS_ROLE in " ".join(text.split())


# --- imports at run time


SUPPLIER_ALONE = """
shop: {name: Acme}
orders: {route_from: 2026-11-24T00:00:00Z}
connections:
  acme:
    type: supplier_file
    transport: {kind: local, root: files}
    folders: {requests_out: requests}
locations:
  acme: {ships_through: acme}
"""
#: What a process that speaks with one supplier has no use for.
STRANGERS = (
    "shopify", "sp_api", "connectors.amazon.client", "connectors.amazon.connector",
    "connectors.shopify.client", "connectors.shopify.connector", "connectors.ups.connector",
    "connectors.email.connector", "connectors.simulation", "connectors.supplier_file.simulator",
    "jobs.demo", "aiosmtpd", "graphql",
)  # fmt: skip


def test_only_configured_connectors_are_imported(tmp_path: Path):
    (tmp_path / "lockstep.yaml").write_text(SUPPLIER_ALONE)
    program = (
        "import json, sys; from pathlib import Path; import jobs.cli; from jobs.bootstrap import build;"
        "app = build(Path('lockstep.yaml')); app.close(); print(json.dumps(sorted(sys.modules)))"
    )

    told = run(sys.executable, "-c", program, cwd=tmp_path, PYTHONPATH=str(ROOT))

    assert told.returncode == 0, told.stderr
    imported = set(json.loads(told.stdout))
    assert "connectors.supplier_file.connector" in imported
    assert imported.intersection(STRANGERS) == set()


# --- what the checks catch

#: One violation for each import contract: (file, what stands in it, whom the report blames).
VIOLATIONS = (
    ("config/planted.py", "import jobs.clock", "config.planted -> jobs.clock"),
    ("core/rules/planted.py", "import random", "core.rules.planted -> random"),
    ("core/model/planted.py", "import core.ports", "core.model.planted -> core.ports"),
    ("core/misc.py", "", "core.misc"),
    ("connectors/walmart/__init__.py", "", "connectors.walmart"),
    ("connectors/ups/planted.py", "import connectors.email.settings", "connectors.ups.planted -> connectors.email.settings"),
    ("connectors/email/planted.py", "import core.rules.modes", "connectors.email.planted -> core.rules.modes"),
    ("connectors/ups/settings.py", "import httpx", "connectors.ups.settings -> httpx"),
    ("jobs/planting.py", "import connectors.ups.simulator", "jobs.planting -> connectors.ups.simulator"),
    ("jobs/planted.py", "import connectors.ups.client", "jobs.planted -> connectors.ups.client"),
    ("jobs/store/planted.py", "import jobs.decide", "jobs.store.planted -> jobs.decide"),
    ("jobs/misc.py", "", "jobs.misc"),
)  # fmt: skip


def test_every_import_contract_catches_its_violation(tmp_path: Path):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for folder in OURS:
        shutil.copytree(
            ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name, text, _ in VIOLATIONS:
        planted = tmp_path / name
        planted.parent.mkdir(exist_ok=True)
        kept = planted.read_text(encoding="utf-8") if planted.exists() else ""
        planted.write_text(f"{kept}\n{text}\n", encoding="utf-8")

    told = run(tool("lint-imports"), "--no-cache", cwd=tmp_path)

    contracts = len(re.findall(r"^name = ", (ROOT / "pyproject.toml").read_text(), re.M)) - 1
    report = " ".join(told.stdout.split())
    assert told.returncode == 1, told.stderr
    assert f"Contracts: 0 kept, {contracts} broken." in report
    assert [blamed for _, _, blamed in VIOLATIONS if blamed not in report] == []


def test_asking_the_machine_for_the_time_is_refused(tmp_path: Path):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    planted = tmp_path / "planted.py"
    planted.write_text(
        "from datetime import UTC, date, datetime\n\n"
        "moments = (datetime.now(UTC), datetime.utcnow(), date.today())\n"
    )

    told = run(tool("ruff"), "check", "--no-cache", "--output-format=json", planted, cwd=tmp_path)

    banned = [one["message"] for one in json.loads(told.stdout) if one["code"] == "TID251"]
    assert len(banned) == 3
    assert all("jobs/clock.py" in message for message in banned)


def test_only_commands_print():
    printing = [
        str(path.relative_to(ROOT))
        for path in sources(*OURS)
        if re.search(r"(?<![\w.])print\(", path.read_text(encoding="utf-8"))
    ]

    assert [name for name in printing if not name.startswith(("jobs/cli/", "jobs/simulate"))] == []
    assert printing != []


def test_no_work_is_left_for_later_in_a_comment():
    # Spelled so that this file does not find itself.
    later = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")

    left = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in [*sources(*OURS, "tests"), ROOT / "Makefile", ROOT / "Dockerfile"]
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if later.search(line)
    ]

    assert left == []
