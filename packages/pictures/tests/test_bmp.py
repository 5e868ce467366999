"""BMP with transparency: what a browser shows of original, result and preview."""

import struct
from io import BytesIO

import pytest
from pictures import Limits, Refused, check, edited, preview
from PIL import Image

BGRA = 0xFF0000, 0xFF00, 0xFF, 0xFF000000
# Of two rows of two pixels the lower comes first: blue, green, red, alpha.
PIXELS = bytes((0, 0, 255, 128, 0, 255, 0, 255, 255, 0, 0, 0, 9, 8, 7, 64))
SHOWN = [(0, 0, 255, 0), (7, 8, 9, 64), (255, 0, 0, 128), (0, 255, 0, 255)]


def bmp(pixels=PIXELS, header=124, masks=BGRA, compression=3):
    dib = struct.pack("<IiiHHIIiiII", header, 2, 2, 1, 32, compression, len(pixels), 3780, 3780, 0, 0)
    dib += struct.pack("<4I", *masks)
    dib += bytes(max(header - len(dib), 0))
    if header < 56:
        dib = dib[: max(header, 52)]
    start = 14 + len(dib)
    return struct.pack("<2sIHHI", b"BM", start + len(pixels), 0, 0, start) + dib + pixels


def pixels(data):
    image = Image.open(BytesIO(data))
    return image.mode, [image.getpixel((x, y)) for y in range(2) for x in range(2)]


@pytest.mark.parametrize("header", [56, 108, 124])
def test_transparency_stays_and_is_told(header):
    data = bmp(header=header)
    assert check(data, Limits()).format == "BMP"
    done = edited(data, lambda frame: frame)
    assert pixels(done) == ("RGBA", SHOWN)
    size, bits, compression = done[14], *struct.unpack_from("<H I", done, 28)
    assert (size, bits, compression) == (108, 32, 3)
    assert struct.unpack_from("<4I", done, 54) == BGRA
    assert len(done) == struct.unpack_from("<I", done, 2)[0]
    assert Image.open(BytesIO(done)).info["dpi"] == pytest.approx((96, 96), abs=0.1)
    assert Image.open(BytesIO(preview(data, 480))).getchannel("A").tobytes() == bytes((0, 64, 128, 255))


def test_grey_keeps_transparency_too():
    mode, seen = pixels(edited(bmp(), lambda frame: frame.convert("LA")))
    assert (mode, [alpha for *_, alpha in seen]) == ("RGBA", [0, 64, 128, 255])


@pytest.mark.parametrize("header", [56, 108, 124])
def test_an_alpha_of_zero_everywhere_is_none(header):
    data = bmp(bytes(0 if at % 4 == 3 else value for at, value in enumerate(PIXELS)), header)
    opaque = [colour[:3] for colour in SHOWN]
    assert pixels(edited(data, lambda frame: frame)) == ("RGB", opaque)
    assert Image.open(BytesIO(preview(data, 480))).mode == "RGB"


@pytest.mark.parametrize("data", [bmp(header=40, compression=0), bmp(header=124, masks=(*BGRA[:3], 0))])
def test_what_says_nothing_of_alpha_is_opaque(data):
    assert pixels(edited(data, lambda frame: frame))[0] == "RGB"


@pytest.mark.parametrize(
    ("data", "kind"),
    [(bmp(masks=(0x3FF00000, 0xFFC00, 0x3FF, 0)), "BMP bitfields layout"), (bmp(compression=5), "BMP compression (5)")],
)
def test_kinds_that_are_not_supported_are_called_so(data, kind):
    with pytest.raises(Refused) as caught:
        check(data, Limits())
    assert (caught.value.code, caught.value.parameters) == ("unsupported-kind", {"kind": kind})
