"""BMP with transparency: a header of version 4 that says where it is (BITMAPV4HEADER)."""

import struct
from io import BytesIO
from typing import IO, cast

from PIL import BmpImagePlugin, Image

_FILE_HEADER_BYTES, _HEADER_BYTES = 14, 108
_BITFIELDS = 3
_MASKS = 0xFF0000, 0xFF00, 0xFF, 0xFF000000  # red, green, blue, alpha
_SRGB = b"BGRs"  # LCS_sRGB
_INCH_METRES = 0.0254


class Bmp(BmpImagePlugin.BmpImageFile):
    """A BMP that is opaque where its alpha is zero everywhere, as browsers and Windows show it."""

    def __init__(self, data: bytes) -> None:
        """Raises SyntaxError and its kin where `data` is no BMP."""
        super().__init__(BytesIO(data))

    def load_end(self) -> None:
        if self.mode == "RGBA" and cast(tuple[int, int], self._new(self.im).getchannel("A").getextrema())[1] == 0:
            self.im, self._mode = self.im.convert("RGB"), "RGB"


def write(out: IO[bytes], frame: Image.Image, dpi: tuple[float, float] = (0, 0)) -> None:
    """Write a frame of RGBA, which Pillow would write without saying that there is an alpha."""
    start, (width, height) = _FILE_HEADER_BYTES + _HEADER_BYTES, frame.size
    size = 4 * width * height
    per_metre = (round(value / _INCH_METRES) for value in dpi)
    out.write(struct.pack("<2sIHHI", b"BM", start + size, 0, 0, start))
    out.write(struct.pack("<IiiHHIIiiII", _HEADER_BYTES, width, height, 1, 32, _BITFIELDS, size, *per_metre, 0, 0))
    out.write(struct.pack("<4I4s48x", *_MASKS, _SRGB))
    out.write(frame.tobytes("raw", "BGRA", 0, -1))
