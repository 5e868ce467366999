"""JPEG turned and made grey without decoding its pixels: the coefficients of its blocks are moved, none is changed.

By the TurboJPEG library of libjpeg-turbo, loaded where the system has it (Debian: libturbojpeg0); where it has not,
or where it meets anything out of the ordinary, None says that Pillow has to do it. Of the library only what versions
2 and 3 have in common is used, https://libjpeg-turbo.org/Documentation/Documentation: `tjTransform`, which is what
the program jpegtran does. A Python package around it, PyTurboJPEG, wants version 3, which Debian 12 has not.
"""

import ctypes
import sys
from functools import cache

from .turns import Turn

_OPERATIONS = {  # enum TJXOP
    None: 0,
    Turn.FLIP_LEFT_RIGHT: 1,
    Turn.FLIP_TOP_BOTTOM: 2,
    Turn.TRANSPOSE: 3,
    Turn.TRANSVERSE: 4,
    Turn.ROTATE_270: 5,  # TurboJPEG counts clockwise
    Turn.ROTATE_180: 6,
    Turn.ROTATE_90: 7,
}
# TJXOPT_*: PERFECT fails where a block cut by the edge would have to move; COPYNONE leaves all metadata behind.
_PERFECT, _GRAY, _PROGRESSIVE, _COPYNONE = 1, 8, 32, 64
# TJFLAG_*: damage is an error, and so are so many scans that they would take minutes.
_STOP_ON_WARNING, _LIMIT_SCANS = 8192, 32768


class _Transform(ctypes.Structure):  # tjtransform
    _fields_ = (
        ("x", ctypes.c_int),
        ("y", ctypes.c_int),
        ("width", ctypes.c_int),
        ("height", ctypes.c_int),
        ("operation", ctypes.c_int),
        ("options", ctypes.c_int),
        ("data", ctypes.c_void_p),
        ("filter", ctypes.c_void_p),
    )


@cache
def _library() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL("libturbojpeg.dylib" if sys.platform == "darwin" else "libturbojpeg.so.0")
        library.tjInitTransform.restype = ctypes.c_void_p
        library.tjTransform.argtypes = (
            ctypes.c_void_p,
            ctypes.c_char_p,
            ctypes.c_ulong,
            ctypes.c_int,
            ctypes.POINTER(ctypes.c_void_p),
            ctypes.POINTER(ctypes.c_ulong),
            ctypes.POINTER(_Transform),
            ctypes.c_int,
        )
        library.tjDestroy.argtypes = library.tjFree.argtypes = (ctypes.c_void_p,)
    except (OSError, AttributeError):
        return None
    return library


def available() -> bool:
    """Tell whether the library is there."""
    return _library() is not None


def transformed(data: bytes, turn: Turn | None, grey: bool, progressive: bool) -> bytes | None:
    """Return the JPEG in `data` turned, without its colours where `grey` says so, and without metadata.

    None where there is no library, where the sides do not allow it (a side that is reversed has to be a multiple of
    8 or 16 pixels, the size of a block of its colours), where there is no luma to leave (RGB), or where the bytes are
    damaged in any way.
    """
    library = _library()
    handle = library and library.tjInitTransform()
    if not library or not handle:
        return None
    options = _PERFECT | _COPYNONE | (_GRAY if grey else 0) | (_PROGRESSIVE if progressive else 0)
    transform = _Transform(operation=_OPERATIONS[turn], options=options)
    out, size = ctypes.c_void_p(), ctypes.c_ulong()
    try:
        failed = library.tjTransform(
            handle,
            data,
            len(data),
            1,
            ctypes.byref(out),
            ctypes.byref(size),
            ctypes.byref(transform),
            _STOP_ON_WARNING | _LIMIT_SCANS,
        )
        return None if failed or not out else ctypes.string_at(out, size.value)
    finally:
        library.tjFree(out)
        library.tjDestroy(handle)
