"""Animated PNG, compared with what the specification says a viewer shows."""

import struct
import zlib
from io import BytesIO

import pytest
from pictures import Limits, Refused, check, edited, preview
from pictures.apng import AnimatedPng
from PIL import Image

SOURCE, OVER = 0, 1
NONE, BACKGROUND, PREVIOUS = 0, 1, 2
RED, BLUE, HALF_RED, CLEAR = (255, 0, 0, 255), (0, 0, 255, 255), (255, 0, 0, 128), (0, 0, 0, 0)
THREE_COLOURS = [255, 0, 0, 0, 255, 0, 0, 0, 255]


def chunk(name, body=b""):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def parts(image, **options):
    out = BytesIO()
    image.save(out, "PNG", **options)
    data, at = out.getvalue(), 8
    while at < len(data):
        size, name = struct.unpack_from(">I4s", data, at)
        yield name, data[at + 8 : at + 8 + size]
        at += 12 + size


def apng(frames, default=None, count=None, **options):
    """An APNG of `frames`: image, and where given place, dispose, blend and duration in ms."""
    stills = [list(parts(frame["image"], **options)) for frame in frames]
    first = list(parts(default, **options)) if default else stills[0]
    out = [b"\x89PNG\r\n\x1a\n"]
    out += [chunk(name, body) for name, body in first if name not in (b"IDAT", b"IEND")]
    out.append(chunk(b"acTL", struct.pack(">II", count or len(frames), 2)))
    if default:
        out += [chunk(name, body) for name, body in first if name == b"IDAT"]
    sequence = 0
    for number, (frame, still) in enumerate(zip(frames, stills, strict=True)):
        place, size = frame.get("at", (0, 0)), frame["image"].size
        how = frame.get("ms", 100), 1000, frame.get("dispose", NONE), frame.get("blend", SOURCE)
        out.append(chunk(b"fcTL", struct.pack(">IIIIIHHBB", sequence, *size, *place, *how)))
        sequence += 1
        for name, body in still:
            if name == b"IDAT" and number == 0 and not default:
                out.append(chunk(name, body))
            elif name == b"IDAT":
                out.append(chunk(b"fdAT", struct.pack(">I", sequence) + body))
                sequence += 1
    return b"".join((*out, chunk(b"IEND")))


def flat(colour, size=(32, 32), mode="RGBA"):
    image = Image.new(mode, size, colour)
    if mode == "P":
        image.putpalette(THREE_COLOURS)
    return image


def same(frame):
    return frame


def composed(data):
    picture = AnimatedPng(data)
    for number in range(picture.n_frames):
        picture.seek(number)
        yield picture.copy()


def shown_by_pillow(data):
    """Frames of a result, of which each replaces what is below: Pillow shows those right."""
    with Image.open(BytesIO(data)) as picture:
        for number in range(picture.n_frames):
            picture.seek(number)
            yield picture.convert("RGBA")


def pixels(data, *places):
    """What is seen at these places in each frame of the original, having seen that a result shows it alike."""
    seen = [[frame.convert("RGBA").getpixel(place) for place in places] for frame in composed(data)]
    done = edited(data, same)
    assert [[frame.getpixel(place) for place in places] for frame in shown_by_pillow(done)] == seen
    return seen


def test_frames_of_one_palette_stay_apart_and_stay_paletted():
    data = apng([{"image": flat(number, mode="P")} for number in range(3)])
    assert pixels(data, (0, 0)) == [[RED], [(0, 255, 0, 255)], [BLUE]]
    done = edited(data, same)
    assert {frame.mode for frame in composed(done)} == {"P"}
    assert check(done, Limits()).frames == 3


def test_what_is_half_transparent_is_laid_over():
    data = apng([{"image": flat(BLUE)}, {"image": flat(HALF_RED), "blend": OVER}])
    assert pixels(data, (3, 3)) == [[BLUE], [(128, 0, 127, 255)]]


@pytest.mark.parametrize("blend", [SOURCE, OVER])
def test_half_transparent_over_nothing_is_half_transparent(blend):
    data = apng([{"image": flat(HALF_RED), "blend": blend}, {"image": flat(HALF_RED), "blend": SOURCE}])
    assert pixels(data, (3, 3)) == [[HALF_RED], [HALF_RED]]


def test_what_is_disposed_to_previous_leaves_no_ghost():
    small = flat(RED, (8, 8))
    data = apng(
        [
            {"image": flat(BLUE)},
            {"image": small, "at": (2, 2), "blend": OVER, "dispose": PREVIOUS},
            {"image": small, "at": (20, 20), "blend": OVER},
        ]
    )
    assert pixels(data, (4, 4), (22, 22)) == [[BLUE, BLUE], [RED, BLUE], [BLUE, RED]]


def test_what_is_disposed_to_background_is_clear_there_alone():
    data = apng(
        [
            {"image": flat(BLUE)},
            {"image": flat(RED, (8, 8)), "at": (2, 2), "dispose": BACKGROUND},
            {"image": flat(RED, (1, 1)), "at": (31, 31)},
        ]
    )
    assert pixels(data, (4, 4), (12, 12)) == [[BLUE, BLUE], [RED, BLUE], [CLEAR, BLUE]]


def test_the_first_frame_disposed_to_previous_is_clear():
    data = apng([{"image": flat(BLUE), "dispose": PREVIOUS}, {"image": flat(RED, (1, 1))}])
    assert pixels(data, (0, 0), (9, 9)) == [[BLUE, BLUE], [RED, CLEAR]]


def test_frames_that_leave_room_are_clear_around():
    """Of a picture beside the animation nothing is seen in it."""
    data = apng([{"image": flat(0, (8, 8), "L"), "at": (4, 4)}] * 2, default=flat(255, mode="L"))
    frames = list(composed(data))[1:]
    assert [frame.getpixel((0, 0)) for frame in frames] == [CLEAR] * 2
    assert [frame.getpixel((6, 6)) for frame in frames] == [(0, 0, 0, 255)] * 2


@pytest.mark.parametrize("alphas", [b"\xff\0\xff", b"\xff\x00\x80"])
def test_holes_of_a_palette_are_seen_through(alphas):
    data = apng(
        [{"image": flat(0, mode="P")}, {"image": flat(1, (8, 8), "P"), "blend": OVER, "at": (2, 2)}],
        transparency=alphas,
    )
    assert pixels(data, (4, 4)) == [[RED], [RED]]
    assert {frame.mode for frame in composed(edited(data, same))} == {"P" if alphas[2] == 255 else "RGBA"}


def test_grey_of_16_bits_stays_so():
    shades = [0x1234, 0xFEDC, 0x0001]
    data = apng([{"image": Image.new("I;16", (9, 9), shade)} for shade in shades])
    frames = list(composed(edited(data, lambda frame: frame.transpose(Image.Transpose.ROTATE_180))))
    assert [(frame.mode, frame.getpixel((4, 4))) for frame in frames] == [("I;16", shade) for shade in shades]


def test_grey_of_16_bits_with_a_hole_is_shown_in_8():
    data = apng(
        [{"image": Image.new("I;16", (9, 9), 0x8001)}, {"image": Image.new("I;16", (3, 3), 0x8000), "blend": OVER}],
        transparency=0x8000,
    )
    assert pixels(data, (1, 1)) == [[(128, 128, 128, 255)]] * 2


def test_a_frame_like_the_one_before_is_kept_with_its_time():
    data = apng([{"image": flat(RED), "ms": 40}, {"image": flat(RED), "ms": 70}, {"image": flat(BLUE), "ms": 90}])
    done = AnimatedPng(edited(data, same))
    times = []
    for number in range(done.n_frames):
        done.seek(number)
        times.append(done.info["duration"])
    assert times == [40, 70, 90]
    assert done.info["loop"] == 2


def test_frames_may_be_looked_at_in_any_order():
    data = apng(
        [{"image": flat(BLUE)}, {"image": flat(HALF_RED), "blend": OVER}, {"image": flat(HALF_RED), "blend": OVER}],
        default=flat(CLEAR),
    )
    picture = AnimatedPng(data)
    seen = {}
    for number in (3, 0, 2, 1, 1, 3, 2, 0):
        picture.seek(number)
        seen.setdefault(number, set()).add(picture.getpixel((5, 5)))
    assert seen == {0: {CLEAR}, 1: {BLUE}, 2: {(128, 0, 127, 255)}, 3: {(192, 0, 63, 255)}}


def test_the_preview_shows_the_animation_and_not_the_picture_beside_it():
    data = apng([{"image": flat(RED)}, {"image": flat(BLUE)}], default=flat(CLEAR))
    red, _, blue, alpha = Image.open(BytesIO(preview(data, 32))).convert("RGBA").getpixel((9, 9))
    assert (red > 240, blue < 15, alpha) == (True, True, 255)


def test_an_animation_of_one_frame_beside_a_picture_stays_one():
    data = apng([{"image": flat(RED)}], default=flat(BLUE))
    done = edited(data, same)
    assert b"acTL" in done
    assert [frame.getpixel((0, 0)) for frame in composed(done)] == [BLUE, RED]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (apng([{"image": flat(RED)}] * 2, count=3), "truncated"),
        (apng([{"image": flat(RED)}, {"image": flat(RED, (8, 8)), "at": (30, 0)}]), "damaged"),
        (apng([{"image": flat(RED)}] * 2)[:-40], "truncated"),
    ],
    ids=["fewer frames than it says", "a frame beyond the canvas", "cut"],
)
def test_what_is_no_whole_animation_is_refused(data, code):
    with pytest.raises(Refused) as caught:
        check(data, Limits())
    assert caught.value.code == code


def test_a_million_frames_are_refused_before_any_is_decoded():
    with pytest.raises(Refused) as caught:
        check(apng([{"image": flat(RED)}], count=1), Limits(megapixels=0.001))
    assert caught.value.code == "too-many-pixels"
