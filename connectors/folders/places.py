"""How a partner's folders are reached: the part of the settings that connectors share."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _inside_root(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\0" in path or "\\" in path:
        raise ValueError("a folder below the root, like stock or out/stock, without ..")
    return str(PurePosixPath(path))


def _one_file_name(pattern: str) -> str:
    if "/" in pattern or not pattern:
        raise ValueError("a pattern for file names, like stock-*.csv, without a folder")
    return pattern


#: a folder below the transport's root
Folder = Annotated[str, AfterValidator(_inside_root)]
Pattern = Annotated[str, AfterValidator(_one_file_name)]


class LocalFolder(Model):
    """A folder of this machine, or one mounted into it."""

    kind: Literal["local"]
    root: str


class Sftp(Model):
    """An SFTP server whose host key is known beforehand."""

    kind: Literal["sftp"]
    host: str
    port: int = Field(default=22, ge=1, le=65535)
    username: str
    password: SecretStr | None = None
    #: an OpenSSH or PEM private key as text: `${file:/run/secrets/acme_key}`
    private_key: SecretStr | None = None
    #: the server's public host key, OpenSSH text ("ssh-ed25519 AAAA..."), got by another way than
    #: by asking the server; a server that shows another one gets no password of ours
    host_key: str
    root: str = "/"
    #: seconds of real time for a connection, log-in included
    connect_timeout: float = Field(default=15.0, gt=0)
    #: seconds of real time for one call: a listing, a file read or written, a rename
    call_timeout: float = Field(default=60.0, gt=0)

    @field_validator("host_key")
    @classmethod
    def _is_a_public_key(cls, value: str) -> str:
        kind, _, rest = value.strip().partition(" ")
        if not kind.startswith(("ssh-", "ecdsa-", "sk-")) or not rest.startswith("AAAA"):
            raise ValueError("a public host key as ssh-keyscan prints it: ssh-ed25519 AAAA...")
        return value.strip()

    @model_validator(mode="after")
    def _can_log_in(self) -> Sftp:
        if self.password is None and self.private_key is None:
            raise ValueError("password or private_key is needed")
        return self


class Ftps(Model):
    """An FTP server behind TLS. There is no FTP without."""

    kind: Literal["ftps"]
    host: str
    #: left out: 21, or 990 where `tls` is implicit
    port: int | None = Field(default=None, ge=1, le=65535)
    #: explicit: AUTH TLS on the usual port. implicit: TLS from the first byte
    tls: Literal["explicit", "implicit"] = "explicit"
    username: str
    password: SecretStr
    #: authorities that may vouch for the server; left out: those the system trusts
    ca_file: str | None = None
    root: str = "/"
    connect_timeout: float = Field(default=15.0, gt=0)
    call_timeout: float = Field(default=60.0, gt=0)

    @property
    def real_port(self) -> int:
        return self.port or (990 if self.tls == "implicit" else 21)
