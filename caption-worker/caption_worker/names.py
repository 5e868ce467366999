"""File names as a person sees them: what is drawn as one sign, and what of a long name is left."""

import re
from collections.abc import Sequence
from unicodedata import category, normalize

ELLIPSIS = "…"
_LONGEST_START, _LONGEST_END = 400, 200  # code points; what is between them fits no picture
_LONGEST_SIGN = 16  # code points: the longest emoji of Unicode 16 have 10
_ZWNJ, _ZWJ = "\u200c", "\u200d"


def signs(name: str) -> list[str]:
    """Return `name` cut into what is drawn as one: a character with its marks, an emoji with all its parts.

    Line breaks and control characters become spaces. What turns the order of characters or has no shape is left
    out, so that `gpj.exe` cannot look like a picture.
    """
    if len(name) > _LONGEST_START + _LONGEST_END:
        name = name[:_LONGEST_START] + ELLIPSIS + name[-_LONGEST_END:]
    found: list[str] = []
    for character in _cleaned(name):
        if not found or not _continues(found[-1], character):
            found.append(character)
        elif len(found[-1]) < _LONGEST_SIGN:
            found[-1] += character
    return found


def ending(name: Sequence[str]) -> int:
    """How many signs at the end of `name` tell what kind of file it is: of `photo.jpeg` five, of `photo` none."""
    signs_after = len(name) - max((at for at, sign in enumerate(name) if sign == "."), default=len(name))
    return signs_after if signs_after <= 6 else 0


def shortened(name: Sequence[str], kept: int) -> list[str]:
    """Return `kept` signs of `name` around an ellipsis: its beginning, and of its end at least the file's ending."""
    end = max(kept // 3, min(kept - 1, ending(name) + 2))
    return [*name[: kept - end], ELLIPSIS, *name[len(name) - end :]]


def _cleaned(name: str) -> str:
    shown = (" " if category(character) in ("Cc", "Zl", "Zp") else character for character in normalize("NFC", name))
    shapeless = ("Cf", "Cs")
    visible = (c for c in shown if category(c) not in shapeless or c in (_ZWJ, _ZWNJ) or _is_tag(c))
    return re.sub(r"\s+", " ", "".join(visible)).strip()


def _continues(sign: str, character: str) -> bool:
    return (
        category(character).startswith("M")
        or character in (_ZWJ, _ZWNJ)
        or sign.endswith(_ZWJ)
        or "\U0001f3fb" <= character <= "\U0001f3ff"  # colours of skin
        or _is_tag(character)
        or (_is_flag(character) and _is_flag(sign))
    )


def _is_tag(character: str) -> bool:
    return "\U000e0020" <= character <= "\U000e007f"


def _is_flag(sign: str) -> bool:
    return len(sign) == 1 and "\U0001f1e6" <= sign <= "\U0001f1ff"
