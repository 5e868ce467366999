"""Colours that are not told by a profile, or not by one of RGB: compared with what the standards say they look like."""

import struct
from io import BytesIO

import pillow_heif
import pytest
from pictures import edited, preview, thumbnail
from pictures.boxes import properties, with_code_points
from pictures.colour import CodePoints, display_p3
from pictures.profiles import grey, matrix_profile, power_curve
from PIL import Image, ImageCms, PngImagePlugin
from sample_pictures import cmyk_profile

pillow_heif.register_heif_opener()  # to save HEIC; the suite itself only reads it

SRGB = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
P3 = (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
# To linear sRGB, as CSS Color 4 has them.
FROM_P3 = ((1.2249, -0.2249, 0.0), (-0.0421, 1.0421, 0.0), (-0.0196, -0.0786, 1.0983))
FROM_2020 = ((1.6605, -0.5876, -0.0728), (-0.1246, 1.1329, -0.0083), (-0.0182, -0.1006, 1.1187))
SHADE = (190, 110, 70)


def light(value):
    """The light of a value of sRGB, both 0 to 1."""
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def srgb(linear):
    """The value of 0 to 255 of a light."""
    linear = min(max(linear, 0), 1)
    return 255 * (linear * 12.92 if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055)


def pq(nits):
    power = (nits / 10_000) ** (2610 / 16384)
    return 255 * ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** (2523 / 32)


def by(matrix, colour, decode=light):
    linear = [decode(value / 255) for value in colour]
    return [srgb(sum(a * b for a, b in zip(row, linear, strict=True))) for row in matrix]


def flat(colour, size=(64, 48)):
    return Image.new("RGB", size, tuple(round(value) for value in colour))


def saved(image, form, **options):
    out = BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def opened(data):
    return Image.open(BytesIO(data))


def seen(data):
    """What a viewer that heeds profiles shows in the middle."""
    image = opened(data)
    profile = image.info.get("icc_profile")
    if profile:
        mode = image.mode if image.mode in ("L", "CMYK") else "RGB"
        image = ImageCms.profileToProfile(
            image.convert(mode),
            ImageCms.ImageCmsProfile(BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            outputMode="RGB",
        )
    return image.convert("RGB").getpixel((image.width // 2, image.height // 2))


def near(colour, within=3):
    return pytest.approx(tuple(colour), abs=within)


def small(data):
    return preview(data, 480)


def same(frame):
    return frame


def heic(colour, primaries, transfer, **options):
    return saved(
        flat(colour),
        "HEIF",
        quality=95,
        color_primaries=primaries,
        transfer_characteristics=transfer,
        matrix_coefficients=6,
        full_range_flag=1,
        **options,
    )


def avif(colour, primaries, transfer, **options):
    return with_code_points(saved(flat(colour), "AVIF", quality=95, **options), primaries, transfer)


def png(colour, *chunks, **options):
    info = PngImagePlugin.PngInfo()
    for chunk in chunks:
        info.add(*chunk)
    return saved(flat(colour), "PNG", pnginfo=info, **options)


def of_points(colour, primaries, transfer):
    yield heic(colour, primaries, transfer)
    yield avif(colour, primaries, transfer)
    yield png(colour, (b"cICP", bytes((primaries, transfer, 0, 1))))


# Code points


def test_display_p3_is_shown_as_such():
    expected = by(FROM_P3, SHADE)
    assert expected != near(SHADE, 10)
    for data in of_points(SHADE, 12, 13):
        assert seen(small(data)) == near(expected)
        assert opened(small(data)).convert("RGB").getpixel((9, 9)) == near(SHADE)  # by a profile: nothing is lost
        assert seen(thumbnail(data, 480)) == near(expected, 4)
    result = edited(heic(SHADE, 12, 13), same)
    assert opened(result).format == "JPEG"
    assert seen(result) == near(expected)
    assert opened(result).info["icc_profile"] == display_p3()


@pytest.mark.parametrize(("primaries", "transfer"), [(12, 13), (9, 16), (9, 18), (9, 14)])
def test_avif_and_png_keep_their_code_points(primaries, transfer):
    result = edited(avif(SHADE, primaries, transfer), lambda frame: frame.transpose(Image.Transpose.ROTATE_180))
    known = properties(result)
    assert (known.primaries, known.transfer) == (primaries, transfer)
    assert opened(result).getpixel((30, 20)) == near(SHADE)
    result = edited(png(SHADE, (b"cICP", bytes((primaries, transfer, 0, 1)))), same)
    assert b"cICP" + bytes((primaries, transfer, 0, 1)) in result
    assert opened(result).getpixel((30, 20)) == SHADE


def test_an_animated_avif_keeps_its_code_points():
    frames = [flat(SHADE), flat((20, 30, 200))]
    data = saved(frames[0], "AVIF", save_all=True, append_images=frames[1:], duration=50)
    end = data.index(b"mdat")
    result = edited(with_code_points(data, 12, 13), same)
    assert data[:end].count(b"nclx\0\1\0\x0d") == result[: result.index(b"mdat")].count(b"nclx\0\x0c\0\x0d") > 1
    assert opened(result).n_frames == 2


@pytest.mark.parametrize(("transfer", "white", "grey"), [(16, pq(203), pq(203 * 0.18)), (18, 255 * 0.75, None)])
def test_diffuse_white_of_hdr_is_white(transfer, white, grey):
    for data in of_points((white,) * 3, 9, transfer):
        assert min(seen(small(data))) >= 252
        assert min(opened(small(data)).convert("RGB").getpixel((9, 9))) >= 252
        assert min(seen(thumbnail(data, 480))) >= 252
    assert min(seen(edited(heic((white,) * 3, 9, transfer), same))) >= 252
    assert min(seen(edited(heic((255, 255, 255), 9, transfer), same))) == 255
    if grey:
        for data in of_points((grey,) * 3, 9, transfer):
            assert seen(small(data)) == near((srgb(0.18),) * 3, 4)
        assert seen(edited(heic((grey,) * 3, 9, transfer), same)) == near((srgb(0.18),) * 3, 4)


def test_colours_of_hdr_are_those_of_its_primaries():
    nits = [203 * part for part in (0.5, 0.3, 0.2)]
    expected = [srgb(sum(a * b for a, b in zip(row, (0.5, 0.3, 0.2), strict=True))) for row in FROM_2020]
    assert seen(edited(heic(map(pq, nits), 9, 16), same)) == near(expected, 6)
    assert seen(small(avif(map(pq, nits), 9, 16))) == near(expected, 6)


def test_grey_of_hdr_keeps_its_tone():
    done = edited(heic((pq(203 * 0.18),) * 3, 9, 16), lambda frame: frame.convert("L"))
    assert opened(done).mode == "L"
    assert seen(done) == near((srgb(0.18),) * 3, 4)


@pytest.mark.parametrize("points", [(1, 13), (2, 2), (1, 1), (1, 6)])
def test_what_is_as_good_as_srgb_stays_without_a_profile(points):
    for data in of_points(SHADE, *points):
        assert "icc_profile" not in opened(small(data)).info
        assert seen(small(data)) == near(SHADE)


def test_a_profile_counts_before_code_points_but_in_png():
    profile = matrix_profile(P3, power_curve(2.2))
    for data in (heic(SHADE, 9, 16, icc_profile=profile), avif(SHADE, 1, 13, icc_profile=profile)):
        assert opened(small(data)).info["icc_profile"] == profile
    data = png(SHADE, (b"cICP", bytes((12, 13, 0, 1))), icc_profile=profile)
    assert opened(small(data)).info["icc_profile"] == display_p3()


def test_transparency_of_hdr_stays():
    image = flat((pq(203),) * 3).convert("RGBA")
    image.putalpha(100)
    data = with_code_points(saved(image, "AVIF", quality=95), 9, 16)
    assert opened(small(data)).getpixel((9, 9)) == near((255, 255, 255, 100), 3)


@pytest.mark.parametrize("broken", [b"", b"\0\0\0\x08meta", b"\0\0\0\x00meta\0\0\0\0\0\0\0\x01pitm", b"\0\0\0\1meta"])
def test_boxes_that_are_damaged_tell_nothing(broken):
    assert properties(broken) == properties(b"")
    assert CodePoints(properties(broken).primaries, properties(broken).transfer).is_srgb


# How colours are sampled


def stripes():
    """Red and blue, a pixel each: of half the colours nothing is left but violet."""
    image = Image.new("RGB", (64, 48), "red")
    for x in range(0, 64, 2):
        image.paste("blue", (x, 0, x + 1, 48))
    return image


@pytest.mark.parametrize("turn", [None, Image.Transpose.ROTATE_90])
def test_colours_of_every_pixel_stay(turn):
    avif_ = saved(stripes(), "AVIF", quality=95, subsampling="4:4:4")
    heic_ = saved(stripes(), "HEIF", quality=95, chroma=444)
    for data in (avif_, heic_):
        after = opened(edited(data, turn=turn))
        at = [(40, 20), (41, 20)] if turn is None else [(20, 40), (20, 41)]
        colours = {after.convert("RGB").getpixel(place) for place in at}
        assert sorted((red > 200, blue > 200) for red, _, blue in colours) == [(False, True), (True, False)]


def test_avif_keeps_how_its_colours_are_sampled():
    for sampling in ("4:2:0", "4:2:2", "4:4:4"):
        data = saved(stripes(), "AVIF", subsampling=sampling)
        assert properties(edited(data, same)).sampling == properties(data).sampling == sampling


# Gamma and chromaticities of a PNG


def test_the_gamma_of_a_png_is_seen_in_its_preview():
    data = png((55, 55, 55), (b"gAMA", struct.pack(">I", 100_000)))
    assert opened(small(data)).convert("RGB").getpixel((9, 9)) == near((srgb(55 / 255),) * 3)
    data = png(SHADE, (b"gAMA", struct.pack(">I", 45_455)))
    assert seen(small(data)) == near([srgb((value / 255) ** 2.2) for value in SHADE])


def test_the_chromaticities_of_a_png_are_seen_in_its_preview():
    primaries = b"cHRM", struct.pack(">8I", *(round(value * 100_000) for value in P3))
    assert seen(small(png(SHADE, primaries))) == near(by(FROM_P3, SHADE))
    assert seen(small(png(SHADE, primaries, (b"sRGB", b"\0")))) == near(SHADE)
    assert seen(small(png(SHADE, (b"cHRM", bytes(32))))) == near(SHADE)  # they span nothing
    assert seen(small(png(SHADE, (b"gAMA", bytes(4))))) == near(SHADE)


# Profiles of grey and of CMYK

LINEAR_GREY = grey(matrix_profile(SRGB, power_curve(1.0)))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF"])
def test_a_profile_of_grey_is_applied_in_the_preview(form):
    data = saved(flat((55,) * 3).convert("L"), form, icc_profile=LINEAR_GREY)
    assert opened(small(data)).convert("RGB").getpixel((9, 9)) == near((srgb(55 / 255),) * 3)


def test_a_profile_of_grey_is_applied_beside_transparency():
    image = flat((55,) * 3).convert("LA")
    image.putalpha(100)
    shade = srgb(55 / 255)
    assert opened(small(saved(image, "PNG", icc_profile=LINEAR_GREY))).getpixel((9, 9)) == near((*[shade] * 3, 100))


@pytest.mark.parametrize(("inks", "lightness"), [((255, 0, 0, 0), 54), ((0, 255, 0, 0), 45), ((0, 0, 0, 255), 18)])
@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_a_profile_of_cmyk_is_applied_in_the_preview(form, inks, lightness):
    data = saved(Image.new("CMYK", (64, 48), inks), form, icc_profile=cmyk_profile())
    expected = srgb(((lightness + 16) / 116) ** 3)
    assert opened(small(data)).convert("RGB").getpixel((9, 9)) == near((expected,) * 3, 6)


def test_a_profile_that_cannot_be_read_is_passed_over():
    data = saved(flat(SHADE).convert("CMYK"), "JPEG", quality=95, icc_profile=cmyk_profile()[:300])
    assert seen(small(data)) == near(SHADE, 4)
