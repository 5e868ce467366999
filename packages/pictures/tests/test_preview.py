"""Small pictures: each test looks at what a browser would show."""

import random
from contextlib import nullcontext
from io import BytesIO

import pillow_heif
import pytest
from pictures import Refused, preview
from PIL import Image, ImageChops, ImageCms, ImageStat

pillow_heif.register_heif_opener()  # to save HEIC; the suite itself only reads it

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SIZE = (300, 200)


def shades(mode="RGB", size=SIZE):
    across, down = Image.linear_gradient("L").resize(size), Image.radial_gradient("L").resize(size)
    if mode in ("I;16", "I;16B", "I", "F"):
        wide = across.convert("I").point(lambda value: value * 257)
        return Image.frombytes(mode, size, wide.convert("I;16B").tobytes()) if mode == "I;16B" else wide.convert(mode)
    image = Image.merge("RGB", (across, down, ImageChops.invert(across)))
    if mode == "LAB":
        return ImageCms.profileToProfile(image, *map(ImageCms.createProfile, ("sRGB", "LAB")), outputMode="LAB")
    return image.quantize(200) if mode == "P" else image.convert(mode)


def as_seen(mode):
    """What `shades(mode)` looks like."""
    if mode in ("I", "I;16", "I;16B", "F"):
        return Image.linear_gradient("L").resize(SIZE)
    return shades("L" if mode in ("1", "L", "LA") else "RGB")


def saved(image, form, **options):
    out = BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def shown(data, side=150):
    small = Image.open(BytesIO(preview(data, side)))
    assert small.format == "WEBP"
    return small


def distance(one, other):
    """Mean difference in shades of what is seen from afar, over the channels."""
    afar = [image.convert("RGB").reduce(4) for image in (one, other)]
    return max(ImageStat.Stat(ImageChops.difference(*afar)).mean)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIF", "TIFF", "BMP"])
def test_a_preview_looks_like_its_picture(form):
    small = shown(saved(shades(), form))
    assert (small.size, small.mode) == ((150, 100), "RGB")
    assert distance(small, shades(size=(150, 100))) < 6


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "I", "I;16", "I;16B", "F", "RGB", "RGBA", "CMYK", "LAB"])
def test_every_mode_of_a_tiff_is_shown_as_it_is(mode):
    small = shown(saved(shades(mode), "TIFF"))
    assert distance(small, as_seen(mode).resize(small.size)) < 6


@pytest.mark.parametrize("highest", [1, 255, 65_535, 10**6])
def test_numbers_are_shown_by_their_usual_white(highest):
    ramp = Image.linear_gradient("L").convert("F").point(lambda value: value * (highest / 255) + 0)
    assert distance(shown(saved(ramp, "TIFF"), 256), Image.linear_gradient("L")) < 3
    assert shown(saved(Image.new("F", (9, 9)), "TIFF")).getpixel((4, 4)) == (0, 0, 0)


@pytest.mark.parametrize("side", [10, 150, 299, 300, 1600])
@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_no_side_is_longer_than_wanted_and_none_grows(form, side):
    for size in (SIZE, SIZE[::-1], (1, 500)):
        small = shown(saved(Image.new("RGB", size), form), side)
        assert max(small.size) == min(side, max(size))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "I;16", "F", "RGB", "RGBA", "CMYK"])
def test_a_large_picture_shows_no_seams(mode):
    """More than 64 rows of the small picture, with a rest at the end."""
    small = shown(saved(shades(mode, (1000, 2010)), "TIFF"), 100)
    assert small.size == (50, 100)
    assert distance(small, as_seen(mode).resize(small.size)) < 4


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF", "TIFF"])
def test_it_is_upright(form):
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = shades().transpose(Image.Transpose.ROTATE_90)
    small = shown(saved(stored, form, exif=exif.tobytes() if form == "HEIF" else exif))
    assert small.size == (150, 100)
    assert distance(small, shades(size=(150, 100))) < 6


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "key"])
def test_what_is_transparent_stays_so(mode):
    image = Image.new("RGB", SIZE, "red")
    image.paste("blue", (100, 0, 300, 200))
    if mode == "key":
        data = saved(image, "PNG", transparency=(255, 0, 0))
    elif mode == "P":
        paletted = image.quantize(2)
        data = saved(paletted, "PNG", transparency=paletted.getpixel((0, 0)))
    else:
        image.putalpha(ImageChops.invert(image.getchannel("R")))
        data = saved(image.convert(mode), "PNG")
    alpha = shown(data).getchannel("A")
    assert [alpha.getpixel((x, 50)) for x in (10, 140)] == [0, 255]


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "AVIF", "TIFF"])
def test_of_several_frames_the_first_is_shown(form):
    frames = [Image.new("RGB", SIZE, colour) for colour in ("red", "lime", "blue")]
    small = shown(saved(frames[0], form, save_all=True, append_images=frames[1:], duration=50))
    assert getattr(small, "n_frames", 1) == 1
    assert distance(small, frames[0].resize((150, 100))) < 6


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_the_profile_stays_and_the_rest_goes(form):
    exif = Image.Exif()
    exif[0x010F] = "SECRET maker"
    data = saved(shades(), form, exif=exif, icc_profile=SRGB)
    small = shown(data)
    assert small.info["icc_profile"] == SRGB
    assert not dict(small.getexif())
    assert b"SECRET" not in preview(data, 150)


def test_a_profile_that_does_not_fit_goes():
    small = shown(saved(shades("CMYK"), "JPEG", icc_profile=SRGB[:16] + b"CMYK" + SRGB[20:]))
    assert "icc_profile" not in small.info


def test_a_large_picture_is_decoded_alone():
    seen = []
    for size in (SIZE, (5000, 4400)):
        preview(saved(Image.new("1", size), "PNG"), 150, lambda alone: nullcontext(seen.append(alone)))
    assert seen == [False, True]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIF", "TIFF", "BMP"])
def test_what_is_no_whole_picture_is_refused(form):
    noise = Image.frombytes("RGB", (64, 64), random.Random(1).randbytes(64 * 64 * 3))
    data = saved(noise, form)
    for bad in (data[: len(data) // 2], b"no picture", b""):
        with pytest.raises(Refused):
            preview(bad, 150)
