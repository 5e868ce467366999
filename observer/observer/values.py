"""Values and headers of records as people read them: JSON, text, or the bytes as hex; cut where they are long."""

import json
from typing import Any, NoReturn

from bus.browser import UnreadableRecord

MAX_VALUE_BYTES = 16 * 1024
MAX_HEADERS = 100
MAX_HEADER_BYTES = 1_000
EXACT = 2**53
"""Browsers keep no whole number beyond this one."""


def value_of(value: bytes | None) -> dict[str, Any] | None:
    """`json`, `text` or `hex` of a value, how many `bytes` it has and whether it is `cut`; None for no value."""
    if value is None:
        return None
    about = {"bytes": len(value), "cut": len(value) > MAX_VALUE_BYTES}
    if isinstance(value, UnreadableRecord):
        return {"hex": value[:MAX_VALUE_BYTES].hex(" "), "unreadable": value.reason} | about
    if not about["cut"]:
        try:
            return {"json": _exact(value)} | about
        except (ValueError, RecursionError):
            pass
    text = _text(value[:MAX_VALUE_BYTES], is_cut=bool(about["cut"]))
    return ({"hex": value[:MAX_VALUE_BYTES].hex(" ")} if text is None else {"text": text}) | about


def headers_of(headers: list[tuple[str, bytes | None]]) -> list[list[str | None]]:
    """Names and values, those that are no text as hex; of too many the first, of long ones the begin."""
    shown: list[list[str | None]] = []
    for name, value in headers[:MAX_HEADERS]:
        if value is None:
            shown.append([name[:MAX_HEADER_BYTES], None])
            continue
        short = value[:MAX_HEADER_BYTES]
        text = _text(short, is_cut=len(value) > MAX_HEADER_BYTES)
        shown.append([name[:MAX_HEADER_BYTES], f"0x{short.hex()}" if text is None else text])
    return shown


def _exact(value: bytes) -> Any:
    """The JSON. Raises ValueError where a browser would not read the same from it, RecursionError where it is deep."""
    found = json.loads(value.decode("utf-8"), object_pairs_hook=_once, parse_int=_safe, parse_constant=_refuse)
    json.dumps(found, ensure_ascii=False).encode("utf-8")  # no halves of characters
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name comes twice")
    return found


def _safe(digits: str) -> int:
    number = int(digits)
    if abs(number) > EXACT:
        raise ValueError("the number is too long")
    return number


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _text(data: bytes, is_cut: bool) -> str | None:
    """The bytes as text; None where they are none. A cut may go through a character."""
    for end in range(len(data), len(data) - (4 if is_cut else 1), -1):
        try:
            text = data[:end].decode("utf-8")
        except UnicodeDecodeError:
            continue
        return None if any(ord(character) < 32 and character not in "\t\n\r" for character in text) else text
    return None
