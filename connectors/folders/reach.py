"""From how a partner's folders are reached to what reaches them."""

from __future__ import annotations

from pathlib import Path

from connectors.folders.ftps import FtpsTransport
from connectors.folders.places import Ftps, LocalFolder, Sftp
from connectors.folders.sftp import SftpTransport
from connectors.folders.transport import LocalTransport, Transport


def transport_to(where: LocalFolder | Sftp | Ftps, *, connector: str) -> Transport:
    """Makes no call."""
    if isinstance(where, LocalFolder):
        return LocalTransport(Path(where.root), connector=connector)
    if isinstance(where, Sftp):
        return SftpTransport(where, connector=connector)
    return FtpsTransport(where, connector=connector)
