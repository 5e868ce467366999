"""Photos for the figures, made in code and the same each time: light, textures, edges, and the noise of a sensor."""

import io
import random

from PIL import Image, ImageDraw, ImageFilter


def photo(size: tuple[int, int], seed: int) -> bytes:
    """A JPEG of quality 90, 4:2:0, with about two bits a pixel, as phones write them."""
    chance = random.Random(seed)
    luma, blue, red = (_clouds(size, chance, octaves) for octaves in (7, 3, 3))
    picture = Image.merge("YCbCr", (luma, blue, red)).convert("RGB")
    draw = ImageDraw.Draw(picture)
    width, height = size
    for _ in range(24):
        x, y = chance.randrange(width), chance.randrange(height)
        reach = chance.randrange(width // 40, width // 8)
        colour = tuple(chance.randrange(256) for _ in range(3))
        shape = draw.ellipse if chance.random() < 0.5 else draw.rectangle
        shape((x, y, x + reach, y + chance.randrange(reach // 3, reach)), fill=colour)
    picture = picture.filter(ImageFilter.GaussianBlur(0.8))
    picture = Image.blend(picture, Image.merge("RGB", [_noise(size, chance) for _ in range(3)]), 0.095)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=90, subsampling="4:2:0")
    return out.getvalue()


def _clouds(size: tuple[int, int], chance: random.Random, octaves: int) -> Image.Image:
    """Shades that vary over all distances, the less the smaller the distance, as in nature."""
    clouds = Image.new("L", size, 128)
    for octave in reversed(range(octaves)):
        cells = (4 * 2**octave, 3 * 2**octave)
        layer = _noise(cells, chance).resize(size, Image.Resampling.BICUBIC)
        clouds = Image.blend(clouds, layer, 0.45)
    return clouds


def _noise(size: tuple[int, int], chance: random.Random) -> Image.Image:
    return Image.frombytes("L", size, chance.randbytes(size[0] * size[1]))
