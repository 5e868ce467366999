"""JPEG edited without decoding it: compared with what Pillow makes of the decoded pixels."""

import os
import random
import struct
from io import BytesIO

import pytest
from pictures import Refused, edited, lossless
from pictures.turns import UPRIGHT, Turn, combined
from PIL import Image, ImageChops, ImageCms, ImageStat, JpegImagePlugin

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

with_library = pytest.mark.skipif(
    not lossless.available() and not os.environ.get("CI"), reason="libturbojpeg is not installed"
)


def photo(size=(96, 64)):
    grain = Image.frombytes("L", size, random.Random(1).randbytes(size[0] * size[1]))
    red, green = Image.linear_gradient("L").resize(size), Image.radial_gradient("L").resize(size)
    return Image.merge("RGB", (ImageChops.add(red, grain.point([v // 16 for v in range(256)])), green, red))


def jpeg(image=None, **options):
    out = BytesIO()
    (image or photo()).save(out, "JPEG", **{"quality": 85, "subsampling": 2} | options)
    return out.getvalue()


def opened(data):
    return Image.open(BytesIO(data))


def luma(frame):
    return frame.convert("L")


def difference(one, other):
    """Mean difference in values of 0 to 255."""
    assert one.size == other.size
    return max(ImageStat.Stat(ImageChops.difference(one.convert("RGB"), other.convert("RGB"))).mean)


@pytest.fixture
def by_pillow(monkeypatch):
    """The same edit without the library."""

    def edit(*args, **kwargs):
        with monkeypatch.context() as patch:
            patch.setattr(lossless, "_library", lambda: None)
            return edited(*args, **kwargs)

    return edit


@pytest.fixture
def decoded(monkeypatch):
    """Which pictures were decoded."""
    seen = []
    load = JpegImagePlugin.JpegImageFile.load
    monkeypatch.setattr(JpegImagePlugin.JpegImageFile, "load", lambda self: seen.append(self) or load(self))
    return seen


def test_turns_combine():
    image = photo((5, 3))
    for first in (None, *Turn):
        for second in (None, *Turn):
            expected = image
            for turn in (first, second):
                expected = expected if turn is None else expected.transpose(turn)
            turn = combined(first, second)
            assert (image if turn is None else image.transpose(turn)).tobytes() == expected.tobytes()


@with_library
@pytest.mark.parametrize("sampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("turn", Turn)
def test_a_turn_loses_nothing_and_is_the_one_of_pillow(turn, progressive, sampling, by_pillow, decoded):
    data = jpeg(subsampling=sampling, progressive=progressive)
    done = edited(data, turn=turn)
    assert not decoded
    assert difference(opened(done), opened(by_pillow(data, turn=turn))) < 1.5
    assert bool(opened(done).info.get("progressive")) == progressive
    back = edited(done, turn=combined(turn, turn, turn) if turn in (Turn.ROTATE_90, Turn.ROTATE_270) else turn)
    assert opened(back).tobytes() == opened(data).tobytes()  # no coefficient is another


@with_library
@pytest.mark.parametrize("size", [(96, 64), (97, 61)])
def test_grey_is_the_luma_that_stood_there(size, by_pillow, decoded):
    data = jpeg(photo(size))
    done = edited(data, luma, to_luma=True)
    assert not decoded
    after = opened(done)
    draft = opened(data)
    draft.draft("L", draft.size)
    assert (after.mode, after.tobytes()) == ("L", draft.tobytes())
    assert after.quantization == {0: opened(data).quantization[0]}
    assert difference(after, opened(by_pillow(data, luma, to_luma=True))) < 1


@with_library
def test_grey_stays_as_it_is(decoded):
    data = jpeg(photo().convert("L"))
    assert opened(edited(data, luma, to_luma=True)).tobytes() == opened(data).tobytes()
    assert opened(edited(data, turn=Turn.ROTATE_180)).mode == "L"


@with_library
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_and_turn_are_one_step(orientation, decoded):
    exif = Image.Exif()
    exif[0x0112] = orientation
    done = edited(jpeg(exif=exif), turn=Turn.ROTATE_90)
    assert not decoded
    upright = UPRIGHT.get(orientation)
    expected = photo() if upright is None else photo().transpose(upright)
    assert difference(opened(done), expected.transpose(Turn.ROTATE_90)) < 5
    assert not dict(opened(done).getexif())


@pytest.mark.parametrize(
    ("image", "options"),
    [
        (photo((97, 61)), {}),
        (photo().convert("CMYK"), {"subsampling": 0}),
    ],
    ids=["a block cut by the edge", "four colours"],
)
def test_pillow_does_what_the_blocks_do_not_allow(image, options, decoded):
    data = jpeg(image, **options)
    assert difference(opened(edited(data, turn=Turn.ROTATE_180)), opened(data).transpose(Turn.ROTATE_180)) < 2
    assert decoded


def test_pillow_makes_grey_of_what_has_no_luma(decoded):
    after = opened(edited(jpeg(keep_rgb=True, subsampling=0), luma, to_luma=True))
    assert after.mode == "L"
    assert difference(after, photo().convert("L")) < 3


def test_without_the_library_pillow_does_all(by_pillow, decoded):
    assert difference(opened(by_pillow(jpeg(), turn=Turn.ROTATE_180)), photo().transpose(Turn.ROTATE_180)) < 5
    assert decoded


def test_a_library_that_is_another_is_not_used(monkeypatch):
    monkeypatch.setattr(lossless.ctypes, "CDLL", lambda name: object())
    lossless._library.cache_clear()
    try:
        assert lossless.transformed(jpeg(), Turn.ROTATE_180, False, False) is None
    finally:
        lossless._library.cache_clear()


@with_library
def test_damage_is_left_to_pillow_to_judge(decoded):
    whole = jpeg(photo((512, 512)))
    assert lossless.transformed(whole, Turn.ROTATE_180, False, False)
    with pytest.raises(Refused) as caught:
        edited(whole[: len(whole) // 2], turn=Turn.ROTATE_180)
    assert caught.value.code == "truncated"
    middle = len(whole) // 2
    broken = whole[:middle] + b"\xff\xc0\x12\x34" * 4 + whole[middle + 16 :]
    assert lossless.transformed(broken, Turn.ROTATE_180, False, False) is None
    assert lossless.transformed(b"\xff\xd8\xff", None, False, False) is None
    assert lossless.transformed(b"", None, False, False) is None


@with_library
@pytest.mark.parametrize("profile", [SRGB, SRGB + bytes(150_000)])
def test_profile_and_resolution_stay_and_the_rest_goes(profile, decoded):
    exif = Image.Exif()
    exif[0x010F] = "SECRET maker"
    exif.get_ifd(0x8825).update({1: "N", 2: (1.0, 2.0, 3.0)})
    data = jpeg(exif=exif, icc_profile=profile, comment=b"SECRET", xmp=b"<x>SECRET</x>", dpi=(300, 200))
    for edit in ({"turn": Turn.ROTATE_180}, {"change": luma, "to_luma": True}):
        done = edited(data, **edit)
        after = opened(done)
        assert b"SECRET" in data
        assert b"SECRET" not in done
        assert not dict(after.getexif())
        assert after.info["dpi"] == (300, 200)
        if after.mode == "RGB":
            assert after.info["icc_profile"] == profile
        else:
            assert ImageCms.ImageCmsProfile(BytesIO(after.info["icc_profile"])).profile.xcolor_space == "GRAY"
    assert not decoded


@with_library
def test_a_resolution_that_only_exif_tells_stays():
    exif = Image.Exif()
    exif.update({0x011A: 240.0, 0x011B: 240.0, 0x0128: 2})
    data = jpeg(exif=exif)
    at = data.index(b"JFIF") + 7
    data = data[:at] + struct.pack(">BHH", 0, 1, 1) + data[at + 5 :]
    assert opened(edited(data, turn=Turn.ROTATE_180)).info["dpi"] == opened(data).info["dpi"] == (240, 240)


@with_library
def test_of_two_pictures_in_a_file_the_first_is_turned(decoded):
    out = BytesIO()
    photo().save(out, "MPO", quality=90, save_all=True, append_images=[Image.new("RGB", (20, 20))])
    after = opened(edited(out.getvalue(), turn=Turn.ROTATE_180))
    assert (after.format, after.size) == ("JPEG", (96, 64))
    assert not decoded


@with_library
def test_what_would_take_too_much_memory_is_left_to_pillow(monkeypatch, decoded):
    monkeypatch.setattr("pictures.encoding._MOST_COEFFICIENTS", 96 * 64 * 1.5 * 4 - 1)
    edited(jpeg(), luma, to_luma=True)
    assert not decoded
    edited(jpeg(), turn=Turn.ROTATE_180)
    assert decoded
