"""Colour profiles (ICC.1:2022): which one fits a picture after its edit."""

import struct

_HEADER = 128
_ENTRY = struct.Struct(">4sII")  # signature, offset, size: a row of the table of tags
_SPACES = dict.fromkeys(("1", "L", "LA", "I;16"), b"GRAY") | {"CMYK": b"CMYK"}


def fitting(profile: bytes | None, mode: str) -> bytes | None:
    """Return the profile to embed beside pixels of Pillow's `mode`, from the profile of the original.

    A profile has to be of the pixels' colour space; a grey one is made of an RGB one. None where none fits.
    """
    if not profile:
        return None
    space = profile[16:20]
    wanted = _SPACES.get(mode, b"RGB ")
    if space == wanted:
        return profile
    return grey(profile) if space == b"RGB " and wanted == b"GRAY" else None


def grey(profile: bytes) -> bytes | None:
    """Return a grey profile with the white point and the red tone curve of an RGB `profile`.

    The three curves of the RGB spaces in use are one, so a grey made of their code values keeps its tone.
    Name, rights and, where there is one, chromatic adaptation are those of the original. None where `profile`
    has no such curve (a table instead) or cannot be read.
    """
    tags = _tags(profile)
    # Monochrome input and display profiles: ICC.1:2022, 8.3.4 and 8.4.4.
    needed = (b"desc", b"cprt", b"wtpt", b"rTRC")
    if any(name not in tags for name in needed) or tags[b"rTRC"][:4] not in (b"curv", b"para"):
        return None
    kept = {name: tags[name] for name in (*needed, b"chad") if name in tags}
    kept[b"kTRC"] = kept.pop(b"rTRC")

    offset = _HEADER + 4 + _ENTRY.size * len(kept)
    table = struct.pack(">I", len(kept))
    body = b""
    for name, value in kept.items():
        table += _ENTRY.pack(name, offset + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    header = bytearray(profile[:_HEADER])
    header[0:4] = struct.pack(">I", offset + len(body))
    header[16:20] = b"GRAY"
    header[84:100] = bytes(16)  # the checksum of the original
    return bytes(header) + table + body


def _tags(profile: bytes) -> dict[bytes, bytes]:
    """The tags of a profile, those left out whose place is not within it."""
    try:
        (count,) = struct.unpack_from(">I", profile, _HEADER)
        entries = [_ENTRY.unpack_from(profile, _HEADER + 4 + _ENTRY.size * n) for n in range(min(count, 100))]
    except struct.error:
        return {}
    return {name: profile[at : at + size] for name, at, size in entries if 8 <= size <= len(profile) - at}
