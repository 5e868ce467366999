import random
from io import BytesIO

import pillow_heif
import pytest
from grayscale_worker.grayed import grayed
from PIL import Image, ImageChops, ImageCms, ImageStat
from sample_pictures import cmyk_profile

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def colours(mode="RGB", size=(64, 48)):
    red, green = Image.linear_gradient("L").resize(size), Image.radial_gradient("L").resize(size)
    image = Image.merge("RGB", (red, green, ImageChops.invert(red)))
    if mode == "RGBA":
        image.putalpha(green)
    return image.quantize(120) if mode == "P" else image.convert(mode)


def saved(image, form, **options):
    out = BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def opened(data):
    return Image.open(BytesIO(data))


def distance(one, other):
    """The mean grey-level difference of two pictures."""
    return ImageStat.Stat(ImageChops.difference(one.convert("L"), other.convert("L"))).mean[0]


def test_the_grey_level_is_the_luma_of_bt_601():
    image = Image.new("RGB", (3, 1))
    image.putdata([(255, 0, 0), (0, 255, 0), (0, 0, 255)])
    after = opened(grayed(saved(image, "PNG")))
    assert after.mode == "L"
    assert [after.getpixel((x, 0)) for x in range(3)] == [76, 150, 29]


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_keeps_its_luma_quantisation_table(progressive):
    data = saved(colours(), "JPEG", quality=85, progressive=progressive)
    after = opened(grayed(data))
    assert after.mode == "L"
    assert after.quantization == {0: opened(data).quantization[0]}
    assert bool(after.info.get("progressive")) == progressive
    assert distance(after, opened(data)) < 1


def test_a_cmyk_jpeg_is_converted_correctly():
    data = saved(colours("CMYK"), "JPEG", quality=90, icc_profile=SRGB[:16] + b"CMYK" + SRGB[20:])
    after = opened(grayed(data))
    assert after.mode == "L"
    assert "icc_profile" not in after.info
    assert distance(after, colours()) < 3


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
@pytest.mark.parametrize(("inks", "lightness"), [((255, 0, 0, 0), 54), ((0, 255, 0, 0), 45), ((0, 0, 0, 255), 18)])
def test_the_profile_of_cmyk_is_applied(form, inks, lightness):
    after = opened(grayed(saved(Image.new("CMYK", (64, 48), inks), form, icc_profile=cmyk_profile())))
    linear = ((lightness + 16) / 116) ** 3
    assert (after.mode, "icc_profile" in after.info) == ("L", False)
    assert after.getpixel((9, 9)) == pytest.approx(255 * (1.055 * linear ** (1 / 2.4) - 0.055), abs=6)


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_transparency_is_kept(form):
    options = {"lossless": True, "exact": True} if form == "WEBP" else {}
    after = opened(grayed(saved(colours("RGBA"), form, **options)))
    assert after.getchannel("A").tobytes() == colours("RGBA").getchannel("A").tobytes()
    opaque = colours("RGBA").getchannel("A").point([0] * 9 + [255] * 247)
    shades, expected = (Image.composite(image.convert("L"), opaque, opaque) for image in (after, colours()))
    assert distance(shades, expected) < 0.01


def test_one_transparent_colour_does_not_make_its_shade_transparent():
    image = Image.new("RGB", (2, 1), (255, 0, 0))
    image.putpixel((1, 0), (76, 76, 76))
    after = opened(grayed(saved(image, "PNG", transparency=(255, 0, 0)))).convert("LA")
    assert [after.getpixel((x, 0))[1] for x in range(2)] == [0, 255]


def test_a_palette_becomes_grey():
    after = opened(grayed(saved(colours("P"), "PNG"))).convert("RGB")
    assert after.convert("L").tobytes() == colours("P").convert("RGB").convert("L").tobytes()
    assert len({band.tobytes() for band in after.split()}) == 1


def test_16_bit_grey_does_not_change():
    image = Image.frombytes("I;16", (20, 20), random.Random(3).randbytes(800))
    after = opened(grayed(saved(image, "PNG")))
    assert (after.mode, after.tobytes()) == ("I;16", image.tobytes())


@pytest.mark.parametrize("mode", ["1", "I", "I;16", "I;16B", "F"])
def test_a_grey_tiff_does_not_change(mode):
    image = Image.frombytes("I;16B", (20, 20), random.Random(3).randbytes(800)) if mode == "I;16B" else colours("L")
    data = saved(image if image.mode == mode else image.convert(mode), "TIFF")
    after = opened(grayed(data))
    assert (after.mode, after.tobytes()) == (mode, opened(data).tobytes())


def test_a_lab_tiff_becomes_grey():
    spaces = [ImageCms.createProfile(name) for name in ("sRGB", "LAB")]
    data = saved(ImageCms.profileToProfile(colours(), *spaces, outputMode="LAB"), "TIFF")
    after = opened(grayed(data))
    assert after.mode == "L"
    assert distance(after, colours()) < 3


def test_heic_becomes_a_grey_jpeg():
    pillow_heif.register_heif_opener()
    after = opened(grayed(saved(colours(), "HEIF", quality=90)))
    assert (after.format, after.mode) == ("JPEG", "L")
    assert distance(after, colours()) < 3


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP"])
@pytest.mark.parametrize("transparent", [False, True])
def test_every_frame_of_an_animation_becomes_grey(form, transparent):
    frames = []
    for number in range(3):
        frame = Image.new("RGBA", (30, 20), (0, 0, 0, 0) if transparent else (250, 240, 10, 255))
        frame.paste((200, 60 * number, 90, 255), (5 * number, 4, 5 * number + 9, 18))
        frames.append(frame)
    options = {"lossless": True} if form == "WEBP" else {}
    data = saved(
        frames[0], form, save_all=True, append_images=frames[1:], duration=[40, 80, 120], disposal=2, **options
    )
    before, after = opened(data), opened(grayed(data))
    assert after.n_frames == before.n_frames == 3
    for number in range(3):
        before.seek(number)
        after.seek(number)
        seen, expected = after.convert("RGBA"), before.convert("RGBA")
        assert seen.getchannel("A").tobytes() == expected.getchannel("A").tobytes()
        solid = expected.getchannel("A")
        shades = [Image.composite(image.convert("L"), solid, solid).tobytes() for image in (seen, expected)]
        assert shades[0] == shades[1]
        assert after.info["duration"] == before.info["duration"]


@pytest.mark.parametrize(("form", "space"), [("JPEG", "GRAY"), ("PNG", "GRAY"), ("TIFF", "GRAY"), ("WEBP", "RGB")])
def test_the_colour_profile_matches_the_stored_mode(form, space):
    after = opened(grayed(saved(colours(), form, icc_profile=SRGB)))
    profile = ImageCms.ImageCmsProfile(BytesIO(after.info["icc_profile"])).profile
    assert profile.xcolor_space.strip() == space
    assert after.mode == ("L" if space == "GRAY" else "RGB")
