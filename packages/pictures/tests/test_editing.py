"""What an edit keeps: each test compares pixels, or the figures that a decoder reads."""

import math
import random
import struct
import zlib
from io import BytesIO

import pillow_heif
import pytest
from pictures import Refused, edited, preview
from pictures.profiles import fitting, grey
from PIL import Image, ImageChops, ImageCms, ImageFile, ImageStat, JpegImagePlugin, PngImagePlugin, TiffImagePlugin

pillow_heif.register_heif_opener()  # to save HEIC; the suite itself only reads it

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def same(frame):
    return frame


def turn(frame):
    return frame.transpose(Image.Transpose.ROTATE_180)


def photo(size=(96, 64), seed=0):
    """Smooth shades and a little noise: what JPEG was made for."""
    grain = random.Random(seed).randbytes(size[0] * size[1])
    noise = Image.frombytes("L", size, grain).point([value // 16 for value in range(256)])
    red = Image.linear_gradient("L").resize(size)
    green = Image.radial_gradient("L").resize(size)
    return Image.merge("RGB", (ImageChops.add(red, noise), green, ImageChops.invert(red)))


def saved(image, form, **options):
    out = BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def opened(data):
    return Image.open(BytesIO(data))


def psnr(one, other):
    squares = ImageStat.Stat(ImageChops.difference(one.convert("RGB"), other.convert("RGB"))).sum2
    error = sum(squares) / (3 * one.width * one.height)
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def rgba_frames(data):
    with opened(data) as picture:
        for number in range(getattr(picture, "n_frames", 1)):
            picture.seek(number)
            yield picture.convert("RGBA")


def visible(frame):
    """A frame as it is seen: colours below full transparency do not count."""
    ground = Image.new("RGBA", frame.size, (10, 200, 90, 255))
    ground.alpha_composite(frame)
    return ground.tobytes()


# Stills


@pytest.mark.parametrize("sampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_keeps_tables_sampling_and_progression(mode, sampling, progressive):
    data = saved(
        photo().convert(mode), "JPEG", quality=77, subsampling=sampling, progressive=progressive, dpi=(300, 300)
    )
    before, after = opened(data), opened(edited(data, turn))
    assert (after.mode, after.info.get("progressive")) == (mode, before.info.get("progressive"))
    assert after.quantization[0] == before.quantization[0]
    assert after.info["dpi"] == (300, 300)
    if mode == "RGB":
        assert after.quantization == before.quantization
        assert JpegImagePlugin.get_sampling(after) == sampling
    assert psnr(after, turn(before)) > 38


def test_a_jpeg_laid_on_its_side_loses_no_colour():
    data = saved(photo(), "JPEG", quality=90, subsampling=1)
    after = opened(edited(data, lambda frame: frame.transpose(Image.Transpose.ROTATE_90)))
    assert JpegImagePlugin.get_sampling(after) == 0
    assert psnr(after, opened(data).transpose(Image.Transpose.ROTATE_90)) > 40


def test_a_jpeg_of_rgb_stays_one():
    data = saved(photo(), "JPEG", quality=90, keep_rgb=True, subsampling=0)
    after = opened(edited(data, turn))
    assert after.info["adobe_transform"] == 0
    assert psnr(after, turn(opened(data))) > 40


def test_a_dense_progressive_jpeg_is_written_all_the_same():
    noise = Image.frombytes("RGB", (200, 200), random.Random(1).randbytes(120_000))
    data = saved(noise, "JPEG", quality=100, subsampling=0)
    picture = opened(data)
    picture.load()
    ImageFile.MAXBLOCK, block = 10**7, ImageFile.MAXBLOCK
    try:
        data = saved(picture, "JPEG", qtables=picture.quantization, subsampling=0, progressive=True)
    finally:
        ImageFile.MAXBLOCK = block
    assert psnr(opened(edited(data, turn)), turn(opened(data))) > 40


def test_of_an_mpo_the_first_picture_is_edited():
    data = saved(photo(), "MPO", quality=90, save_all=True, append_images=[Image.new("RGB", (20, 20))])
    assert opened(data).format == "MPO"
    after = opened(edited(data, turn))
    assert after.format == "JPEG"
    assert psnr(after, turn(photo())) > 32


PNGS = {
    "1": photo().convert("1"),
    "L": photo().convert("L"),
    "LA": photo().convert("LA"),
    "P": photo().quantize(200),
    "RGB": photo(),
    "RGBA": photo().convert("RGBA"),
    "I;16": Image.frombytes("I;16", (40, 30), random.Random(2).randbytes(2400)),
}
PNGS["RGBA"].putalpha(Image.linear_gradient("L").resize((96, 64)))
PNGS["LA"].putalpha(Image.linear_gradient("L").resize((96, 64)))


@pytest.mark.parametrize("mode", PNGS)
def test_a_png_loses_nothing(mode):
    data = saved(PNGS[mode], "PNG")
    after = opened(edited(data, turn))
    assert after.mode == mode
    assert after.tobytes() == turn(PNGS[mode]).tobytes()
    assert after.getpalette() == opened(data).getpalette()


@pytest.mark.parametrize(
    ("image", "key"),
    [
        (PNGS["P"], 7),
        (PNGS["P"], bytes(range(200))),
        (PNGS["L"], 120),
        (PNGS["RGB"], photo().getpixel((3, 3))),
        (PNGS["1"], 1),
    ],
)
def test_a_png_keeps_what_is_transparent(image, key):
    data = saved(image, "PNG", transparency=key)
    before, after = opened(data).convert("RGBA"), opened(edited(data, turn)).convert("RGBA")
    assert before.getchannel("A").getextrema()[0] < 255
    assert visible(after) == visible(turn(before))


def png_of_16_bits(key, *colours):
    """A PNG of one row of these colours, (red, green, blue) of 16 bits, of which `key` is transparent."""

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    row = b"\0" + b"".join(struct.pack(">3H", *colour) for colour in colours)
    header = struct.pack(">IIBBBBB", len(colours), 1, 16, 2, 0, 0, 0)
    parts = (b"IHDR", header), (b"tRNS", struct.pack(">3H", *key)), (b"IDAT", zlib.compress(row)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def test_of_a_transparent_colour_of_16_bits_all_bits_count():
    key = (0x1234, 0x5678, 0x9ABC)
    data = png_of_16_bits(key, key, (0xFFFF, 0, 0), (0x1235, 0x5678, 0x9ABC), (0x1234, 0x5678, 0x9A00))
    expected = [(0x12, 0x56, 0x9A, 0), (255, 0, 0, 255), (0x12, 0x56, 0x9A, 255), (0x12, 0x56, 0x9A, 255)]
    after = opened(edited(data, same)).convert("RGBA")
    assert [after.getpixel((x, 0)) for x in range(4)] == expected
    small = opened(preview(data, 480)).convert("RGBA")
    assert [small.getpixel((x, 0))[3] for x in range(4)] == [0, 255, 255, 255]


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_one_shade_of_grey_is_transparent_in_preview_and_result(bits):
    if bits == 16:
        rows = [[0x0102] * 20 + [other] * 20 for other in (0, 0x0101) for _ in range(10)]  # in 8 bits two are the same
        shades = b"".join(struct.pack("<40H", *row) for row in rows)
        data = saved(Image.frombytes("I;16", (40, 20), shades), "PNG", transparency=0x0102)
    else:
        image = Image.new("1" if bits == 1 else "L", (40, 20))
        image.paste(1, (0, 0, 20, 20))
        data = saved(image, "PNG", transparency=1, **({"bits": bits} if bits > 1 else {}))
    assert data[24] == bits
    small = opened(preview(data, 480)).convert("RGBA")
    assert [small.getpixel(place)[3] for place in ((5, 5), (30, 5), (30, 15))] == [0, 255, 255]
    after = opened(preview(edited(data, same), 480)).convert("RGBA")
    assert [after.getpixel(place)[3] for place in ((5, 5), (30, 5), (30, 15))] == [0, 255, 255]


def test_a_png_keeps_its_gamma():
    chunks = PngImagePlugin.PngInfo()
    chunks.add(b"gAMA", struct.pack(">I", 100_000))
    after = opened(edited(saved(photo(), "PNG", pnginfo=chunks, dpi=(72, 72)), turn))
    assert after.info["gamma"] == 1.0
    assert after.info["dpi"][0] == pytest.approx(72, abs=0.1)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_lossless_webp_stays_lossless(mode):
    data = saved(PNGS[mode], "WEBP", lossless=True)
    after = opened(edited(data, turn))
    assert (after.format, after.mode) == ("WEBP", mode)
    assert visible(after.convert("RGBA")) == visible(turn(PNGS[mode]).convert("RGBA"))


def test_a_lossy_webp_stays_lossy_and_good():
    data = saved(PNGS["RGBA"], "WEBP", quality=80)
    done = edited(data, turn)
    assert b"VP8 " in done
    assert psnr(opened(done), turn(opened(data))) > 35
    assert opened(done).getchannel("A").tobytes() == turn(opened(data)).getchannel("A").tobytes()


def test_a_still_gif_is_exact():
    data = saved(PNGS["P"], "GIF", transparency=3)
    after = opened(edited(data, turn))
    assert visible(after.convert("RGBA")) == visible(turn(opened(data)).convert("RGBA"))


def test_a_lossy_avif_stays_good():
    data = saved(PNGS["RGBA"], "AVIF", quality=90)
    after = opened(edited(data, turn))
    assert (after.format, after.mode) == ("AVIF", "RGBA")
    assert psnr(after, turn(opened(data))) > 35
    assert psnr(after.getchannel("A"), turn(PNGS["RGBA"]).getchannel("A")) > 35


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_a_bmp_loses_nothing(mode):
    after = opened(edited(saved(PNGS[mode], "BMP", dpi=(96, 96)), turn))
    assert (after.format, after.mode) == ("BMP", mode)
    assert after.convert("RGB").tobytes() == turn(PNGS[mode]).convert("RGB").tobytes()
    assert after.info["dpi"][0] == pytest.approx(96, abs=0.1)


TIFFS = PNGS | {
    "CMYK": photo().convert("CMYK"),
    "F": PNGS["L"].convert("F").point(lambda value: value * 100.5),
    "I": PNGS["L"].convert("I").point(lambda value: value * 1000),
}


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"])
@pytest.mark.parametrize("mode", TIFFS)
def test_a_tiff_loses_nothing_and_keeps_its_compression(mode, compression):
    after = opened(edited(saved(TIFFS[mode], "TIFF", compression=compression, dpi=(300, 300)), turn))
    assert (after.format, after.mode, after.info["compression"]) == ("TIFF", mode, compression)
    assert after.info["dpi"] == (300, 300)
    assert after.tobytes() == turn(TIFFS[mode]).tobytes()


def test_a_tiff_of_the_other_byte_order_keeps_its_16_bits():
    shades = Image.frombytes("I;16B", (2, 1), b"\x12\x34\xfe\xdc")
    after = opened(edited(saved(shades, "TIFF"), turn))
    assert [after.getpixel((x, 0)) for x in (0, 1)] == [0xFEDC, 0x1234]


def test_pages_of_the_other_byte_order_may_be_of_any_mode():
    shades, out = Image.frombytes("I;16B", (2, 1), b"\x12\x34\xfe\xdc"), BytesIO()
    with TiffImagePlugin.AppendingTiffWriter(out) as writer:
        for _ in range(2):
            shades.save(writer, "TIFF")
            writer.newFrame()
    seen = []

    def colour_the_second(page):
        seen.append(page.mode)
        return page.convert("RGB") if len(seen) == 2 else page

    after = opened(edited(out.getvalue(), colour_the_second))
    assert seen == ["I;16B", "I;16B"]
    assert [after.getpixel((x, 0)) for x in (0, 1)] == [0x1234, 0xFEDC]
    after.seek(1)
    assert after.mode == "RGB"


@pytest.mark.parametrize(("mode", "compression"), [("RGB", "jpeg"), ("CMYK", "jpeg"), ("1", "group4"), ("1", "group3")])
def test_a_tiff_keeps_how_photos_and_faxes_are_compressed(mode, compression):
    data = saved(TIFFS[mode], "TIFF", compression=compression)
    after = opened(edited(data, turn))
    assert (after.mode, after.info["compression"]) == (mode, compression)
    assert psnr(after, turn(opened(data))) > 35


def test_a_page_that_its_compression_cannot_hold_any_more_is_deflated():
    after = opened(edited(saved(TIFFS["1"], "TIFF", compression="group4"), lambda frame: frame.convert("RGB")))
    assert (after.mode, after.info["compression"]) == ("RGB", "tiff_adobe_deflate")


def test_pages_of_a_tiff_stay_each_as_it_is():
    pages = [photo(), TIFFS["1"], TIFFS["I;16"], photo((30, 50), seed=4).convert("CMYK")]
    kinds = ["tiff_lzw", "group4", "raw", "tiff_adobe_deflate"]
    out = BytesIO()
    with TiffImagePlugin.AppendingTiffWriter(out) as writer:
        for number, (page, kind) in enumerate(zip(pages, kinds, strict=True)):
            page.save(writer, "TIFF", compression=kind, icc_profile=SRGB if number == 0 else None)
            writer.newFrame()
    after = opened(edited(out.getvalue(), turn))
    assert after.n_frames == 4
    for number, page in enumerate(pages):
        after.seek(number)
        assert (after.mode, after.size, after.info["compression"]) == (page.mode, page.size, kinds[number])
        assert after.tobytes() == turn(page).tobytes()
        assert after.tag_v2.get(34675) == (SRGB if number == 0 else None)
        assert 282 not in after.tag_v2


def test_pages_are_turned_upright_each_by_itself():
    out = BytesIO()
    with TiffImagePlugin.AppendingTiffWriter(out) as writer:
        for orientation in (6, 1, 8):
            photo((30, 20)).save(writer, "TIFF", tiffinfo={0x0112: orientation})
            writer.newFrame()
    after = opened(edited(out.getvalue(), turn))
    for number, upright in enumerate((Image.Transpose.ROTATE_270, None, Image.Transpose.ROTATE_90)):
        after.seek(number)
        expected = photo((30, 20)) if upright is None else photo((30, 20)).transpose(upright)
        assert after.tobytes() == turn(expected).tobytes()


def test_heic_becomes_jpeg():
    after = opened(edited(saved(photo(), "HEIF", quality=90), turn))
    assert after.format == "JPEG"
    assert psnr(after, turn(photo())) > 30


def test_of_heic_what_is_transparent_becomes_white():
    image = photo().convert("RGBA")
    image.putalpha(0)
    for change in (same, lambda frame: frame.convert("LA")):
        assert opened(edited(saved(image, "HEIF"), change)).convert("L").getextrema() == (255, 255)


def test_of_several_pictures_in_heic_the_main_one_is_edited():
    others = [Image.new("RGB", (64, 64), colour) for colour in ("blue", "black")]
    data = saved(others[0], "HEIF", save_all=True, append_images=[photo(), others[1]], primary_index=1)
    assert psnr(opened(edited(data, turn)), turn(photo())) > 25


def test_of_two_orientations_of_heic_the_one_of_its_own_counts():
    """ISO/IEC 23008-12: what turns is irot and imir; the orientation of EXIF is for information only."""
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(photo(), "HEIF", quality=90, exif=exif)  # Pillow's object, from which pillow-heif makes no irot
    assert b"irot" not in data
    after = opened(edited(data, turn))
    assert psnr(after, turn(photo())) > 30
    assert not dict(after.getexif())


# Orientation, profile, what is private


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_and_gone(form, orientation):
    upright = photo()
    undone = {5: 5, 6: Image.Transpose.ROTATE_90, 7: 6, 8: Image.Transpose.ROTATE_270}
    undone |= {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM}
    undone |= {5: Image.Transpose.TRANSPOSE, 7: Image.Transpose.TRANSVERSE}
    stored = upright if orientation == 1 else upright.transpose(undone[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95} if form in ("JPEG", "AVIF", "HEIF") else {"lossless": True} if form == "WEBP" else {}
    data = saved(stored, form, exif=exif.tobytes() if form == "HEIF" else exif, **options)
    assert (b"irot" in data or b"imir" in data) == (form in ("AVIF", "HEIF") and orientation != 1)
    seen = []
    for done in (
        edited(data, lambda frame: seen.append(frame.size) or turn(frame)),
        edited(data, turn=Image.Transpose.ROTATE_180),
    ):
        after = opened(done)
        assert after.getexif().get(0x0112, 1) == 1
        assert psnr(after, turn(upright)) > (30 if "quality" in options else 1000)
    assert seen == [upright.size]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF", "TIFF"])
def test_the_profile_stays_and_the_rest_goes(form):
    exif = Image.Exif()
    exif[0x010F] = "SECRET maker"
    exif.get_ifd(0x8825).update({1: "N", 2: (1.0, 2.0, 3.0)})
    options = {"xmp": b"<x>SECRET</x>", "comment": b"SECRET"}
    if form == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_text("Author", "SECRET")
        text.add_itxt("XML:com.adobe.xmp", "SECRET")
        options = {"pnginfo": text}
    if form == "TIFF":
        options = {"tiffinfo": {700: b"<x>SECRET</x>", 270: "SECRET", 33723: b"SECRET"}}
    data = saved(photo(), form, exif=exif, icc_profile=SRGB, **options)
    assert b"SECRET" in data
    done = edited(data, same)
    after = opened(done)
    after.load()
    assert b"SECRET" not in done
    assert form == "TIFF" or not dict(after.getexif())
    assert not {"exif", "xmp", "comment"} & set(after.info)
    assert after.info["icc_profile"] == SRGB


def test_the_comment_of_a_gif_goes():
    images = [photo(seed=seed).quantize(16) for seed in range(2)]
    for options in ({}, {"save_all": True, "append_images": images[1:]}):
        data = saved(images[0], "GIF", comment=b"SECRET", **options)
        assert b"SECRET" in data
        assert b"SECRET" not in edited(data, same)


def test_damaged_exif_does_not_spoil_good_pixels():
    data = saved(photo(), "JPEG", quality=90, exif=b"Exif\0\0MM\0*\xff\xff\xff\xff" + bytes(9))
    assert psnr(opened(edited(data, turn)), turn(photo())) > 32


def test_a_grey_profile_has_the_tone_of_its_rgb_profile():
    profile = ImageCms.ImageCmsProfile(BytesIO(grey(SRGB)))
    assert profile.profile.xcolor_space.strip() == "GRAY"
    ramp = Image.linear_gradient("L")
    shown = ImageCms.profileToProfile(ramp, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert psnr(shown, ramp) > 45
    assert profile.profile.media_white_point[1] == ImageCms.ImageCmsProfile(BytesIO(SRGB)).profile.media_white_point[1]


def test_a_tone_that_is_not_srgb_is_kept_too():
    """A curve of gamma 1 (linear light) has to lighten the middle."""
    gamma = b"curv" + bytes(4) + struct.pack(">IH", 1, 0x0100) + bytes(2)
    tags = {
        name: SRGB[at : at + size]
        for name, at, size in (
            struct.unpack_from(">4sII", SRGB, 132 + 12 * n) for n in range(struct.unpack_from(">I", SRGB, 128)[0])
        )
    }
    tags |= {b"rTRC": gamma}
    at, table, body = 132 + 12 * len(tags), b"", b""
    for name, value in tags.items():
        table += struct.pack(">4sII", name, at + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    linear = struct.pack(">I", at + len(body)) + SRGB[4:128] + struct.pack(">I", len(tags)) + table + body
    shown = ImageCms.profileToProfile(
        Image.new("L", (1, 1), 55),
        ImageCms.ImageCmsProfile(BytesIO(grey(linear))),
        ImageCms.createProfile("sRGB"),
        outputMode="RGB",
    )
    assert shown.getpixel((0, 0))[1] == pytest.approx(128, abs=3)


@pytest.mark.parametrize("profile", [None, b"", b"junk", SRGB[:200], SRGB[:128] + b"\xff" * 200])
def test_what_is_no_profile_is_dropped(profile):
    assert fitting(profile, "L") is None


def test_a_profile_fits_its_own_pixels_only():
    assert fitting(SRGB, "RGB") == fitting(SRGB, "P") == SRGB
    assert fitting(SRGB, "CMYK") is None
    assert fitting(grey(SRGB), "L") == grey(SRGB)
    assert fitting(grey(SRGB), "RGB") is None


# Animations


def moving(form, mode, **options):
    frames = []
    for number in range(4):
        frame = Image.new("RGBA", (40, 30), (0, 0, 0, 0) if mode == "RGBA" else (250, 240, 10, 255))
        frame.paste((200 - 40 * number, 30 * number, 90, 255), (5 * number, 4, 5 * number + 9, 20))
        frames.append(frame.convert(mode))
    durations = [50, 120, 70, 300]
    return saved(
        frames[0], form, save_all=True, append_images=frames[1:], duration=durations, loop=3, disposal=2, **options
    )


def durations(data):
    with opened(data) as picture:
        for number in range(picture.n_frames):
            picture.seek(number)
            picture.load()
            yield picture.info.get("duration")


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("change", [same, turn])
def test_an_animation_stays_equal_frame_by_frame(form, mode, change):
    data = moving(form, mode, **({"lossless": True} if form == "WEBP" else {}))
    done = edited(data, change)
    assert opened(done).format == form
    assert list(durations(done)) == list(durations(data)) == [50, 120, 70, 300]
    assert opened(done).info["loop"] == opened(data).info["loop"]
    before, after = list(rgba_frames(data)), list(rgba_frames(done))
    assert [visible(frame) for frame in after] == [visible(change(frame)) for frame in before]
    assert before[0].tobytes() != before[1].tobytes()
    assert (before[0].getextrema()[3][0] == 0) == (mode == "RGBA")


@pytest.mark.parametrize("size", [(40, 30), (600, 600)])
@pytest.mark.parametrize("change", [same, turn, lambda frame: frame.convert("LA")])
@pytest.mark.parametrize("form", ["GIF", "GIF of grey", "GIF of few colours"])
def test_what_is_black_at_the_edge_of_a_frame_is_no_hole(form, change, size):
    """Whatever colour the hole has in the palette of the original: here black, too."""
    frames = []
    for number in range(4):
        frame = Image.new("RGBA", size, (0, 0, 0, 0))
        frame.paste((0, 0, 0, 255), (0, 5 * number, *size))
        frame.paste((200, 60 * number, 90, 255), (3 + number, 8, 20 + number, 20))
        frame.paste((0, 0, 0, 0), (10, 10, 13 + number, 14))
        frames.append(frame)
    if form == "GIF of grey":
        frames = [frame.convert("LA") for frame in frames]
    if form == "GIF of few colours":  # the hole is the last of them
        frames = [frame.quantize(5) for frame in frames]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:], disposal=2, optimize=False)
    before, after = list(rgba_frames(data)), list(rgba_frames(edited(data, change)))
    assert len({visible(frame) for frame in before}) == 4
    assert [visible(frame) for frame in after] == [visible(change(frame).convert("RGBA")) for frame in before]


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "TIFF"])
def test_what_is_painted_on_one_frame_is_not_on_the_next(form):
    painted = []

    def paint(frame):
        if not painted:
            frame.paste("white" if frame.mode != "P" else 1, (0, 0, 20, 20))
        painted.append(frame.size)
        return frame

    data = moving(form, "RGB", **({"lossless": True} if form == "WEBP" else {}))
    before, after = list(rgba_frames(data)), list(rgba_frames(edited(data, paint)))
    same_ = [visible(one) == visible(other) for one, other in zip(before, after, strict=True)]
    assert same_ == [False, True, True, True]


def test_a_lossy_animation_stays_good():
    images = [photo(seed=seed).rotate(90 * seed) for seed in range(3)]
    data = saved(images[0], "WEBP", save_all=True, append_images=images[1:], duration=90, quality=85)
    for before, after in zip(rgba_frames(data), rgba_frames(edited(data, turn)), strict=True):
        assert psnr(after, turn(before)) > 32


def test_a_gif_that_plays_once_plays_once():
    frames = [Image.new("P", (9, 9), number) for number in range(3)]
    for number, frame in enumerate(frames):
        frame.putpalette([number * 50] * 768)
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=40)
    assert "loop" not in opened(data).info
    assert "loop" not in opened(edited(data, same)).info


def test_the_picture_beside_an_animation_is_kept():
    frames = [Image.new("RGB", (9, 9), (number * 60, 0, 0)) for number in range(4)]
    data = saved(frames[0], "PNG", save_all=True, default_image=True, append_images=frames[1:], duration=[30, 60, 90])
    done = edited(data, same)
    assert opened(done).default_image
    assert [frame.getpixel((0, 0))[0] for frame in rgba_frames(done)] == [0, 60, 120, 180]
    assert list(durations(done))[1:] == [30, 60, 90]


def test_an_avif_animation_stays_one():
    data = moving("AVIF", "RGB", quality=95)
    done = edited(data, turn)
    assert opened(done).format == "AVIF"
    assert list(durations(done)) == list(durations(data)) == [50, 120, 70, 300]
    for before, after in zip(rgba_frames(data), rgba_frames(done), strict=True):
        assert psnr(after, turn(before)) > 28


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIF", "TIFF", "BMP"])
def test_what_is_cut_short_is_refused(form):
    data = saved(photo(), form)
    with pytest.raises(Refused):
        edited(data[: len(data) // 2], turn)
