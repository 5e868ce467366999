"""Frames of an animation laid one upon the other, as the specifications of PNG and GIF say and browsers do."""

from abc import abstractmethod
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from PIL import Image

Box = tuple[int, int, int, int]


class Dispose(IntEnum):
    """What becomes of a frame when its time is over; the numbers are those of APNG."""

    NONE = 0
    BACKGROUND = 1
    PREVIOUS = 2


@dataclass
class Layer:
    """What is laid: `box` is its place, `duration` in ms; `replaces` what is below it, or is laid over that."""

    box: Box
    duration: float
    dispose: Dispose
    replaces: bool


class Composed(Image.Image):
    """The frames of an animation, as they are seen: what Pillow's own readers are to it.

    A frame is there once it has been loaded. Where `_beside` says so, frame 0 is a picture that is no part of it.
    """

    _layers: list[Layer]
    _beside = False
    _hole: int | None = None
    _colours: Any = b""

    def __init__(self) -> None:
        super().__init__()
        self._number, self._loaded = 0, -1
        self._canvas: Image.Image | None = None
        self._before: Image.Image | None = None  # the canvas below the last layer, where it has to come back

    @abstractmethod
    def _drawn(self, at: int) -> Image.Image:
        """Return the pixels of a layer, by its number, in the mode of the canvas; of -1 the picture beside."""

    @property
    def n_frames(self) -> int:
        return len(self._layers) + self._beside

    @property
    def is_animated(self) -> bool:
        return self.n_frames > 1

    def tell(self) -> int:
        return self._number

    def seek(self, frame: int) -> None:
        """Go to a frame; it is decoded when it is loaded. Raises EOFError where there is none."""
        if not 0 <= frame < self.n_frames:
            raise EOFError("no such frame")
        self._number = frame
        at = frame - self._beside
        self.info["duration"] = self._layers[at].duration if at >= 0 else 0

    def load(self) -> Any:
        if self._number != self._loaded:
            if self._number < self._beside:
                shown, self._canvas = self._drawn(-1), None
            else:
                if self._canvas is None or self._number < self._loaded:
                    self._loaded, self._canvas = self._beside - 1, self._empty(self.size)
                for number in range(self._loaded + 1, self._number + 1):
                    self._canvas = self._laid(self._canvas, number - self._beside)
                shown = self._canvas.copy()
            self._loaded, self.im, self.palette = self._number, shown.im, shown.palette
        return super().load()

    def _laid(self, canvas: Image.Image, at: int) -> Image.Image:
        """The canvas with a layer on it, after what is to become of the one before."""
        layer = self._layers[at]
        if at and (last := self._layers[at - 1]).dispose != Dispose.NONE:
            if last.dispose == Dispose.PREVIOUS and self._before is not None:
                canvas = self._before
            else:
                left, top, right, bottom = last.box
                canvas.paste(self._empty((right - left, bottom - top)), last.box)
        self._before = canvas.copy() if at and layer.dispose == Dispose.PREVIOUS else None
        drawn = self._drawn(at)
        if layer.replaces or self._mode not in ("P", "RGBA"):
            canvas.paste(drawn, layer.box)
        elif self._mode == "RGBA":
            canvas.alpha_composite(drawn, layer.box[:2])
        else:
            canvas.paste(drawn, layer.box, drawn.convert("RGBA").getchannel("A"))
        return canvas

    def _empty(self, size: tuple[int, int]) -> Image.Image:
        canvas = Image.new(self._mode, size, self._hole or 0)
        if self._mode == "P":
            canvas.putpalette(self._colours)
        return canvas


def is_covered(layers: list[Layer], size: tuple[int, int]) -> bool:
    """Tell whether there is something everywhere, at any time; before the first layer there was nothing."""
    whole = (0, 0, *size)
    wiped = (layer.dispose == Dispose.BACKGROUND or (at == 0 and layer.dispose) for at, layer in enumerate(layers))
    return layers[0].box == whole and not any(
        gone and after.box != whole for gone, after in zip(wiped, layers[1:], strict=False)
    )
