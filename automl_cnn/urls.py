"""Addresses such as `s3://bucket/photos`. They are recognized, and their credentials are neither shown nor stored.

parse("s3://bucket/photos")                # Url("s3://bucket/photos")
parse("photos")                            # None: a path
str(parse("ftp://me:secret@host/photos"))   # 'ftp://host/photos'
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field

HTTP = frozenset({"http", "https"})
BUCKETS = frozenset({"s3", "s3a", "gs", "gcs"})
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(/{1,3})(?=[^/])")  # two letters at least: C:/ is a drive
_ROOTED = frozenset({"local"})  # schemes without a host: a path follows
_SECRET = re.compile(r"(?i)[?&][^?&=/]*(?:sig|token|secret|passw|key|auth|cred|x-amz|x-goog)[^?&=/]*=[^?&]*")
_USER = re.compile(r"://[^/\s]*@")
_LEAST = 3  # letters of what is taken for a secret in a message


@dataclass(frozen=True)
class Url:
    """A place that is not a path on this computer. `text` is what is shown, stored and compared; `full` opens it, and may hold credentials."""

    text: str
    full: str = field(repr=False, compare=False)

    def __str__(self) -> str:
        return self.text

    @property
    def scheme(self) -> str:
        """What stands before the colon, in small letters."""
        return self.text.partition(":")[0]

    @property
    def parts(self) -> tuple[str, ...]:
        """The host or bucket, and the names of the path."""
        return tuple(part for part in self.text.partition("://")[2].split("/") if part)

    @property
    def name(self) -> str:
        """The last name."""
        return self.parts[-1]

    @property
    def above(self) -> str:
        """The name before the last one; the scheme where there is none."""
        return self.parts[-2] if len(self.parts) > 1 else self.scheme

    @property
    def parent(self) -> str:
        """The URL of the folder that it lies in."""
        return self.text.rpartition("/")[0]

    @property
    def has_secret(self) -> bool:
        """Whether it was given with credentials."""
        return self.full != self.text

    def clean(self, message: str) -> str:
        """A message without the credentials."""
        message = message.replace(self.full, self.text)
        if self.has_secret:
            known = set(re.split(r"[:@/?&=#]", self.text))
            for piece in sorted(set(re.split(r"[:@/?&=#]", self.full)) - known, key=len, reverse=True):
                if len(piece) >= _LEAST:
                    message = message.replace(piece, "…")
        return message


def parse(given: object) -> Url | None:
    """The URL that `given` is, or None where it is a path. A `Path` has made one slash of two: that is mended."""
    text = str(given)
    match = _ADDRESS.match(text)
    if match is None or os.path.lexists(text):
        return None
    scheme = match[1].lower()
    slashes = "///" if scheme in _ROOTED or (match[2] == "///" and scheme != "memory") else "//"
    full = f"{scheme}:{slashes}{text[match.end() :].rstrip('/')}"
    return Url(public(full), full)


def server(given: object) -> Url:
    """The address of a server on the web.

    Raises:
        ValueError: it is none.
    """
    url = given if isinstance(given, Url) else parse(given)
    if url is None or url.scheme not in HTTP or not url.parts:
        raise ValueError("expected the address of a server, such as http://mlflow.example:5000")
    return url


def public(url: str) -> str:
    """A URL without user and password, and without the query of a web address or what looks like a key or a signature in another's."""
    scheme, between, rest = url.partition("://")
    scheme = scheme.lower()
    rest = _without_user(scheme, rest)
    if scheme in HTTP:
        return f"{scheme}{between}{re.split('[?#]', rest)[0].rstrip('/')}"
    first, *others = re.split(r"(?=[?&])", rest)
    kept = [other for other in others if not _SECRET.fullmatch(other)]
    return f"{scheme}{between}{first}{''.join(kept)}"


def hidden(text: str) -> str:
    """Any text that may hold a URL, without the names and passwords before a host."""
    url = parse(text)
    return str(url) if url else _USER.sub("://", text)


def _without_user(scheme: str, rest: str) -> str:
    host, slash, path = rest.partition("/")
    if "@" in host:
        user, _, host = host.rpartition("@")
        name = "" if ":" in user or scheme in HTTP else f"{user}@"  # a name alone is not secret: abfs://container@account
        return f"{name}{host}{slash}{path}"
    port = host.rpartition(":")[2]
    if scheme not in BUCKETS and ":" in host and not port.isdigit() and not host.startswith("[") and "@" in path:  # a slash in the password
        return path.partition("@")[2]
    return rest
