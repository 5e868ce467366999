"""Chooses the font for a grapheme cluster: the first Noto font that has it. Fonts are opened on first use."""

import re
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path

import uharfbuzz as hb

EM = 2048
"""Font units per em, for every font."""
_WEIGHT = 500  # medium: thin strokes are hard to read on a dark background

_FOLDER = Path(str(files("manimgx_fonts")))
_MAIN, _EMOJI = _FOLDER / "NotoSans[wght].ttf", _FOLDER / "NotoEmoji[wght].ttf"
_SCRIPTS = sorted(path for path in _FOLDER.glob("NotoSans*.ttf") if path != _MAIN and "Italic" not in path.name)
_CJK = Path(str(files("manimgx_fonts_cjk"))) / "NotoSansCJK-VF.otf.ttc"
_JAPANESE, _KOREAN, _CHINESE = range(3)  # faces of the collection: the same characters in regional variants

# Emoji presentation even if a text font has the character: variation selector 16, keycaps, flags.
_AS_EMOJI = re.compile("[\ufe0f\u20e3\U0001f1e6-\U0001f1ff]")
_INVISIBLE = re.compile("[\u200c\u200d\ufe00-\ufe0f\U000e0020-\U000e007f]")


def cjk_face(name: str) -> int:
    """The face for the Chinese characters in `name`, chosen by the kana or hangul in it."""
    if re.search("[\u3040-\u30ff\uff66-\uff9f]", name):
        return _JAPANESE
    return _KOREAN if re.search("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]", name) else _CHINESE


@lru_cache(4096)
def font_for(grapheme: str, face: int) -> hb.Font:
    """Return the first font that has all of `grapheme`, or else one that has its first character, or the main font."""
    visible = _INVISIBLE.sub("", grapheme)
    first = [(_EMOJI, 0)] if _AS_EMOJI.search(grapheme) else []
    order = [*first, (_MAIN, 0), *((path, 0) for path in _SCRIPTS), (_EMOJI, 0), (_CJK, face)]
    for needed in (visible, visible[:1]):
        for path, index in order:
            font = _open_font(path, index)
            if all(font.get_nominal_glyph(ord(character)) for character in needed):
                return font
    return _open_font(_MAIN, 0)


@lru_cache(4096)
def script_of(grapheme: str) -> str | None:
    """The script (ISO 15924) of a grapheme cluster; None if it is common to all scripts, as digits are."""
    buffer = hb.Buffer()
    buffer.add_str(grapheme)
    buffer.guess_segment_properties()
    return str(buffer.script) if buffer.script else None


@cache
def _open_font(path: Path, index: int) -> hb.Font:
    font = hb.Font(hb.Face(hb.Blob.from_file_path(str(path)), index))
    font.scale = (EM, EM)
    font.set_variations({"wght": _WEIGHT})
    return font


font_for("a", _CHINESE)  # a missing font must fail at startup, not for every picture
