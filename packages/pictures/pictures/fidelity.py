"""A JPEG of decoded pixels that is hardly to be told from them, and no larger than that takes.

Encoded with the tables of the original, on a grid of blocks that is another, a picture loses as much again as when it
was first encoded. Tables that are alike for all frequencies lose least for their bytes.
"""

import math
from collections.abc import Iterable
from io import BytesIO
from typing import Any

from PIL import Image, ImageChops, ImageStat

LEAST_DB = 45.0
"""Peak signal to noise, between the pixels and what a decoder makes of the file."""
_SURE_DB = 3.0  # how much nearer a sample has to be that the whole is not to be looked at
_SAMPLE_PIXELS = 250_000
_BAND_ROWS = 64  # of a sample, from each of several places
_SEAM_ROWS = 4  # beside another band: what a decoder makes of colours there says nothing of the whole
_MOST_OPTIMIZED = 16_000_000  # pixels: Huffman's codes of its own cost a picture up to 6 bytes for each
_BLOCK = 16  # pixels: with half the colours of each row and column
_FINEST, _COARSEST = 4, 128  # quarters of a step
_ROWS = 256
_NEVER = 2**62  # bytes

Options = dict[str, Any]  # of Pillow's Image.save


def encoded(frame: Image.Image, usual: Options, samplings: Iterable[int], budget_bytes: float) -> bytes:
    """Return a JPEG of `frame` that is at least as near to it as LEAST_DB, or as near as can be.

    That is one by the `usual` options, if that is near enough and within the budget; else the smallest that is found
    with other tables and one of the `samplings`, as Pillow numbers how colours are sampled.
    """
    sample = _sample(frame)
    tried, share = _encoded(sample, usual), math.prod(sample.size) / math.prod(frame.size)
    near = _sample_psnr(sample, tried)
    if len(tried) <= budget_bytes * share and near >= LEAST_DB:
        done = _encoded(frame, usual)
        if near >= LEAST_DB + _SURE_DB or psnr(frame, done) >= LEAST_DB:
            return done
    other = usual | {"optimize": math.prod(frame.size) < _MOST_OPTIMIZED}
    _, step, sampling = min(_coarsest(sample, other, sampling) for sampling in samplings)
    while True:
        done = _encoded(frame, _even(other, step, sampling))
        if step == _FINEST or psnr(frame, done) >= LEAST_DB:
            return done
        step -= 1


def psnr(frame: Image.Image, jpeg: bytes) -> float:
    """Return how near the decoded `jpeg` is to `frame`, in dB."""
    return _psnr(frame, jpeg, _ROWS, 0)


def _sample_psnr(sample: Image.Image, jpeg: bytes) -> float:
    return _psnr(sample, jpeg, _BAND_ROWS, _SEAM_ROWS if sample.height > _BAND_ROWS else 0)


def _psnr(frame: Image.Image, jpeg: bytes, band_rows: int, seam_rows: int) -> float:
    """As `psnr`, band by band, without the first and the last `seam_rows` of each."""
    squares, pixels = 0.0, 0
    with Image.open(BytesIO(jpeg), formats=["JPEG"]) as after:
        for top in range(0, frame.height, band_rows):
            box = (0, top + seam_rows, frame.width, min(top + band_rows, frame.height) - seam_rows)
            if box[3] > box[1]:
                squares += sum(ImageStat.Stat(ImageChops.difference(frame.crop(box), after.crop(box))).sum2)
                pixels += frame.width * (box[3] - box[1])
    error = squares / (pixels * len(frame.getbands()))
    return 10 * math.log10(255**2 / error) if error else math.inf


def _coarsest(sample: Image.Image, other: Options, sampling: int) -> tuple[int, int, int]:
    """Of the coarsest table that is near enough, else the finest: the bytes of the sample, the step, the sampling."""
    near, far = _FINEST, _COARSEST + 1
    finest = best = _encoded(sample, _even(other, near, sampling))
    if _sample_psnr(sample, finest) < LEAST_DB:
        return _NEVER, near, sampling
    while far - near > 1:
        middle = (near + far) // 2
        done = _encoded(sample, _even(other, middle, sampling))
        if _sample_psnr(sample, done) >= LEAST_DB:
            near, best = middle, done
        else:
            far = middle
    return len(best), near, sampling


def _even(other: Options, step: int, sampling: int) -> Options:
    """Options with tables of nearly one value: the quarters of a step are spread over the frequencies."""
    table = [(16 * step + number) // 64 for number in range(64)]
    return other | {"qtables": [table] * len(other["qtables"]), "subsampling": sampling}


def _encoded(frame: Image.Image, options: Options) -> bytes:
    out = BytesIO()
    try:
        frame.save(out, "JPEG", **options)
    except OSError:  # of a progressive or optimized one Pillow holds 2 bytes a pixel, and this one has more
        out = BytesIO()
        frame.save(out, "JPEG", **options | {"progressive": False, "optimize": False})
    return out.getvalue()


def _sample(frame: Image.Image) -> Image.Image:
    """Bands of a large picture, from top to bottom, on its own grid of blocks; a small picture itself."""
    width, height = frame.size
    number = max(_SAMPLE_PIXELS // (width * _BAND_ROWS), 2)
    if number * _BAND_ROWS * 2 > height:
        return frame
    sample = Image.new(frame.mode, (width, number * _BAND_ROWS))
    for one in range(number):
        top = (height - _BAND_ROWS) * one // (number - 1) // _BLOCK * _BLOCK
        sample.paste(frame.crop((0, top, width, top + _BAND_ROWS)), (0, one * _BAND_ROWS))
    return sample
