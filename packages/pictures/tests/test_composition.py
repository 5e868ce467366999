"""Animations whose frames leave room: clear there, as browsers show them."""

import struct
from io import BytesIO

import pytest
from pictures import Limits, Refused, check, edited, preview
from PIL import Image

SCREEN = (32, 24)
RED, BLUE, CLEAR = (255, 0, 0, 255), (0, 0, 255, 255), (0, 0, 0, 0)


def saved(image, form, **options):
    out = BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def same(frame):
    return frame


def gif(*frames, trailer=b";"):
    """A GIF of flat frames: colour, box, disposal and whether it has a transparent colour that it does not use."""
    out = struct.pack("<6sHHBBB", b"GIF89a", *SCREEN, 0, 0, 0)
    for colour, (left, top, right, bottom), disposal, hole in frames:
        size = right - left, bottom - top
        alone = saved(Image.new("P", size, 0), "GIF", optimize=False)
        at = alone.index(b"\x2c\0\0\0\0" + struct.pack("<HH", *size))
        pixels = alone[at + 10 + (3 * 2 ** ((alone[at + 9] & 7) + 1) if alone[at + 9] & 0x80 else 0) : -1]
        out += struct.pack("<BBBBHBB", 0x21, 0xF9, 4, disposal << 2 | hole, 7, 3, 0)
        out += struct.pack("<BHHHHB", 0x2C, left, top, *size, 0x81) + bytes(colour[:3]) + bytes(9) + pixels
    return out + trailer


def seen(data, *places):
    with Image.open(BytesIO(data)) as picture:
        frames = []
        for number in range(getattr(picture, "n_frames", 1)):
            picture.seek(number)
            frame = picture.convert("RGBA")
            frames.append([frame.getpixel(place) for place in places])
    return [[colour if colour[3] else CLEAR for colour in frame] for frame in frames]


def small(data, *places):
    frame = Image.open(BytesIO(preview(data, 480))).convert("RGBA")
    return [frame.getpixel(place)[3] for place in places]


WHOLE, PART = (0, 0, *SCREEN), (4, 4, 12, 12)
INSIDE, OUTSIDE = (6, 6), (20, 20)


@pytest.mark.parametrize("hole", [False, True])
def test_a_gif_smaller_than_its_screen_is_clear_around(hole):
    data = gif((RED, PART, 0, hole))
    assert check(data, Limits()).pixels == 32 * 24
    assert seen(edited(data, same), INSIDE, OUTSIDE) == [[RED, CLEAR]]
    assert small(data, INSIDE, OUTSIDE) == [255, 0]


def test_frames_of_a_gif_are_laid_over_what_is_clear():
    data = gif((RED, PART, 0, False), (BLUE, (16, 16, 24, 24), 0, False))
    assert check(data, Limits()).frames == 2
    assert seen(edited(data, same), INSIDE, OUTSIDE) == [[RED, CLEAR], [RED, BLUE]]


def test_a_frame_of_a_gif_that_is_wiped_leaves_nothing():
    data = gif((BLUE, WHOLE, 0, False), (RED, PART, 2, False), (RED, (0, 0, 1, 1), 0, False))
    assert seen(edited(data, same), INSIDE, OUTSIDE) == [[BLUE, BLUE], [RED, BLUE], [CLEAR, BLUE]]


def test_what_was_before_a_frame_of_a_gif_comes_back():
    data = gif((BLUE, (0, 0, 30, 24), 0, False), (RED, PART, 3, False), (RED, (0, 0, 1, 1), 0, False))
    assert seen(edited(data, same), INSIDE, OUTSIDE, (31, 5)) == [
        [BLUE, BLUE, CLEAR],
        [RED, BLUE, CLEAR],
        [BLUE, BLUE, CLEAR],
    ]


def test_times_of_a_composed_gif_stay():
    done = Image.open(BytesIO(edited(gif((RED, PART, 0, False), (BLUE, PART, 0, False)), same)))
    assert [done.info["duration"], done.n_frames] == [70, 2]


def test_a_gif_that_covers_its_screen_is_left_to_pillow():
    data = gif((RED, WHOLE, 0, False), (BLUE, PART, 0, False))
    assert seen(edited(data, same), INSIDE, OUTSIDE) == [[RED, RED], [BLUE, RED]]
    assert Image.open(BytesIO(edited(data, same))).mode == "P"


@pytest.mark.parametrize("missing", [3, 12, 30])
def test_a_composed_gif_that_is_cut_is_refused(missing):
    data = gif((RED, PART, 0, False), (BLUE, PART, 0, False), trailer=b"")
    with pytest.raises(Refused):
        check(data[:-missing], Limits())


def webp(*sizes):
    """An animated WebP of one colour for each frame, on a canvas that is larger; opaque, it says."""
    frames = [Image.new("RGB", (16, 12), colour[:3]) for colour in (RED, BLUE)]
    data = bytearray(saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True, duration=50))
    assert data[20] & 16 == 0
    for at, side in zip((24, 27), sizes, strict=True):
        data[at : at + 3] = (side - 1).to_bytes(3, "little")
    return bytes(data)


def test_empty_corners_of_an_animated_webp_are_clear():
    data = webp(*SCREEN)
    assert seen(edited(data, same), INSIDE, OUTSIDE) == [[RED, CLEAR], [BLUE, CLEAR]]
    assert small(data, INSIDE, OUTSIDE) == [255, 0]


def test_an_animated_webp_that_covers_its_canvas_stays_opaque():
    done = Image.open(BytesIO(edited(webp(16, 12), same)))
    assert (done.mode, done.n_frames) == ("RGB", 2)
