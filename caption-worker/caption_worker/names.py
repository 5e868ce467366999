"""File names as sequences of grapheme clusters, and their truncation."""

import re
from collections.abc import Sequence
from unicodedata import category, normalize

ELLIPSIS = "…"
_MAX_START_CODE_POINTS, _MAX_END_CODE_POINTS = 400, 200  # longer names fit no picture
_MAX_GRAPHEME_CODE_POINTS = 16  # the longest emoji of Unicode 16 have 10
_ZWNJ, _ZWJ = "\u200c", "\u200d"
# Signs that are seen, before or around the character that follows (Unicode's property Prepended_Concatenation_Mark).
_PREPENDED = "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"


def graphemes(name: str) -> list[str]:
    """Split `name` into grapheme clusters: a character with its marks, an emoji with all its parts.

    Line breaks and control characters become spaces. Bidirectional controls and other invisible characters are removed,
    so that `gpj.exe` cannot look like a picture.
    """
    if len(name) > _MAX_START_CODE_POINTS + _MAX_END_CODE_POINTS:
        name = name[:_MAX_START_CODE_POINTS] + ELLIPSIS + name[-_MAX_END_CODE_POINTS:]
    found: list[str] = []
    for character in _clean(name):
        if not found or not _continues(found[-1], character):
            found.append(character)
        elif len(found[-1]) < _MAX_GRAPHEME_CODE_POINTS:
            found[-1] += character
    return found


def extension_length(name: Sequence[str]) -> int:
    """The number of graphemes of the file extension with its dot: 5 for `photo.jpeg`, 0 for `photo`."""
    length = len(name) - max((at for at, grapheme in enumerate(name) if grapheme == "."), default=len(name))
    return length if length <= 6 else 0


def truncate_middle(name: Sequence[str], kept: int) -> list[str]:
    """Return `kept` graphemes of `name` around an ellipsis: its start, and its end with at least the extension."""
    end = max(kept // 3, min(kept - 1, extension_length(name) + 2))
    return [*name[: kept - end], ELLIPSIS, *name[len(name) - end :]]


def _clean(name: str) -> str:
    shown = (" " if category(character) in ("Cc", "Zl", "Zp") else character for character in normalize("NFC", name))
    invisible = ("Cf", "Cs")
    kept = (_ZWJ, _ZWNJ, *_PREPENDED)
    visible = (c for c in shown if category(c) not in invisible or c in kept or _is_tag(c))
    return re.sub(r"\s+", " ", "".join(visible)).strip()


def _continues(grapheme: str, character: str) -> bool:
    return (
        category(character).startswith("M")
        or character in (_ZWJ, _ZWNJ)
        or grapheme[-1] in _PREPENDED
        or grapheme.endswith(_ZWJ)
        or "\U0001f3fb" <= character <= "\U0001f3ff"  # skin tones
        or _is_tag(character)
        or (_is_flag(character) and _is_flag(grapheme))
    )


def _is_tag(character: str) -> bool:
    return "\U000e0020" <= character <= "\U000e007f"


def _is_flag(grapheme: str) -> bool:
    return len(grapheme) == 1 and "\U0001f1e6" <= grapheme <= "\U0001f1ff"
