"""Kinds of TIFF that Pillow does not know, or takes for others."""

import struct
from io import BytesIO

import pytest
from pictures import Limits, Refused, check, edited, preview
from PIL import Image

GREY, RGB, CMYK = 1, 2, 5
UNSIGNED, SIGNED, FLOAT = 1, 2, 3
SIDE = 8


def tiff(pixels, photometric, bits, form=UNSIGNED, extra=(), compression=1):
    """A little-endian TIFF of 8 × 8 pixels, in one strip."""
    tags = [
        (256, "H", [SIDE]),
        (257, "H", [SIDE]),
        (258, "H", bits),
        (259, "H", [compression]),
        (262, "H", [photometric]),
        (273, "I", [8]),
        (277, "H", [len(bits)]),
        (278, "H", [SIDE]),
        (279, "I", [len(pixels)]),
        *([(338, "H", extra)] if extra else []),
        (339, "H", [form] * len(bits)),
    ]
    at = 8 + len(pixels) + len(pixels) % 2
    beside = at + 2 + 12 * len(tags) + 4
    entries, more = b"", b""
    for tag, kind, values in tags:
        packed = struct.pack(f"<{len(values)}{kind}", *values)
        if len(packed) > 4:
            place = struct.pack("<I", beside + len(more))
            more += packed
        else:
            place = packed.ljust(4, b"\0")
        entries += struct.pack("<HHI", tag, {"H": 3, "I": 4}[kind], len(values)) + place
    directory = struct.pack("<H", len(tags)) + entries + bytes(4) + more
    return b"II*\0" + struct.pack("<I", at) + pixels.ljust(at - 8, b"\0") + directory


def numbers(form, *values):
    """Half of the rows of the first value, half of the second."""
    return b"".join(struct.pack(f"<{SIDE * SIDE // 2}{form}", *[value] * (SIDE * SIDE // 2)) for value in values)


def same(frame):
    return frame


def test_white_of_unsigned_32_bits_is_white():
    data = tiff(numbers("I", 0xFFFFFFFF, 0x12345678), GREY, [32])
    after = Image.open(BytesIO(edited(data, same)))
    assert (after.mode, after.getpixel((1, 1)), after.getpixel((1, 6))) == ("I;16", 0xFFFF, 0x1234)
    small = Image.open(BytesIO(preview(data, 480))).convert("RGB")
    assert small.getpixel((1, 1)) == pytest.approx((255,) * 3, abs=2)
    assert small.getpixel((1, 6)) == pytest.approx((0x12,) * 3, abs=2)


def test_numbers_that_fit_stay_as_they_are():
    for form, values in ((UNSIGNED, (5, 2_000_000_000)), (SIGNED, (-5, 70_000))):
        data = tiff(numbers("i", *values), GREY, [32], form)
        after = Image.open(BytesIO(edited(data, same)))
        assert (after.mode, after.getpixel((1, 1)), after.getpixel((1, 6))) == ("I", *values)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (tiff(numbers("f", 0.5, 1) * 3, RGB, [32, 32, 32], FLOAT), "TIFF RGB, 3 × 32 bit float"),
        (tiff(numbers("d", 0.5, 1), GREY, [64], FLOAT), "TIFF, 1 × 64 bit float"),
        (tiff(numbers("H", 1, 2) * 2, GREY, [16, 16], extra=[2]), "TIFF, 2 × 16 bit"),
        (tiff(bytes(SIDE * SIDE * 5), CMYK, [8] * 5, extra=[2]), "TIFF CMYK, 5 × 8 bit"),
        (tiff(bytes(100), RGB, [8] * 3, compression=50_001), "TIFF RGB, 3 × 8 bit, WebP"),
        (tiff(bytes(100), RGB, [8] * 3, compression=34_712), "TIFF RGB, 3 × 8 bit, Compression 34712"),
    ],
    ids=["RGB float32", "float64", "16-bit grey with alpha", "CMYK with alpha", "WebP", "JPEG 2000"],
)
def test_kinds_that_are_not_supported_are_called_so(data, kind):
    for use in (lambda data: check(data, Limits()), lambda data: edited(data, same), lambda data: preview(data, 480)):
        with pytest.raises(Refused) as caught:
            use(data)
        assert (caught.value.code, caught.value.parameters) == ("unsupported-kind", {"kind": kind})


def test_what_is_cut_is_not_called_a_kind():
    data = tiff(numbers("f", 0.5, 1) * 3, RGB, [32, 32, 32], FLOAT)
    with pytest.raises(Refused) as caught:
        check(data[:200], Limits())
    assert caught.value.code in ("truncated", "damaged")
