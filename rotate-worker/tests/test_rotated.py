from io import BytesIO

import pytest
from pictures import Refused
from PIL import Image
from rotate_worker.rotated import rotated

LOSSLESS = {"PNG": {}, "WEBP": {"lossless": True}, "GIF": {}, "TIFF": {}, "BMP": {}}


def picture(form):
    """A picture of two by three pixels, each with a colour of its own."""
    image = Image.new("RGB", (2, 3))
    image.putdata([(250, 0, 0), (0, 250, 0), (0, 0, 250), (250, 250, 0), (0, 250, 250), (250, 0, 250)])
    out = BytesIO()
    image.save(out, form, **LOSSLESS[form])
    return out.getvalue()


def pixels(data):
    with Image.open(BytesIO(data)) as image:
        rgb = image.convert("RGB")
        return [[rgb.getpixel((x, y)) for x in range(rgb.width)] for y in range(rgb.height)]


def rotate_90(rows):
    """Rotate by 90 degrees clockwise: the first column, from bottom to top, becomes the first row."""
    return [list(column) for column in zip(*reversed(rows), strict=True)]


@pytest.mark.parametrize("form", LOSSLESS)
def test_it_rotates_clockwise(form):
    rows = pixels(picture(form))
    for degrees in (90, 180, 270):
        rows = rotate_90(rows)
        assert pixels(rotated(picture(form), degrees)) == rows


def test_180_degrees_is_the_default_and_twice_that_changes_nothing():
    data = picture("PNG")
    assert pixels(rotated(data)) == rotate_90(rotate_90(pixels(data)))
    assert pixels(rotated(rotated(data))) == pixels(data)


@pytest.mark.parametrize("degrees", [0, 45, 360, -90])
def test_other_degrees_raise_value_error(degrees):
    with pytest.raises(ValueError, match=str(degrees)):
        rotated(picture("PNG"), degrees)


def test_invalid_pictures_are_refused():
    with pytest.raises(Refused):
        rotated(b"no picture")
