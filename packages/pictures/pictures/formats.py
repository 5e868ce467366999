"""The formats that are accepted: one row each."""

import math
import re
from dataclasses import dataclass

MAX_FRAMES = 1_000


@dataclass(frozen=True)
class Format:
    """A format of pictures.

    `megapixels` is a cap of its own (1e6 pixels), infinite where the general limit does; `animated_megapixels` the
    same for animations, all frames counted. `bytes_per_pixel` is what the dearest edit of the dearest kind was seen to
    take, resident, above the 40 MB of an idle process. At the caps, with 50 for what has none: at most 10 s of one
    core and 650 MB.
    """

    name: str  # as Pillow calls it
    label: str  # as people call it
    extensions: tuple[str, ...]  # the first is that of stored files
    media_type: str
    signature: bytes  # a pattern of how its bytes begin
    bytes_per_pixel: int
    megapixels: float = math.inf
    animated_megapixels: float = math.inf
    max_side: int = 30_000  # pixels
    many: bool = True  # whether there may be more than one frame
    result: str = ""  # the format that results have, where it is another

    @property
    def extension(self) -> str:
        return self.extensions[0]


FORMATS: dict[str, Format] = {
    row.name: row
    for row in (
        Format("JPEG", "JPEG", ("jpeg", "jpg"), "image/jpeg", rb"\xff\xd8\xff", 14, many=False),
        Format("PNG", "PNG", ("png",), "image/png", rb"\x89PNG\r\n\x1a\n", 12, animated_megapixels=20),
        Format("WEBP", "WebP", ("webp",), "image/webp", rb"RIFF....WEBP", 37, 12.5, 12.5, max_side=16_383),
        Format("GIF", "GIF", ("gif",), "image/gif", rb"GIF8", 16, animated_megapixels=25),
        Format("AVIF", "AVIF", ("avif",), "image/avif", rb"....ftypavi[fs]", 46, 12.5, 12.5),
        Format(
            "HEIF",
            "HEIC",
            ("heic", "heif"),
            "image/heic",
            rb"....ftyp(hei[cmsx]|hev[cmsx]|mif1|msf1)",
            10,
            many=False,
            result="JPEG",
        ),
        Format("TIFF", "TIFF", ("tiff", "tif"), "image/tiff", rb"II\*\0|MM\0\*|II\+\0|MM\0\+", 9),
        Format("BMP", "BMP", ("bmp",), "image/bmp", rb"BM", 8, many=False),
    )
}

# What Pillow calls a JPEG with a second picture behind the first, as telephones make it.
_ALIASES = {"MPO": "JPEG"}

ACCEPTED = ", ".join(row.label for row in FORMATS.values())


def format_named(name: str | None) -> Format:
    """Return the format that Pillow calls `name`. Raises KeyError when it is not accepted."""
    return FORMATS[_ALIASES.get(name or "", name or "")]


def result_extension(extension: str) -> str:
    """Return the extension of the results for an upload with `extension`: as a rule the same."""
    results = {known: row.result for row in FORMATS.values() for known in row.extensions if row.result}
    result = results.get(extension.lower())
    return FORMATS[result].extension if result else extension


def looks_like(form: Format, data: bytes) -> bool:
    """Whether `data` begins as the format does."""
    return bool(re.match(form.signature, data, re.DOTALL))
