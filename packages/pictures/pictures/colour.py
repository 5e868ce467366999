"""The colours that the numbers of a picture stand for, and the same colours in numbers of another kind.

A file tells them by a profile (ICC.1), by code points (ITU-T H.273, also called CICP or nclx), or in a PNG by gamma and
chromaticities. What tells nothing is sRGB.
"""

import math
import struct
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import cast

from PIL import Image, ImageCms

from . import boxes, png
from .profiles import matrix_profile, power_curve, srgb_curve, table_curve

Chromaticities = tuple[float, ...]  # x and y of white, red, green, blue

_D65, _DCI_WHITE, _C = (0.3127, 0.329), (0.314, 0.351), (0.31, 0.316)
_PRIMARIES: dict[int, Chromaticities] = {
    1: (*_D65, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06),  # BT.709, sRGB
    4: (*_C, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*_D65, 0.64, 0.33, 0.29, 0.6, 0.15, 0.06),
    6: (*_D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),
    7: (*_D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),
    9: (*_D65, 0.708, 0.292, 0.17, 0.797, 0.131, 0.046),  # BT.2020
    11: (*_DCI_WHITE, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
    12: (*_D65, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),  # Display P3
}
_SRGB, _P3 = 1, 12
_SRGB_CURVE, _PQ, _HLG = 13, 16, 18
_GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0, 17: 2.6}
_WHITE_NITS = 203  # diffuse white (ITU-R BT.2408)
_STEPS = 4096


@dataclass(frozen=True)
class CodePoints:
    """Colour primaries and transfer characteristics; what H.273 leaves open is that of sRGB."""

    primaries: int
    transfer: int

    @property
    def is_hdr(self) -> bool:
        return self.transfer in (_PQ, _HLG)

    @property
    def is_srgb(self) -> bool:
        return self.primaries not in {*_PRIMARIES} - {_SRGB} and not self.is_hdr and self.transfer not in _GAMMAS

    def profile(self) -> bytes:
        """Return a profile of them; of HDR one in which diffuse white is white, and so is all that is brighter."""
        return _profile(_PRIMARIES.get(self.primaries, _PRIMARIES[_SRGB]), self.transfer)


def code_points(picture: Image.Image, data: bytes) -> CodePoints | None:
    """Return the code points of an open picture, where its colours are told by them and not by a profile."""
    found = None
    if picture.format == "PNG":
        found = next(((body[0], body[1]) for name, body in png.head(data) if name == b"cICP"), None)
    elif picture.info.get("icc_profile"):
        return None
    elif picture.format == "AVIF":
        known = boxes.properties(data)
        found = known.primaries, known.transfer
    elif picture.format == "HEIF" and (nclx := picture.info.get("nclx_profile")):
        found = nclx["color_primaries"], nclx["transfer_characteristics"]
    return CodePoints(*found) if found else None


def shown(small: Image.Image, picture: Image.Image, data: bytes) -> tuple[Image.Image, bytes | None]:
    """Return a small copy of an open picture in RGB or RGBA, and the profile to show it by; None is sRGB.

    Profiles and code points of RGB stay, but for HDR; other colours are converted: those of grey and CMYK profiles, and
    those that a PNG tells by its gamma.
    """
    own, points = picture.info.get("icc_profile"), code_points(picture, data)
    if points and points.is_hdr:
        return converted(small, points.profile(), display_p3()), display_p3()
    if points:
        return _rgb(small), None if points.is_srgb else points.profile()
    if own and own[16:20] == b"RGB " and picture.mode != "CMYK":
        return _rgb(small), own
    told = own or _told_by_png(picture, data)
    return converted(small, told) if told else _rgb(small), None


def converted(frame: Image.Image, profile: bytes, target: bytes | None = None) -> Image.Image:
    """Return a frame with the colours of `profile` as RGB of the profile `target`, or sRGB; with its transparency.

    Where the profile cannot be read, or is not of such pixels, its numbers are taken as they are. What is RGB or RGBA
    already is converted in place.
    """
    if frame.mode == "P" or (frame.mode in ("L", "RGB") and "transparency" in frame.info):
        frame = frame.convert("RGBA" if frame.has_transparency_data else "RGB")
    if profile[16:20] == b"RGB ":
        frame = _rgb(frame)
    alpha = frame.getchannel("A") if frame.mode == "LA" else None
    plain = frame.getchannel("L") if frame.mode == "LA" else frame
    mode = plain.mode if plain.mode in ("RGB", "RGBA") else "RGB"
    try:
        transform = _transform(profile, target, plain.mode, mode)
        if plain.mode == mode:
            ImageCms.applyTransform(plain, transform, inPlace=True)
            return plain
        result = cast(Image.Image, ImageCms.applyTransform(plain, transform))
    except (ImageCms.PyCMSError, ValueError):
        return _rgb(frame)
    if alpha:
        result.putalpha(alpha)
    return result


def in_srgb(frame: Image.Image) -> Image.Image:
    """Return a frame of CMYK or LAB in RGB, by the profile that its `info` has."""
    profile = frame.info.get("icc_profile")
    return converted(frame, profile) if profile else _rgb(frame)


@cache
def display_p3() -> bytes:
    """Return the profile of Display P3."""
    return CodePoints(_P3, _SRGB_CURVE).profile()


def _transform(profile: bytes, target: bytes | None, mode: str, result: str) -> ImageCms.ImageCmsTransform:
    into = ImageCms.ImageCmsProfile(BytesIO(target)) if target else ImageCms.createProfile("sRGB")
    return ImageCms.buildTransform(ImageCms.ImageCmsProfile(BytesIO(profile)), into, mode, result)


def _rgb(frame: Image.Image) -> Image.Image:
    mode = "RGBA" if frame.has_transparency_data else "RGB"
    return frame if frame.mode == mode else frame.convert(mode)


def _told_by_png(picture: Image.Image, data: bytes) -> bytes | None:
    """A profile made of gamma and chromaticities (PNG, third edition, 11.3.2.1 and 2); None where they count not."""
    if picture.format != "PNG":
        return None
    told = dict(png.head(data))
    if b"sRGB" in told or not told.keys() & {b"gAMA", b"cHRM"}:
        return None
    gamma = int.from_bytes(told.get(b"gAMA", b""), "big") / 100_000
    chromaticities = _PRIMARIES[_SRGB]
    if b"cHRM" in told:
        chromaticities = tuple(value / 100_000 for value in struct.unpack(">8I", told[b"cHRM"]))
    try:
        return matrix_profile(chromaticities, power_curve(1 / gamma) if gamma else srgb_curve())
    except (ArithmeticError, struct.error):
        return None


@cache
def _profile(primaries: Chromaticities, transfer: int) -> bytes:
    if transfer in _GAMMAS:
        curve = power_curve(_GAMMAS[transfer])
    elif transfer in _LIGHT:
        curve = table_curve(min(_LIGHT[transfer](step / _STEPS), 1.0) for step in range(_STEPS + 1))
    else:
        curve = srgb_curve()
    return matrix_profile(primaries, curve)


def _pq(value: float) -> float:
    """The light of a value of PQ (SMPTE ST 2084), where 1 is diffuse white."""
    root = math.pow(value, 32 / 2523)
    return 10_000 / _WHITE_NITS * math.pow(max(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root), 16_384 / 2610)


def _hlg(value: float) -> float:
    """The light of a value of HLG (ITU-R BT.2100) on a display of 1,000 nits, where 1 is diffuse white."""
    scene = value**2 / 3 if value <= 0.5 else (math.exp((value - 0.55991073) / 0.17883277) + 0.28466892) / 12
    return 1_000 / _WHITE_NITS * math.pow(scene, 1.2)


_LIGHT = {_PQ: _pq, _HLG: _hlg}
