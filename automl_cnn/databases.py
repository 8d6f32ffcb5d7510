"""Addresses of databases such as `postgresql+psycopg://user@host/db`. Their passwords are neither shown nor stored.

database = parse("postgresql://ana:secret@db.example/studies")
str(database)    # 'postgresql+psycopg://ana:***@db.example/studies': for messages
database.text    # 'postgresql+psycopg://ana@db.example/studies': for files
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlencode

DIALECT = "postgresql+psycopg"
NAMES = ("postgresql", "postgres", DIALECT)  # how a PostgreSQL database may be addressed
HIDDEN = "***"  # stands for a password
EXPECTED = f"expected {DIALECT}://user@host/database"
SECRETS = ("password", "sslpassword")  # in the query of an address
_ADDRESS = re.compile(r"([A-Za-z][\w+.-]*)://(?:(.*)@)?([^@/?]*)(/[^?]*)?(?:\?(.*))?", re.DOTALL)


@dataclass(frozen=True)
class Database:
    """A PostgreSQL database. `text` is its address without the password, `secrets` the passwords that the address held, as libpq names them."""

    text: str
    secrets: tuple[tuple[str, str], ...] = field(default=(), repr=False, compare=False)

    def __str__(self) -> str:
        if not dict(self.secrets).get("password"):
            return self.text
        scheme, _, rest = self.text.partition("://")
        user, at, place = rest.rpartition("@")
        return f"{scheme}://{user}:{HIDDEN}{at or '@'}{place}"

    @property
    def place(self) -> str:
        """Host, port and database: the same whoever asks."""
        host, slash, rest = self.text.partition("://")[2].rpartition("@")[2].partition("/")
        return f"{host}{slash}{rest.partition('?')[0] if host else rest}"

    def clean(self, message: str) -> str:
        """A message without the passwords."""
        for _, secret in self.secrets:
            for written in (secret, quote(secret, safe="")):
                message = message.replace(written, HIDDEN) if written else message
        return message


def parse(given: object) -> Database:
    """The database that an address names.

    Raises:
        ValueError: it names none, or one of another kind. The message holds no password.
    """
    if isinstance(given, Database):
        return given
    match = _ADDRESS.fullmatch(str(given).strip())
    if match is None:
        raise ValueError(f"this is not a database address; {EXPECTED}")
    scheme, login, host, path, query = match.groups()
    if scheme.lower() not in NAMES:
        raise ValueError(f"records are kept in PostgreSQL or, without this setting, in a file of the store; {EXPECTED}")
    if not (path or "").strip("/"):
        raise ValueError(f"the address names no database; {EXPECTED}")
    port = host.rpartition(":")[2] if ":" in host and not host.endswith("]") else ""
    if port and not port.isdigit():
        raise ValueError(f"the port is not a number; {EXPECTED} (a slash, ? or @ in a password is written %2F, %3F or %40)")
    user, _, password = (login or "").partition(":")
    fields = parse_qsl(query or "", keep_blank_values=True)
    secrets = {key: value for key, value in fields if key in SECRETS}
    if password and password != HIDDEN:
        secrets["password"] = unquote(password)
    kept = urlencode([(key, value) for key, value in fields if key not in SECRETS], safe="/:,")
    text = f"{DIALECT}://{user}{'@' if user else ''}{host}{path}{'?' if kept else ''}{kept}"
    return Database(text, tuple(secrets.items()))


def hidden(text: str) -> str:
    """Any text that may be an address, without its passwords."""
    shown = re.sub(r"://([^:/@]*):.*@", rf"://\1:{HIDDEN}@", text, flags=re.DOTALL)
    return re.sub(rf"(?i)([?&](?:{'|'.join(SECRETS)})=)[^&]*", rf"\1{HIDDEN}", shown)
