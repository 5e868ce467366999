"""Colour profiles (ICC.1:2022): which one fits a picture after its edit, and new ones of primaries and a curve."""

import struct
from collections.abc import Iterable, Mapping, Sequence

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

    header = bytearray(profile[:_HEADER])
    header[16:20] = b"GRAY"
    header[84:100] = bytes(16)  # the checksum of the original
    return _assembled(header, kept)


def matrix_profile(chromaticities: Sequence[float], curve: bytes) -> bytes:
    """Return a profile of RGB from x and y of white, red, green and blue, and the curve that all three have.

    Raises ArithmeticError where those span no colours.
    """
    white, *primaries = (_xyz(*chromaticities[at : at + 2]) for at in (0, 2, 4, 6))
    columns = _transposed(primaries)
    scale = _times(_inverse(columns), white)
    adapted = _product(_inverse(_BRADFORD), _product(_adaptation(white), _BRADFORD))
    red, green, blue = (_times(adapted, [part * by for part in one]) for one, by in zip(primaries, scale, strict=True))
    tags = {
        b"desc": _text("RGB"),
        b"cprt": _text("CC0"),
        b"wtpt": _fixed(b"XYZ ", _D50),
        b"chad": _fixed(b"sf32", [part for row in adapted for part in row]),
        b"rXYZ": _fixed(b"XYZ ", red),
        b"gXYZ": _fixed(b"XYZ ", green),
        b"bXYZ": _fixed(b"XYZ ", blue),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    header = bytearray(_HEADER)
    header[8:24] = b"\4\x30\0\0mntrRGB XYZ "
    header[24:36] = struct.pack(">6H", 2026, 1, 1, 0, 0, 0)
    header[36:40] = b"acsp"
    header[68:80] = struct.pack(">3i", *(round(part * 65_536) for part in _D50))
    return _assembled(header, tags)


def srgb_curve() -> bytes:
    """Return the tone curve of sRGB."""
    return _fixed(b"para\0\0\0\0\0\3\0\0", (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))


def power_curve(exponent: float) -> bytes:
    """Return the tone curve of an exponent: 2.2 for what is usually called a gamma of 2.2."""
    return _fixed(b"para\0\0\0\0\0\0\0\0", (exponent,))


def table_curve(light: Iterable[float]) -> bytes:
    """Return a tone curve of the light, 0 to 1, at values that are equally far from each other."""
    steps = [round(value * 65_535) for value in light]
    return struct.pack(f">4s4xI{len(steps)}H", b"curv", len(steps), *steps)


def _assembled(header: bytearray, tags: Mapping[bytes, bytes]) -> bytes:
    """A profile of a header, whose size is filled in, and tags; those that are equal are there once."""
    offset = _HEADER + 4 + _ENTRY.size * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    places: dict[bytes, int] = {}
    for name, value in tags.items():
        if value not in places:
            places[value] = offset + len(body)
            body += value + bytes(-len(value) % 4)
        table += _ENTRY.pack(name, places[value], len(value))
    header[0:4] = struct.pack(">I", offset + len(body))
    return bytes(header) + table + body


def _text(words: str) -> bytes:
    """A tag of words (10.15): one record, of English."""
    text = words.encode("utf-16-be")
    return struct.pack(">4s4xII2s2sII", b"mluc", 1, 12, b"en", b"US", len(text), 28) + text


def _fixed(kind: bytes, numbers: Sequence[float]) -> bytes:
    """A tag of fixed-point numbers, after its kind and what belongs to that."""
    return struct.pack(f">{max(len(kind), 8)}s{len(numbers)}i", kind, *(round(number * 65_536) for number in numbers))


Vector = Sequence[float]
Matrix = Sequence[Vector]

_D50 = (0.9642, 1.0, 0.8249)
_BRADFORD = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))


def _adaptation(white: Vector) -> Matrix:
    """What brings `white` to D50, in the responses of Bradford (annex E)."""
    here, there = _times(_BRADFORD, white), _times(_BRADFORD, _D50)
    return [[there[row] / here[row] if row == column else 0.0 for column in range(3)] for row in range(3)]


def _xyz(x: float, y: float) -> Vector:
    return x / y, 1.0, (1 - x - y) / y


def _times(matrix: Matrix, vector: Vector) -> list[float]:
    return [sum(one * other for one, other in zip(row, vector, strict=True)) for row in matrix]


def _transposed(matrix: Matrix) -> Matrix:
    return list(zip(*matrix, strict=True))


def _product(one: Matrix, other: Matrix) -> Matrix:
    return _transposed([_times(one, column) for column in _transposed(other)])


def _inverse(matrix: Matrix) -> Matrix:
    (a, b, c), (d, e, f), (g, h, i) = matrix
    cofactors = (
        (e * i - f * h, c * h - b * i, b * f - c * e),
        (f * g - d * i, a * i - c * g, c * d - a * f),
        (d * h - e * g, b * g - a * h, a * e - b * d),
    )
    determinant = a * cofactors[0][0] + b * cofactors[1][0] + c * cofactors[2][0]
    return [[cofactor / determinant for cofactor in row] for row in cofactors]


def _tags(profile: bytes) -> dict[bytes, bytes]:
    """The tags of a profile, those left out whose place is not within it."""
    try:
        (count,) = struct.unpack_from(">I", profile, _HEADER)
        entries = [_ENTRY.unpack_from(profile, _HEADER + 4 + _ENTRY.size * n) for n in range(min(count, 100))]
    except struct.error:
        return {}
    return {name: profile[at : at + size] for name, at, size in entries if 8 <= size <= len(profile) - at}
