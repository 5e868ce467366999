"""Reads the headers of a multipart part as the client meant them, whatever it is.

Werkzeug takes UTF-8 alone, and drops the whole form for any other byte; it knows no quoted `filename*`, and removes the
backslashes of a path. Old clients send Latin-1, quote `filename*`, and send a whole path of Windows.
"""

import re
from contextlib import suppress
from email.message import Message

from werkzeug import formparser
from werkzeug.datastructures import Headers
from werkzeug.sansio.multipart import HEADER_CONTINUATION_RE, MultipartDecoder


class PartDecoder(MultipartDecoder):
    """Gives the parameters of Content-Disposition in the one form that Werkzeug reads right."""

    def _parse_headers(self, data: bytes | bytearray) -> Headers:
        headers = Headers()
        for line in HEADER_CONTINUATION_RE.sub(b" ", bytes(data)).splitlines():
            name, _, value = (part.strip(b" \t") for part in line.partition(b":"))
            if name:
                headers.add(text(name), _canonical(value) if name.lower() == b"content-disposition" else text(value))
        return headers


formparser.MultipartDecoder = PartDecoder  # type: ignore[attr-defined]  # it takes no other


def text(data: bytes, encoding: str = "utf-8") -> str:
    """`data` in `encoding`; if it is not, in UTF-8; if not in that either, in Windows' Latin-1, as far as it can be."""
    for one in (encoding, "utf-8"):
        with suppress(ValueError, LookupError):
            return data.decode(one)
    return data.decode("cp1252", "replace")


def _canonical(disposition: bytes) -> str:
    """Raises ValueError, which makes the form empty, for a header that no client means."""
    if re.sub(rb'\\["\\]', b"", disposition).count(b'"') % 2:
        raise ValueError("a quoted value without an end")
    message = Message()
    message["content-disposition"] = disposition.decode("latin-1")  # each character is a byte
    try:
        (kind, _), *parameters = message.get_params([], "content-disposition")
    except TypeError:
        raise ValueError("a value both whole and in parts") from None
    found: dict[str, str] = {}
    for name, value in parameters:  # those with an encoding come last, and win
        charset, data = (value[0], value[2]) if isinstance(value, tuple) else (None, value)
        found[name.lower()] = text((data or "").encode("latin-1"), charset or "utf-8")
    return "; ".join([text(kind.encode("latin-1")), *(f'{name}="{_quoted(value)}"' for name, value in found.items())])


def _quoted(value: str) -> str:
    """In quotes; line breaks as browsers send them, since a header has none."""
    escaped = value.replace("\\", r"\\").replace('"', r"\"")
    return escaped.replace("\r", "%0D").replace("\n", "%0A")
