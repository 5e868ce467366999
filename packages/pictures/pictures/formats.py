"""The formats that are accepted: one row each."""

import math
from dataclasses import dataclass

MAX_FRAMES = 1_000


@dataclass(frozen=True)
class Format:
    """A format of pictures.

    `megapixels` is a cap of its own (1e6 pixels), infinite where the general limit does; `animated_megapixels` the
    same for animations, all frames counted. Measured at the caps, with 50 for what has none: rotating takes at
    most 10 s of one core and 430 MB of resident memory (progressive JPEG 520 MB, lossless WebP 560 MB).
    """

    name: str  # as Pillow calls it
    label: str  # as people call it
    extensions: tuple[str, ...]  # the first is that of stored files
    media_type: str
    signature: bytes
    megapixels: float = math.inf
    animated_megapixels: float = math.inf
    max_side: int = 30_000  # pixels

    @property
    def extension(self) -> str:
        return self.extensions[0]


FORMATS: dict[str, Format] = {
    row.name: row
    for row in (
        Format("JPEG", "JPEG", ("jpeg", "jpg"), "image/jpeg", b"\xff\xd8\xff"),
        Format("PNG", "PNG", ("png",), "image/png", b"\x89PNG\r\n\x1a\n", animated_megapixels=20),
        Format("WEBP", "WebP", ("webp",), "image/webp", b"RIFF", 12.5, 12.5, max_side=16_383),
        Format("GIF", "GIF", ("gif",), "image/gif", b"GIF8", animated_megapixels=25),
    )
}

# What Pillow calls a JPEG with a second picture behind the first, as telephones make it.
_ALIASES = {"MPO": "JPEG"}

ACCEPTED = ", ".join(row.label for row in FORMATS.values())


def format_named(name: str | None) -> Format:
    """Return the format that Pillow calls `name`. Raises KeyError when it is not accepted."""
    return FORMATS[_ALIASES.get(name or "", name or "")]
