"""The connector against a real FTPS server: pyftpdlib, which demands TLS for everything."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest

from connectors.folders.ftps import FtpsTransport
from connectors.folders.places import Ftps
from connectors.supplier_file.connector import SupplierFile, connect
from connectors.supplier_file.settings import Settings
from core.errors import Rejected, Unauthorized, Unavailable
from core.ports import Handover
from jobs.clock import ManualClock
from tests.connectors.supplier_file.certificates import certificate
from tests.connectors.supplier_file.conftest import FOLDERS, NOON, Inside

pytest.importorskip("OpenSSL", reason="pyftpdlib speaks TLS through pyOpenSSL")

from OpenSSL.SSL import _lib
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import TLS_DTPHandler, TLS_FTPHandler
from pyftpdlib.servers import FTPServer


class Server:
    """One server in a thread of its own. Data connections must go on with the session they know."""

    def __init__(self, root: Path, keys: tuple[Path, Path], *, implicit: bool, mlsd: bool) -> None:
        self.root = root
        self.commands: list[str] = []
        outside = self

        class Contents(TLS_DTPHandler):
            def handle_ssl_established(self) -> None:
                super().handle_ssl_established()
                if not _lib.SSL_session_reused(self.socket._ssl):
                    # As vsftpd does: 522 SSL connection failed; session reuse required.
                    self.cmd_channel.respond("522 SSL connection failed: session reuse required")
                    self.close()

        class Commands(TLS_FTPHandler):
            certfile, keyfile = map(str, keys)
            dtp_handler = Contents
            tls_control_required = tls_data_required = True
            proto_cmds: ClassVar[dict[str, Any]] = {
                name: facts
                for name, facts in TLS_FTPHandler.proto_cmds.items()
                if mlsd or name not in ("MLSD", "MLST")
            }

            def handle(self) -> None:
                if implicit:
                    self.secure_connection(self.ssl_context)
                else:
                    super().handle()

            def handle_ssl_established(self) -> None:
                super().handle_ssl_established()
                if implicit:
                    super().handle()

            def pre_process_command(self, line: str, cmd: str, arg: str) -> None:
                outside.commands.append(cmd)
                super().pre_process_command(line, cmd, arg)

        authorizer = DummyAuthorizer()
        authorizer.add_user("lockstep", "simulated", str(root), perm="elrawf")
        Commands.authorizer = authorizer
        self._server = FTPServer(("127.0.0.1", 0), Commands)
        self.port = self._server.address[1]
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._ended.is_set():
            self._server.serve_forever(timeout=0.02, blocking=False, handle_exit=False)

    def hang_up(self) -> None:
        """Every connection is cut, as after a restart."""
        for one in list(self._server.ioloop.socket_map.values()):
            if isinstance(one, TLS_FTPHandler):
                self._server.ioloop.call_later(0, one.close)

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(5)
        self._server.close_all()


Serve = Callable[..., Server]


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    return certificate(tmp_path)


@pytest.fixture
def serve(tmp_path: Path, keys: tuple[Path, Path]) -> Iterator[Serve]:
    made: list[Server] = []

    def start(*, implicit: bool = False, mlsd: bool = True) -> Server:
        root = tmp_path / "ftp"
        for folder in ("stock", "requests", "acknowledgments", "shipments"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        made.append(Server(root, keys, implicit=implicit, mlsd=mlsd))
        return made[-1]

    yield start
    for one in made:
        one.stop()


def place(
    server: Server, keys: tuple[Path, Path] | None, clock: ManualClock, **changes: Any
) -> SupplierFile:
    transport = {
        "kind": "ftps", "host": "127.0.0.1", "port": server.port, "username": "lockstep",
        "password": "simulated", "call_timeout": 5, "connect_timeout": 5,
        **({"ca_file": str(keys[0])} if keys else {}),
    } | changes  # fmt: skip
    told = {"type": "supplier_file", "transport": transport, "folders": FOLDERS, "location": "acme",
            "stable_after": 10}  # fmt: skip
    return connect("acme", Settings.model_validate(told), Inside(clock))


def put(server: Server, name: str, text: str) -> None:
    path = server.root / "stock" / name
    path.write_text(text)
    os.utime(path, (NOON.timestamp(), NOON.timestamp()))


@pytest.mark.parametrize("tls", ["explicit", "implicit"])
@pytest.mark.parametrize("mlsd", [True, False])
def test_a_stock_file_is_taken_over_verified_tls(
    serve: Serve, keys: tuple[Path, Path], clock: ManualClock, tls: str, mlsd: bool
) -> None:
    server = serve(implicit=tls == "implicit", mlsd=mlsd)
    acme = place(server, keys, clock, tls=tls)
    put(server, "a.csv", "sku,quantity\nMUG-1,5\n")
    (server.root / "stock" / "folder.csv").mkdir()

    [first] = list(acme.pull_stock(since=None))
    clock.advance(20)
    taken, _ = list(acme.pull_stock(since=first.cursor))

    assert dict(taken.items[0].by_sku) == {"MUG-1": 5}
    assert taken.items[0].as_of == NOON
    assert not {"DELE", "RNFR", "STOR"} & set(server.commands)
    acme.close()


def test_a_request_is_staged_handed_over_once_and_never_over_another(
    serve: Serve, keys: tuple[Path, Path], clock: ManualClock
) -> None:
    server = serve()
    acme = place(server, keys, clock)

    acme.stage_request("K", b"o")
    partial = acme.find_request("K", b"one")
    acme.stage_request("K", b"one")
    staged = acme.find_request("K", b"one")
    acme.release_request("K")
    delivered = acme.find_request("K", b"one")
    acme.stage_request("K", b"two")
    with pytest.raises(Rejected) as refused:
        acme.release_request("K")

    assert (partial, staged, delivered) == (Handover.PARTIAL, Handover.STAGED, Handover.DELIVERED)
    assert refused.value.code == "exists"
    assert (server.root / "requests" / "K.csv").read_bytes() == b"one"
    acme.close()


def test_a_server_nobody_vouches_for_gets_no_password(
    serve: Serve, clock: ManualClock, tmp_path: Path
) -> None:
    server = serve()
    other = certificate(tmp_path, name="other")

    for trusted in (None, other):
        with pytest.raises(Unauthorized) as refused:
            place(server, trusted, clock).check()
        assert refused.value.missing == "certificate"

    assert "PASS" not in server.commands


def test_a_wrong_password_stops_the_connection_and_is_not_shown(
    serve: Serve, keys: tuple[Path, Path], clock: ManualClock
) -> None:
    acme = place(serve(), keys, clock, password="guessed-wrong")

    with pytest.raises(Unauthorized, match="log-in refused for lockstep") as refused:
        acme.check()

    assert "guessed-wrong" not in str(refused.value)


def test_a_connection_that_died_is_made_again(
    serve: Serve, keys: tuple[Path, Path], clock: ManualClock
) -> None:
    server = serve()
    acme = place(server, keys, clock)
    before = acme.check()
    server.hang_up()

    again = acme.check()

    assert before.problems == again.problems == ()
    assert server.commands.count("PASS") == 2
    acme.close()


def test_no_server_is_unavailable_and_a_missing_folder_is_told(
    serve: Serve, keys: tuple[Path, Path], clock: ManualClock
) -> None:
    server = serve()
    acme = place(server, keys, clock)
    (server.root / "shipments").rmdir()

    report = acme.check()
    acme.close()
    server.stop()

    assert [problem for problem in report.problems if "no such folder" in problem]
    with pytest.raises(Unavailable):
        place(server, keys, clock).check()


@pytest.mark.parametrize("name", ["../x", "a/b", "a\r\nDELE b", "..", ""])
def test_a_name_is_never_a_path_or_a_command(name: str) -> None:
    told = Ftps(kind="ftps", host="127.0.0.1", port=1, username="u", password="p")

    with pytest.raises(Rejected) as refused:
        FtpsTransport(told, connector="acme").read("stock", name)

    assert refused.value.code == "bad-name"


def test_a_file_that_grows_between_two_looks_is_not_taken(
    serve: Serve, keys: tuple[Path, Path], clock: ManualClock
) -> None:
    server = serve()
    acme = place(server, keys, clock)
    put(server, "a.csv", "sku,quantity\nMUG-1,5\n")
    [first] = list(acme.pull_stock(since=None))

    put(server, "a.csv", "sku,quantity\nMUG-1,5\nMUG-2,7\n")
    clock.advance(timedelta(seconds=20).total_seconds())
    looked = list(acme.pull_stock(since=first.cursor))

    assert [batch.items for batch in looked] == [()]
    acme.close()
