"""An edit of a picture that changes what it is asked to change, and nothing else."""

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import cast

from PIL import ExifTags, Image, ImageFile

from .check import opened
from .encoding import ENCODERS, Encoder
from .formats import format_named
from .profiles import fitting

Change = Callable[[Image.Image], Image.Image]

# What undoes an orientation of EXIF (tag 274; 1 is upright).
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def edited(data: bytes, change: Change, draft: str | None = None) -> bytes:
    """Return the picture in `data` with `change` applied to every frame, in the same format.

    `change` takes an upright frame in whatever mode Pillow decodes it to (1, L, LA, I;16, P, RGB, RGBA, CMYK) and
    returns one. `draft` names the mode that `change` needs (`"L"`), where the JPEG decoder can yield it at once.

    Kept: colour profile, transparency, resolution; of a JPEG its quantisation tables, subsampling and
    progression; of a PNG its palette, gamma, 16-bit grey; of a WebP whether it is lossless; of an animation
    durations and loops. Applied, then gone: orientation. Gone: all other metadata, location included.
    Not kept, as Pillow decodes it to 8 bits: the lower byte of 16-bit colour (PNG of 16-bit RGB, RGBA or LA). A lossy
    WebP does not tell its quality and is written with 90.

    Raises Refused.
    """
    with opened(data) as picture:
        form = format_named(picture.format)
        if draft:
            picture.draft(draft, picture.size)
        profile = picture.info.get("icc_profile")
        encoder = ENCODERS[form.name](picture, data)
        animated = form.name != "JPEG" and cast(bool, getattr(picture, "is_animated", False))
        frames = _Frames(picture, change, encoder, animated)
        first = frames.made(0)
        options = encoder.options(first, frames if frames.animated else ())
        out = BytesIO()
        first.save(
            out,
            form.name,
            save_all=frames.animated,
            icc_profile=fitting(profile, first.mode),
            **options,
        )
        return out.getvalue()


class _Frames:
    """The edited frames of an animation after its first, made anew whenever they are gone through.

    Pillow's writers go through them as they need; a list of them would be the largest thing in memory.
    """

    def __init__(self, picture: ImageFile.ImageFile, change: Change, encoder: Encoder, animated: bool) -> None:
        self.animated = animated
        self._picture = picture
        self._change = change
        self._encoder = encoder
        turn = _UPRIGHT.get(_orientation(picture))
        self._upright: Change = (lambda frame: frame.transpose(turn)) if turn is not None else _as_it_is

    def __iter__(self) -> Iterator[Image.Image]:
        for number in range(1, cast(int, getattr(self._picture, "n_frames", 1))):
            yield self.made(number)

    def made(self, number: int) -> Image.Image:
        picture = self._picture
        if self.animated:
            picture.seek(number)
        picture.load()
        frame: Image.Image = picture.copy() if self.animated else picture
        for step in (self._upright, self._change, self._encoder.storable):
            result = step(frame)
            if result is not frame:
                frame.close()  # two copies of the pixels are the peak, never three
            frame = result
        # All else that is known of a picture is what is not to be kept; Pillow would write some of it.
        transparency = frame.info.get("transparency")
        frame.info = {"duration": picture.info.get("duration", 0)} if self.animated else {}
        if transparency is not None and frame.mode in ("1", "L", "I;16", "P", "RGB"):
            frame.info["transparency"] = transparency
        return frame


def _as_it_is(frame: Image.Image) -> Image.Image:
    return frame


def _orientation(picture: ImageFile.ImageFile) -> int:
    """The orientation of EXIF; upright where there is none or it cannot be read."""
    try:
        return int(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # the pixels of a picture with damaged EXIF are good
        return 1
