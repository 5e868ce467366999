from io import BytesIO

import pytest
from pictures import Refused
from PIL import Image
from rotate_worker.rotated import rotated

LOSSLESS = {"PNG": {}, "WEBP": {"lossless": True}, "GIF": {}, "TIFF": {}, "BMP": {}}


def picture(form):
    """Two by three pixels, each of its own colour."""
    image = Image.new("RGB", (2, 3))
    image.putdata([(250, 0, 0), (0, 250, 0), (0, 0, 250), (250, 250, 0), (0, 250, 250), (250, 0, 250)])
    out = BytesIO()
    image.save(out, form, **LOSSLESS[form])
    return out.getvalue()


def pixels(data):
    with Image.open(BytesIO(data)) as image:
        rgb = image.convert("RGB")
        return [[rgb.getpixel((x, y)) for x in range(rgb.width)] for y in range(rgb.height)]


def quarter(rows):
    """Clockwise: the first column, read upwards, becomes the first row."""
    return [list(column) for column in zip(*reversed(rows), strict=True)]


@pytest.mark.parametrize("form", LOSSLESS)
def test_turns_clockwise(form):
    rows = pixels(picture(form))
    for degrees in (90, 180, 270):
        rows = quarter(rows)
        assert pixels(rotated(picture(form), degrees)) == rows


def test_half_a_turn_is_the_default_and_two_are_none():
    data = picture("PNG")
    assert pixels(rotated(data)) == quarter(quarter(pixels(data)))
    assert pixels(rotated(rotated(data))) == pixels(data)


@pytest.mark.parametrize("degrees", [0, 45, 360, -90])
def test_other_degrees_are_an_error(degrees):
    with pytest.raises(ValueError, match=str(degrees)):
        rotated(picture("PNG"), degrees)


def test_what_is_no_picture_is_refused():
    with pytest.raises(Refused):
        rotated(b"no picture")
