"""Files that lack nothing that is seen, and files that do."""

import random
import struct
import tracemalloc
import zlib
from io import BytesIO

import pytest
from pictures import Limits, Refused, check, edited, preview
from PIL import Image, TiffImagePlugin


def picture(size=(96, 64), seed=0):
    """Noise: whatever is missing is seen."""
    return Image.frombytes("RGB", size, random.Random(seed).randbytes(size[0] * size[1] * 3))


def saved(image, form, **options):
    out = BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def pixels(data):
    with Image.open(BytesIO(data)) as image:
        return image.convert("RGB").tobytes()


def turned(data):
    return edited(data, turn=Image.Transpose.ROTATE_180)


def checked(data):
    return check(data, Limits())


def small(data):
    return preview(data, 480)


def refusal(data, uses=(checked, turned, small)):
    codes = set()
    for use in uses:
        with pytest.raises(Refused) as caught:
            use(data)
        codes.add(caught.value.code)
    (code,) = codes
    return code


def accepted(cut, whole):
    """That a file is worked on as the one without fault: every use of it has the same result."""
    assert checked(cut) == checked(whole)
    assert turned(cut) == turned(whole)
    assert small(cut) == small(whole)


# JPEG


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}], ids=str)
def test_a_jpeg_without_its_end_marker_is_whole(options):
    whole = saved(picture(), "JPEG", quality=90, **options)
    for missing in (1, 2):
        accepted(whole[:-missing], whole)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("missing", [8, 30, 500])
def test_a_jpeg_without_its_last_pixels_is_cut(missing, progressive):
    whole = saved(picture(), "JPEG", quality=90, progressive=progressive)
    assert refusal(whole[:-missing]) == "truncated"


def test_a_progressive_jpeg_without_its_last_scan_is_cut():
    whole = saved(picture(), "JPEG", quality=90, progressive=True)
    assert refusal(whole[: whole.rindex(b"\xff\xda")]) == "truncated"


# PNG


def chunk(name, body, checksum=None):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", checksum or zlib.crc32(name + body))


def with_chunk(data, *args):
    """The PNG with a chunk before its pixels."""
    at = data.index(b"IDAT") - 4
    return data[:at] + chunk(*args) + data[at:]


@pytest.mark.parametrize(
    "fault",
    [
        (b"tEXt", b"Comment\0Hello", 1),
        (b"iTXt", b"x"),
        (b"zTXt", b"Comment\0\0junk"),
        (b"pHYs", b"\0\0\x0b\x13\0\0\x0b\x13"),
        (b"pHYs", b""),
        (b"gAMA", b"\0\0"),
        (b"cHRM", b"\0" * 5),
        (b"sRGB", b""),
        (b"cICP", b"\x0c"),
        (b"iCCP", b"name\0\0no zlib"),
        (b"tIME", b"\1"),
        (b"tRNS", b"\1"),
        (b"eXIf", b"MM\0*", 7),
    ],
    ids=str,
)
def test_what_is_damaged_beside_the_pixels_of_a_png_is_of_no_consequence(fault):
    whole = saved(picture(), "PNG")
    accepted(with_chunk(whole, *fault), whole)


def test_a_png_without_its_end_is_whole_if_its_pixels_are():
    whole = saved(picture(), "PNG")
    for missing in (4, 12, 14):  # of the end some or all; of the checksum of the pixels
        accepted(whole[:-missing], whole)
    assert refusal(whole[:-60]) == "truncated"


def test_a_png_as_the_tools_for_iphones_make_it_is_called_so():
    whole = saved(picture(), "PNG")
    data = whole[:8] + chunk(b"CgBI", bytes(4)) + whole[8:]
    assert refusal(data) == "unsupported-kind"


@pytest.mark.parametrize("animated", [False, True])
def test_thousands_of_empty_chunks_take_no_room(animated):
    """Each of them as an object would take 15 times the file."""
    whole = saved(picture(), "PNG")
    at = whole.index(b"IDAT") - 4
    animation = chunk(b"acTL", struct.pack(">II", 1, 0)) if animated else b""
    data = whole[:at] + animation + chunk(b"IDAT", b"") * 40_000 + whole[at:-12]  # and without its end
    tracemalloc.start()
    try:
        if animated:
            assert refusal(data, [checked]) == "truncated"
        else:
            checked(data)
        assert tracemalloc.get_traced_memory()[1] < 5 * len(data)
    finally:
        tracemalloc.stop()


def test_pixels_of_a_png_with_a_wrong_checksum_are_damaged():
    data = bytearray(saved(picture(), "PNG"))
    data[-17] ^= 1
    assert refusal(bytes(data)) == "damaged"


# WebP, GIF


@pytest.mark.parametrize("lossless", [False, True])
def test_a_webp_whose_metadata_are_cut_off_is_whole(lossless):
    plain = saved(picture(), "WEBP", lossless=lossless)
    data = saved(picture(), "WEBP", lossless=lossless, xmp=b"<x>" + b"y" * 300)
    for missing in (1, 100, 308):
        cut = data[:-missing]
        assert pixels(turned(cut)) == pixels(turned(plain))
        assert checked(cut) == checked(plain)
    assert refusal(plain[:-40]) in ("truncated", "damaged")


def test_a_gif_without_its_trailer_is_whole():
    frames = [picture(seed=seed).quantize(64) for seed in range(3)]
    whole = saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50)
    accepted(whole[:-1], whole)
    assert refusal(whole[:-400], (checked, turned)) == "truncated"


def test_a_gif_damaged_in_a_late_frame_is_damaged():
    frames = [picture(seed=seed).quantize(64) for seed in range(3)]
    data = bytearray(saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50))
    data[-200:-190] = b"\xff" * 10
    assert refusal(bytes(data), (checked, turned)) == "damaged"


# TIFF


def pages(sizes, **options):
    out = BytesIO()
    with TiffImagePlugin.AppendingTiffWriter(out) as writer:
        for number, size in enumerate(sizes):
            picture(size, number).save(writer, "TIFF", **options)
            writer.newFrame()
    return out.getvalue()


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
@pytest.mark.parametrize("missing", [20, 2_000, 11_000])
def test_a_page_that_is_cut_off_does_not_cost_the_whole_ones(compression, missing):
    sizes = [(96, 64), (80, 50), (90, 60)]
    data = pages(sizes, compression=compression)[:-missing]
    whole = pages(sizes[:2], compression=compression)
    assert (checked(data).frames, checked(data).pixels) == (2, 96 * 64 + 80 * 50)
    accepted(data, whole)


def test_a_first_page_that_is_cut_off_is_refused():
    data = pages([(96, 64)])
    assert refusal(data[: len(data) // 2]) in ("truncated", "damaged")


def test_a_chain_of_pages_that_runs_in_a_circle_has_an_end():
    data = bytearray(pages([(9, 9), (9, 9)]))
    first = struct.unpack_from("<I", data, 4)[0]
    at = first + 2 + 12 * struct.unpack_from("<H", data, first)[0]
    second = struct.unpack_from("<I", data, at)[0]
    struct.pack_into("<I", data, second + 2 + 12 * struct.unpack_from("<H", data, second)[0], first)
    assert checked(bytes(data)).frames == 2
