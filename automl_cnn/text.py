"""Text from outside (names of files, folders, classes, plugins; messages of libraries), made safe to store and to print.

    readable("caf\\udce9")          # 'caf\\\\xe9': valid Unicode, which UTF-8 files, databases and MLflow accept
    visible("a\\x1b[31mb\\nc")       # 'a\\\\x1b[31mb', then a second line: no terminal obeys it
    inline("a\\x1b[31mb\\nc")        # 'a\\\\x1b[31mb\\\\nc': one line

All printable Unicode stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_LONGEST = 60  # characters of a name among several
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but tab and newline
    "\xad\u061c\u180e\u200b\u200e\u200f"  # invisible ones and marks of direction
    "\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # line separators, overrides of direction, invisible operators
    "\ud800-\udfff\U000e0000-\U000e007f]"  # halves of pairs, invisible tags
)
_LINE = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}


def readable(text: str) -> str:
    """`text` as valid Unicode.

    Python keeps bytes of a file name that it cannot decode as surrogates. Here they become the letters that they are in UTF-8, whatever the
    locale, and `\\xe9` where they are none.
    """
    try:
        text.encode("utf-8")
        return text
    except UnicodeEncodeError:
        pass
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # a surrogate that stands for no byte
        return text.encode("utf-8", "backslashreplace").decode("utf-8")


def visible(text: str) -> str:
    """A message for a terminal: control and other invisible characters are escaped, lines and tabs stay."""
    return _UNSAFE.sub(_escaped, readable(text).replace("\r\n", "\n"))


def inline(text: str) -> str:
    """A name within a line: as `visible`, with newlines and tabs escaped too."""
    return re.sub(r"[\n\t]", _escaped, _UNSAFE.sub(_escaped, readable(text)))


def several(names: Iterable[str], most: int = 10) -> str:
    """Names within a sentence: `'a', 'b' and 3 others`, long ones cut."""
    listed = list(names)
    shown = ", ".join(f"'{inline(name[:_LONGEST])}{'…' if len(name) > _LONGEST else ''}'" for name in listed[:most])
    more = len(listed) - most
    return f"{shown} and {more:,} other{'s' if more > 1 else ''}" if more > 0 else shown


def is_safe(text: str) -> bool:
    """Whether `visible` would leave `text` as it is."""
    return _UNSAFE.search(text) is None


def _escaped(match: re.Match[str]) -> str:
    sign = match[0]
    return _LINE.get(sign) or (f"\\x{ord(sign):02x}" if ord(sign) < 0x100 else f"\\u{ord(sign):04x}" if ord(sign) < 0x10000 else f"\\U{ord(sign):08x}")
