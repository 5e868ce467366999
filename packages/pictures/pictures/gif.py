"""GIF (89a) whose frames leave room: clear there, as browsers show it, where Pillow's reader is opaque."""

import struct
from io import BytesIO

from PIL import GifImagePlugin, Image

from .composition import Box, Composed, Dispose, Layer, is_covered
from .formats import MAX_FRAMES

_EXTENSION, _IMAGE, _CONTROL = 0x21, 0x2C, 0xF9
_SCREEN = struct.Struct("<6sHHBBB")
_DESCRIPTOR = struct.Struct("<HHHHB")
_MOST_PIXELS = 4_000_000  # of a screen: what is composed takes up to 25 bytes for each
_DISPOSALS = {2: Dispose.BACKGROUND, 3: Dispose.PREVIOUS}


def opened(data: bytes) -> Image.Image:
    """Return the GIF: as Pillow reads it, or composed here if room is left. Raises SyntaxError and its kin."""
    picture = GifImagePlugin.GifImageFile(BytesIO(data))
    if picture.width * picture.height > _MOST_PIXELS:
        return picture
    try:
        composed = ComposedGif(data, picture)
    except (struct.error, IndexError):  # cut off: for Pillow to find
        return picture
    return composed if composed.leaves_room else picture


class ComposedGif(Composed):
    """The frames of a GIF, in RGBA."""

    format = "GIF"

    def __init__(self, data: bytes, picture: Image.Image) -> None:
        """`picture` is the same as Pillow opens it. Raises struct.error and IndexError where `data` is cut off."""
        super().__init__()
        self._data = data
        self._mode, self._size = "RGBA", picture.size
        self.info = {name: picture.info[name] for name in ("loop",) if name in picture.info}
        self._layers = []
        self._places: list[tuple[bytes, bytes, int, int, int]] = []  # control, colours, flags, pixels from and to
        holes = self._read()
        whole, fits = (0, 0, *self.size), all(_within(layer.box, self.size) for layer in self._layers)
        opaque = [layer for layer, hole in zip(self._layers, holes, strict=True) if not hole]
        self.leaves_room = (
            fits
            and bool(self._layers)
            and (
                (not holes[0] and self._layers[0].box != whole)
                or (not is_covered(self._layers, self.size) and any(layer.dispose for layer in opaque))
            )
        )

    def _read(self) -> list[bool]:
        """Find the frames; return of each whether it has a transparent colour."""
        data, holes = self._data, []
        *_, flags, _, _ = _SCREEN.unpack_from(data)
        at = _SCREEN.size + _table_bytes(flags)
        shared, shared_flags = data[_SCREEN.size : at], flags
        control = b""
        while len(self._layers) <= MAX_FRAMES and at < len(data) and data[at] in (_EXTENSION, _IMAGE):
            if data[at] == _EXTENSION:
                if data[at + 1] == _CONTROL:
                    control = data[at : at + 8]
                at = _after_blocks(data, at + 2)
                continue
            left, top, width, height, flags = _DESCRIPTOR.unpack_from(data, at + 1)
            start = at + 1 + _DESCRIPTOR.size
            pixels = start + _table_bytes(flags)
            at = _after_blocks(data, pixels + 1)
            colours, size = (data[start:pixels], flags) if flags & 0x80 else (shared, shared_flags)
            self._places.append((control, colours, 0x80 * bool(colours) | flags & 0x40 | size & 7, pixels, at))
            how = control[3] if control else 0
            delay = int.from_bytes(control[4:6], "little") * 10
            box = (left, top, left + width, top + height)
            self._layers.append(Layer(box, delay, _DISPOSALS.get(how >> 2 & 7, Dispose.NONE), replaces=False))
            holes.append(bool(how & 1))
            control = b""
        return holes

    def _drawn(self, at: int) -> Image.Image:
        control, colours, flags, start, end = self._places[at]
        left, top, right, bottom = self._layers[at].box
        size = right - left, bottom - top
        screen = _SCREEN.pack(b"GIF89a", *size, 0, 0, 0)
        descriptor = bytes((_IMAGE,)) + _DESCRIPTOR.pack(0, 0, *size, flags)
        alone = b"".join((screen, control, descriptor, colours, self._data[start:end], b";"))
        with GifImagePlugin.GifImageFile(BytesIO(alone)) as frame:
            return frame.convert("RGBA")


def _within(box: Box, size: tuple[int, int]) -> bool:
    return 0 <= box[0] < box[2] <= size[0] and 0 <= box[1] < box[3] <= size[1]


def _table_bytes(flags: int) -> int:
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(data: bytes, at: int) -> int:
    """Where the chain of blocks that begins at `at` has ended. Raises IndexError where it does not."""
    while data[at]:
        at += 1 + data[at]
    return at + 1
