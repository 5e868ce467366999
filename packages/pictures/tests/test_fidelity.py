"""JPEGs that cannot be turned without decoding: how near the result is to the exact one, and how large."""

import random
from io import BytesIO

import pytest
from pictures import edited, fidelity, lossless
from pictures.fidelity import LEAST_DB, encoded, psnr
from pictures.turns import Turn
from PIL import Image, ImageChops

CUT = (243, 171)  # pixels: no multiple of 8


def photo(size=CUT, grain=6, seed=1):
    """Shapes of all sizes, the smaller the fainter, in colours that go along, and some grain."""
    chance, bands = random.Random(seed), []
    for _ in range(3):
        band = Image.new("L", size, 128)
        for shapes in (3, 5, 9, 17, 33, 65):
            small = Image.frombytes("L", (shapes, shapes), chance.randbytes(shapes**2))
            band = Image.blend(band, small.resize(size, Image.Resampling.BICUBIC), min(1 / shapes, 0.3) + 0.04)
        bands.append(band)
    grains = Image.frombytes("L", size, chance.randbytes(size[0] * size[1]))
    grains = grains.point([value * grain // 255 for value in range(256)])
    luma = bands[0]
    colours = (luma, *(Image.blend(luma, band, 0.3) for band in bands[1:]))
    return Image.merge("RGB", [ImageChops.add(colour, grains) for colour in colours])


def jpeg(image, **options):
    out = BytesIO()
    image.save(out, "JPEG", **{"quality": 90, "subsampling": 2} | options)
    return out.getvalue()


def opened(data):
    return Image.open(BytesIO(data))


def measured(data, turn=Turn.ROTATE_180, **edit):
    """How near the turned picture is to the exact one, in dB, and how many times as large as the original."""
    done = edited(data, turn=turn, **edit)
    return psnr(opened(data).transpose(turn), done), len(done) / len(data)


@pytest.fixture
def without_library(monkeypatch):
    monkeypatch.setattr(lossless, "_library", lambda: None)


@pytest.mark.parametrize("size", [CUT, (248, 168), (241, 176), (250, 170)])
@pytest.mark.parametrize("sampling", [0, 1, 2])
@pytest.mark.parametrize("quality", [92, 95])
def test_a_photo_whose_blocks_move_stays_what_it_is(quality, sampling, size):
    for turn in (Turn.ROTATE_180, Turn.ROTATE_90, Turn.TRANSVERSE):
        near, grown = measured(jpeg(photo(size), quality=quality, subsampling=sampling), turn)
        assert near >= LEAST_DB
        assert grown <= 1.3


@pytest.mark.parametrize("quality", [1, 10, 30, 60])
def test_quality_is_not_lost_twice_however_low_it_is(quality):
    assert measured(jpeg(photo(grain=60), quality=quality))[0] >= LEAST_DB


@pytest.mark.parametrize("sampling", [0, 1, 2])
def test_without_the_library_a_photo_whose_blocks_fit_stays_what_it_is(sampling, without_library):
    near, grown = measured(jpeg(photo((256, 176)), quality=80, subsampling=sampling))
    assert near >= LEAST_DB
    assert grown <= 1.3


@pytest.mark.parametrize(
    "options", [{"progressive": True}, {"keep_rgb": True, "subsampling": 0}, {"dpi": (300, 300)}], ids=str
)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_every_kind_of_jpeg_stays_what_it_is(mode, options):
    data = jpeg(photo().convert(mode), **options)
    done = opened(edited(data, turn=Turn.ROTATE_180))
    assert measured(data)[0] >= LEAST_DB
    before = opened(data)
    assert (done.mode, done.info.get("progressive")) == (mode, before.info.get("progressive"))
    assert done.info.get("adobe_transform") == before.info.get("adobe_transform")
    assert done.info.get("dpi") == before.info.get("dpi")


@pytest.mark.skipif(not lossless.available(), reason="libturbojpeg is not installed")
@pytest.mark.parametrize(
    ("size", "turn"),
    [
        ((243, 176), Turn.ROTATE_270),
        ((256, 171), Turn.ROTATE_90),
        (CUT, Turn.TRANSPOSE),
        ((243, 176), Turn.FLIP_TOP_BOTTOM),
    ],
)
def test_blocks_cut_by_an_edge_that_stays_an_end_are_no_hindrance(size, turn, monkeypatch):
    data = jpeg(photo(size))
    monkeypatch.setattr(fidelity, "encoded", lambda *args: pytest.fail("encoded anew"))
    assert measured(data, turn)[1] == pytest.approx(1, abs=0.1)


def test_a_change_leaves_what_it_does_not_touch_as_near():
    exif = Image.Exif()
    exif[0x0112] = 3
    data = jpeg(photo(), exif=exif)

    def change(frame):
        frame.paste("black", (0, 150, *frame.size))
        return frame

    exact = change(opened(data).transpose(Turn.ROTATE_180))
    assert psnr(exact, edited(data, change)) >= LEAST_DB


def test_a_large_picture_is_judged_by_parts_of_it_and_then_whole():
    """Its upper part tells nothing of the lower."""
    image = Image.new("RGB", (1203, 1203), "white")
    image.paste(photo((1203, 24), grain=80), (0, 1170))
    near, _ = measured(jpeg(image, quality=75))
    assert near >= LEAST_DB


def test_of_noise_that_no_table_holds_the_finest_is_made():
    noise = Image.frombytes("RGB", (64, 48), random.Random(1).randbytes(64 * 48 * 3))
    usual = {"qtables": [[40] * 64] * 2, "subsampling": 2}
    assert psnr(noise, encoded(noise, usual, {0, 2}, 10**9)) > LEAST_DB
    assert psnr(noise, encoded(noise, usual, {2}, 10**9)) < LEAST_DB  # half of the colours cannot be held at all


def test_a_photo_whose_blocks_stay_keeps_its_tables_without_a_search(without_library, monkeypatch):
    """What a decoder makes of the seams of a sample is not held against it."""
    searched = []
    monkeypatch.setattr(fidelity, "_coarsest", lambda *parts: searched.append(parts))
    shapes = Image.effect_noise((1600, 1200), 60).resize((400, 300)).resize((1600, 1200))
    data = jpeg(Image.merge("RGB", [shapes, shapes.transpose(Turn.ROTATE_180), ImageChops.invert(shapes)]))
    done = edited(data, turn=Turn.ROTATE_180)
    assert opened(done).quantization == opened(data).quantization
    assert searched == []
