"""Pictures for the tests."""

import io
import struct

from PIL import Image, ImageDraw


def quarters(size: tuple[int, int] = (640, 480)) -> Image.Image:
    """A picture with red, green, blue and yellow quarters, which show its orientation."""
    width, height = size
    picture = Image.new("RGB", size, "red")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((width // 2, 0, width, height // 2), fill="lime")
    draw.rectangle((0, height // 2, width // 2, height), fill="blue")
    draw.rectangle((width // 2, height // 2, width, height), fill="yellow")
    return picture


def encoded(picture: Image.Image, form: str = "JPEG", **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def corners(picture: Image.Image) -> list[tuple[int, ...]]:
    """The colours at the centres of the four quarters: top left, top right, bottom left, bottom right."""
    rgb = picture.convert("RGB")
    width, height = rgb.size
    places = [(x, y) for y in (height // 4, 3 * height // 4) for x in (width // 4, 3 * width // 4)]
    return [rgb.getpixel(place) for place in places]  # type: ignore[misc]


def alike(one: tuple[int, ...], other: tuple[int, ...], by: int = 12) -> bool:
    return all(abs(a - b) <= by for a, b in zip(one, other, strict=True))


def cmyk_profile() -> bytes:
    """A profile of a press (lut8Type, ICC.1:2022, 10.11): paper of L* 90, and inks whose darkness multiplies."""
    table = bytearray()
    for number in range(16):
        inks = [number >> shift & 1 for shift in (3, 2, 1, 0)]
        lightness = 90.0
        for ink, left in zip(inks, (0.6, 0.5, 0.9, 0.2), strict=True):
            lightness *= left if ink else 1
        table += bytes((round(lightness * 255 / 100), 128, 128))
    ramp = bytes(range(256))
    identity = struct.pack(">9i", 65_536, 0, 0, 0, 65_536, 0, 0, 0, 65_536)
    lut = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + identity + ramp * 4 + bytes(table) + ramp * 3
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63_190, 65_536, 54_061)
    text = b"desc" + bytes(4) + struct.pack(">I", 2) + b"p\0" + bytes(78)
    tags = {b"desc": text, b"cprt": b"text" + bytes(4) + b"-\0\0\0", b"wtpt": white, b"A2B0": lut}
    at, entries, body = 132 + 12 * len(tags), b"", b""
    for name, value in tags.items():
        entries += struct.pack(">4sII", name, at + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    header = bytearray(128)
    header[0:4] = struct.pack(">I", at + len(body))
    header[8:24] = b"\2\x40\0\0prtrCMYKLab "
    header[36:40] = b"acsp"
    header[68:80] = struct.pack(">3i", 63_190, 65_536, 54_061)
    return bytes(header) + struct.pack(">I", len(tags)) + entries + body
