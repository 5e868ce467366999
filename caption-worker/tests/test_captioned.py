import random
import struct
import time
from io import BytesIO

import pytest
from caption_worker.captioned import captioned, draw_label, label
from pictures import Refused
from PIL import Image, ImageChops, ImageCms, TiffImagePlugin

NAME = "férias na praia.jpeg"
SIZE = (320, 240)


def colours(mode="RGB", size=SIZE):
    red, green = Image.linear_gradient("L").resize(size), Image.radial_gradient("L").resize(size)
    image = Image.merge("RGB", (red, green, ImageChops.invert(red)))
    if mode == "RGBA":
        image.putalpha(green)
    if mode == "LA":
        image = Image.merge("LA", (red, green))
    if mode in ("I;16", "I"):
        return red.convert("I").point(lambda value: value * 257).convert(mode)
    return image.quantize(120) if mode == "P" else image.convert(mode)


def noise(size=SIZE):
    return Image.frombytes("RGB", size, random.Random(5).randbytes(3 * size[0] * size[1]))


def saved(image, form="PNG", **options):
    out = BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def opened(data):
    return Image.open(BytesIO(data))


def visible_colours(image):
    """The RGB bytes of a picture, with transparent pixels black."""
    return Image.composite(image.convert("RGB"), Image.new("RGB", image.size), image.getchannel("A")).tobytes()


def band_of(image, name=NAME):
    """The band of a captioned picture, and the mask of its text."""
    mask = label(name, *image.size)
    return image.crop((0, image.height - mask.height, *image.size)), mask


def luminance(value):
    """The relative luminance of an sRGB grey level (WCAG 2.2)."""
    value /= 255
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def contrast(image, name=NAME):
    """The WCAG 2.2 contrast between the darkest pixel inside the text and the brightest one outside."""
    band, mask = band_of(image.convert("RGB"), name)
    shades = band.convert("L")
    within = [shade for shade, n in enumerate(shades.histogram(mask.point(lambda v: 255 * (v == 255)))) if n]
    without = [shade for shade, n in enumerate(shades.histogram(mask.point(lambda v: 255 * (v == 0)))) if n]
    return (luminance(within[0]) + 0.05) / (luminance(without[-1]) + 0.05)


@pytest.mark.parametrize("background", ["white", "black", "gray", "yellow", "cyan", "noise", "gradient"])
@pytest.mark.parametrize("size", [(320, 240), (1600, 1200), (90, 60)])
def test_text_is_legible_on_every_background(background, size):
    backgrounds = {"noise": noise, "gradient": lambda size: colours(size=size)}
    image = backgrounds[background](size) if background in backgrounds else Image.new("RGB", size, background)
    assert contrast(opened(captioned(saved(image), NAME))) >= 7  # what WCAG 2.2 calls enhanced


@pytest.mark.parametrize("size", [(320, 240), (1600, 1200), (60, 300), (900, 80)])
def test_only_the_band_changes(size):
    image = noise(size)
    after = opened(captioned(saved(image), NAME))
    left, top, right, bottom = ImageChops.difference(image, after).getbbox()
    assert (left, right, bottom) == (0, *size)
    assert bottom - top <= 0.6 * size[1]
    assert size[1] - top == label(NAME, *size).height


def test_the_font_size_is_proportional_to_the_picture():
    heights = [label("x.png", 4 * side, 3 * side).height for side in (50, 100, 200, 400, 800, 2000)]
    assert heights == sorted(heights)
    assert heights[-1] / 6000 == pytest.approx(heights[3] / 1200, rel=0.05)
    assert label("x.png", 80, 60).height / 60 > 0.2  # never too small to be read


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (8, 400), (400, 8), (30, 20)])
def test_a_picture_that_is_too_small_does_not_change(size):
    image = noise(size)
    assert opened(captioned(saved(image), NAME)).tobytes() == image.tobytes()


@pytest.mark.parametrize("size", [(60, 40), (8000, 6000), (15000, 60), (60, 15000), (2999, 1)])
def test_any_size_is_accepted(size):
    image = Image.new("L", size, 200)
    assert opened(captioned(saved(image), NAME)).size == size


@pytest.mark.parametrize("name", ["", "\n\t", "\u200b\ufeff"])
def test_without_a_name_there_is_no_band(name):
    image = noise()
    assert opened(captioned(saved(image), name)).tobytes() == image.tobytes()


@pytest.mark.parametrize(
    "name",
    ["x" * 10_000 + ".jpeg", "a\n" * 5000, "\u202e" * 9000 + "a", "é\u0301" * 9000, "🎉" * 10_000, "W\u0338" * 10**5],
)
def test_any_name_fits_and_is_fast(name):
    start = time.process_time()
    mask = label(name, 320, 240)
    assert time.process_time() - start < 5
    assert mask.width == 320
    assert mask.height < 60
    assert mask.getbbox()[0] > 0
    assert mask.getbbox()[2] < 320


def test_line_breaks_become_spaces():
    assert label("a\nb\x00c", 320, 240).tobytes() == label("a b c", 320, 240).tobytes()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_a_png_keeps_its_mode(mode):
    image = colours(mode)
    after = opened(captioned(saved(image), NAME))
    assert after.mode == mode
    if mode == "I;16":
        image, after = (one.convert("I").point(lambda value: value / 257).convert("L") for one in (image, after))
    above = (0, 0, after.width, after.height - label(NAME, *SIZE).height)
    before_, after_ = image.convert("RGBA"), after.convert("RGBA")
    assert after_.crop(above).tobytes() == before_.crop(above).tobytes()
    white = Image.new("RGBA", SIZE, "white")
    white.alpha_composite(after_)
    assert contrast(white) >= 4.5


@pytest.mark.parametrize("mode", ["I;16B", "I", "F"])
def test_high_bit_depth_modes_have_white_text(mode):
    after = draw_label(colours("I").convert(mode), label(NAME, *SIZE))
    assert after.mode == mode
    shades = after.convert("F").point(lambda value: value / 257 + 0).convert("L")
    assert contrast(shades) >= 4.5


@pytest.mark.parametrize(("mode", "becomes"), [("YCbCr", "RGB"), ("RGBX", "RGB"), ("PA", "RGBA")])
def test_rare_modes_become_common_ones(mode, becomes):
    image = colours("P").convert("PA") if mode == "PA" else colours(mode)
    after = draw_label(image, label(NAME, *SIZE))
    assert after.mode == becomes
    assert contrast(after) >= 4.5


def test_lab_has_white_text():
    lab = Image.merge("LAB", colours().split())
    band, mask = band_of(draw_label(lab, label(NAME, *SIZE)))
    lightness = band.getchannel("L")
    assert lightness.histogram(mask.point(lambda value: 255 * (value == 255)))[255] > 0
    assert lightness.getextrema()[1] == 255
    assert sum(lightness.histogram(mask.point(lambda value: 255 * (value == 0)))[90:]) == 0


def page(mode):
    """A page of a TIFF."""
    if mode == "I;16B":
        return Image.frombytes(mode, SIZE, colours("I").convert(mode).tobytes())
    if mode == "LAB":
        spaces = [ImageCms.createProfile(name) for name in ("sRGB", "LAB")]
        return ImageCms.profileToProfile(colours(), *spaces, outputMode="LAB")
    return colours("I").convert("F") if mode == "F" else colours(mode)


def on_white(image):
    """The page composited on white."""
    image.load()
    if image.mode in ("I", "I;16", "I;16B", "F"):
        image = image.convert("F").point(lambda value: value / 257 + 0).convert("L")
    white = Image.new("RGBA", image.size, "white")
    white.alpha_composite(image.convert("RGBA"))
    return white


def is_captioned(after, before):
    """Assert that the page has a legible caption and has not changed above the band."""
    above = (0, 0, after.width, after.height - label(NAME, *after.size).height)
    assert on_white(after).crop(above).tobytes() == on_white(before).crop(above).tobytes()
    assert contrast(on_white(after)) >= 4.5
    return True


TIFFS = ["1", "L", "LA", "P", "I", "I;16", "I;16B", "F", "RGB", "RGBA", "CMYK", "LAB"]


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate"])
@pytest.mark.parametrize("mode", TIFFS)
def test_a_tiff_keeps_its_mode(mode, compression):
    data = saved(page(mode), "TIFF", compression=compression)
    before, after = opened(data), opened(captioned(data, NAME))
    assert after.mode == before.mode
    assert is_captioned(after, before)


def test_every_page_of_a_tiff_keeps_its_mode():
    out = BytesIO()
    modes = [mode for mode in TIFFS if mode != "I;16B"]  # Pillow writes no such page beside others
    with TiffImagePlugin.AppendingTiffWriter(out) as pages:
        for mode in modes:
            page(mode).save(pages, "TIFF")
            pages.newFrame()
    before, after = opened(out.getvalue()), opened(captioned(out.getvalue(), NAME))
    for number, mode in enumerate(modes):
        before.seek(number)
        after.seek(number)
        assert after.mode == mode
        assert is_captioned(after, before)


@pytest.mark.parametrize(
    ("photometric", "depth", "samples", "mode"),
    [(0, 1, 1, "1"), (0, 8, 1, "L"), (1, 4, 1, "L"), (1, 12, 1, "I;16"), (1, 16, 1, "I;16"), (2, 16, 3, "RGB")],
)
def test_tiffs_that_pillow_cannot_write_are_captioned(photometric, depth, samples, mode):
    """WhiteIsZero, bit depths below 8, and 16-bit colours."""
    width, height = SIZE
    row = width * samples * depth // 8
    pixels = b"".join(bytes([number]) * row for number in range(height))
    tags = [(256, width), (257, height), (258, depth), (259, 1), (262, photometric), (273, 200)]
    tags += [(277, samples), (278, height), (279, len(pixels))]
    entries = [
        struct.pack("<HHII", 258, 3, 3, 180) if (tag, samples) == (258, 3) else struct.pack("<HHII", tag, 4, 1, value)
        for tag, value in tags
    ]
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + b"".join(entries) + bytes(4)
    data = head.ljust(180, b"\0") + struct.pack("<HHH", *[depth] * 3).ljust(20, b"\0") + pixels
    before, after = opened(data), opened(captioned(data, NAME))
    assert before.mode == after.mode == mode
    expected = 255 if photometric == 0 else 0
    assert on_white(before).getpixel((0, 0))[0] == expected
    assert is_captioned(after, before)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_jpeg_keeps_its_mode(mode):
    after = opened(captioned(saved(colours(mode), "JPEG", quality=95), NAME))
    assert after.mode == mode
    assert contrast(after) >= 4.5


@pytest.mark.parametrize("mode", ["L", "RGB", "1", "I;16"])
def test_text_is_opaque_if_one_colour_is_transparent(mode):
    key = {"L": 255, "RGB": (255, 255, 255), "1": 255, "I;16": 65_535}[mode]
    image = Image.new(mode, SIZE, {"I;16": 65_535, "1": 1}.get(mode, "white"))
    after = opened(captioned(saved(image, transparency=key), NAME))
    if mode == "I;16":
        band = after.crop((0, 240 - label(NAME, *SIZE).height, *SIZE))
        assert max(value for _, value in band.convert("I").getcolors(10**5)) != 65_535
        return
    alpha = after.convert("RGBA").getchannel("A")
    assert alpha.getpixel((5, 5)) == 0
    assert band_of(alpha)[0].getextrema()[0] > 160


@pytest.mark.parametrize("colours_used", [2, 120, 250, 256])
@pytest.mark.parametrize("form", ["PNG", "GIF"])
def test_text_is_legible_with_any_palette(form, colours_used):
    image = colours().quantize(colours_used)
    assert contrast(opened(captioned(saved(image, form), NAME))) >= 4.5


def test_a_full_palette_without_light_and_dark_is_converted():
    image = Image.new("P", SIZE)
    image.putpalette([value for number in range(256) for value in (120 + number % 16, 120 + number // 16, 128)])
    image.putdata([number % 256 for number in range(SIZE[0] * SIZE[1])])
    after = opened(captioned(saved(image), NAME))
    assert contrast(after) >= 7
    assert (
        after.convert("RGB").crop((0, 0, 320, 100)).tobytes() == image.convert("RGB").crop((0, 0, 320, 100)).tobytes()
    )


@pytest.mark.parametrize("form", ["PNG", "GIF"])
def test_a_palette_keeps_its_transparency(form):
    image = colours("P")
    after = opened(captioned(saved(image, form, transparency=7), NAME)).convert("RGBA")
    hole = image.point([255 * (number == 7) for number in range(256)], "L")
    top = (0, 0, 320, 150)
    assert after.crop(top).getchannel("A").tobytes() == ImageChops.invert(hole).crop(top).tobytes()
    assert band_of(after.getchannel("A"))[0].getextrema() == (255, 255)


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP"])
@pytest.mark.parametrize("transparent", [False, True])
def test_every_frame_of_an_animation_is_captioned(form, transparent):
    frames = []
    for number in range(4):
        frame = Image.new("RGBA", (160, 120), (0, 0, 0, 0) if transparent else (250, 240, 10, 255))
        frame.paste((200, 60 * number, 90, 255), (25 * number, 40, 25 * number + 29, 118))
        frames.append(frame)
    options = {"lossless": True} if form == "WEBP" else {}
    data = saved(
        frames[0], form, save_all=True, append_images=frames[1:], duration=[40, 80, 120, 60], disposal=2, **options
    )
    before, after = opened(data), opened(captioned(data, "a.gif"))
    assert after.n_frames == before.n_frames == 4
    mask = label("a.gif", 160, 120)
    above = (0, 0, 160, 120 - mask.height)
    for number in range(4):
        before.seek(number)
        after.seek(number)
        on_white, expected = after.convert("RGBA"), before.convert("RGBA")
        solid = expected.crop(above).getchannel("A")
        assert on_white.crop(above).getchannel("A").tobytes() == solid.tobytes()
        opaque = [
            Image.composite(image.crop(above).convert("RGB"), Image.new("RGB", solid.size), solid)
            for image in (on_white, expected)
        ]
        assert opaque[0].tobytes() == opaque[1].tobytes()
        assert after.info["duration"] == before.info["duration"]
        white = Image.new("RGBA", (160, 120), "white")
        white.alpha_composite(on_white)
        assert contrast(white, "a.gif") >= 4.5


def test_the_band_respects_the_exif_orientation():
    exif = Image.Exif()
    exif[0x0112] = 6
    after = opened(captioned(saved(Image.new("RGB", (320, 240), "white"), "JPEG", quality=95, exif=exif), NAME))
    assert after.size == (240, 320)
    assert contrast(after) >= 4.5


def test_the_profile_quantisation_tables_and_resolution_are_kept():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = saved(colours(), "JPEG", quality=83, icc_profile=profile, dpi=(72, 72), progressive=True)
    before, after = opened(data), opened(captioned(data, NAME))
    assert after.quantization == before.quantization
    assert after.info["icc_profile"] == profile
    assert after.info["dpi"] == (72, 72)
    assert after.info["progressive"]


def test_invalid_pictures_are_refused():
    with pytest.raises(Refused):
        captioned(b"no picture", NAME)
