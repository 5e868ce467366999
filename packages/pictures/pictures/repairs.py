"""Files of which all pixels are there, made sound: what is missing or damaged is their end, or what nobody sees."""

from collections.abc import Callable

from . import jpeg, png, tiff, webp
from .formats import FORMATS, looks_like


def mended(data: bytes) -> bytes:
    """Return the file with its end in order, and without what is damaged and of no consequence; as a rule unchanged.

    A JPEG and a PNG have their end marker, a PNG no damaged chunk beside its pixels, a WebP nothing after its pixels
    that is cut off, a TIFF no page that is. Pixels that are missing stay so, for the decoder to find. Raises Refused
    for a kind of JPEG or TIFF that is not supported.
    """
    for name, mend in _MENDED.items():
        if looks_like(FORMATS[name], data):
            return mend(data)
    return data


_MENDED: dict[str, Callable[[bytes], bytes]] = {
    "JPEG": jpeg.mended,
    "PNG": png.mended,
    "WEBP": webp.mended,
    "TIFF": tiff.mended,
}
