"""An edit of a picture that changes what it is asked to change, and nothing else."""

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import cast

from PIL import ExifTags, Image

from .check import opened
from .encoding import ENCODERS, Encoder, Jpeg
from .formats import format_named
from .profiles import fitting
from .tiff import unsigned
from .turns import UPRIGHT, Turn, combined

Change = Callable[[Image.Image], Image.Image]


def edited(data: bytes, change: Change | None = None, *, turn: Turn | None = None, to_luma: bool = False) -> bytes:
    """Return the picture in `data` with every frame made upright, turned by `turn`, then changed by `change`.

    It stays in its format, but for HEIC, which becomes JPEG. `change` takes a frame in whatever mode Pillow decodes
    it to (1, L, LA, I, I;16, F, P, RGB, RGBA, CMYK, …) and returns one; that may be the same, painted
    on in place: the decoder, which lays the frames of an animation one upon the other, keeps what is its own. `to_luma`
    promises that all `change` does to a pixel of a JPEG is to leave its luma, which stands there by itself.

    Kept: colour profile or code points, transparency, resolution; of a JPEG its progression, and every coefficient
    where that can be (lossless.py), else what it looks like (fidelity.py), and where the blocks stay in their places
    its quantisation tables and subsampling; of a PNG its palette, gamma, 16-bit grey; of a WebP whether it is lossless;
    of a TIFF its pages and how each is compressed; of AVIF and HEIC how colours are sampled; of an animation durations
    and loops. Applied, then gone: orientation. Gone: all other metadata, location included.
    Not kept, as Pillow decodes it to 8 bits: the lower bits of deeper colour (PNG and TIFF of 16, AVIF and HEIC of 10).
    What does not tell its quality is written with 90: lossy WebP, AVIF, HEIC, JPEG within TIFF.

    Raises Refused.
    """
    with opened(data) as (picture, sound):
        form = format_named(picture.format)
        encoder = ENCODERS[form.name](picture, sound)
        if isinstance(encoder, Jpeg):
            whole_turn = combined(UPRIGHT.get(orientation(picture)), turn)
            encoder.turned(whole_turn, changed=change is not None)
            if to_luma or change is None:
                done = encoder.transformed(whole_turn, to_luma)
                if done:
                    return done
            if to_luma:
                picture.draft("L", picture.size)
        animated = form.many and cast(bool, getattr(picture, "is_animated", False))
        frames = _Frames(picture, turn, change, encoder, animated)
        out = BytesIO()
        encoder.save(out, frames.made(0), frames if animated else ())
        return out.getvalue()


class _Frames:
    """The edited frames of an animation after its first, made anew whenever they are gone through.

    Pillow's writers go through them as they need; a list of them would be the largest thing in memory.
    """

    def __init__(
        self, picture: Image.Image, turn: Turn | None, change: Change | None, encoder: Encoder, animated: bool
    ) -> None:
        self._picture = picture
        self._turn = turn
        self._change = change
        self._encoder = encoder
        self._animated = animated

    def __iter__(self) -> Iterator[Image.Image]:
        for number in range(1, cast(int, getattr(self._picture, "n_frames", 1))):
            yield self.made(number)

    def made(self, number: int) -> Image.Image:
        picture = self._picture
        if self._animated:
            picture.seek(number)
        picture.load()
        kept, duration = self._encoder.kept(picture), picture.info.get("duration", 0)
        turn = combined(UPRIGHT.get(orientation(picture)), self._turn)  # a TIFF is upright once loaded
        loaded = unsigned(picture)
        if turn is not None:
            frame = loaded.transpose(turn)
        else:
            frame = loaded.copy() if self._animated and loaded is picture else loaded
        if not self._animated and frame is not picture:
            picture.close()  # two copies of the pixels are the peak, never three
        for step in (self._encoder.displayed, self._change, self._encoder.storable):
            result = step(frame) if step else frame
            if result is not frame:
                frame.close()
            frame = result
        # All else that is known of a picture is what is not to be kept; Pillow would write some of it.
        transparency = frame.info.get("transparency")
        frame.info = {**kept, "icc_profile": fitting(kept.get("icc_profile"), frame.mode)}
        if self._animated:
            frame.info["duration"] = duration
        if transparency is not None and frame.mode in ("1", "L", "I;16", "P", "RGB"):
            frame.info["transparency"] = transparency
        return frame


def orientation(picture: Image.Image) -> int:
    """The orientation of EXIF; upright where there is none or it cannot be read."""
    try:
        return int(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # the pixels of a picture with damaged EXIF are good
        return 1
