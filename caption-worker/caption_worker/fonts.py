"""The font that draws a sign: the first of Noto's that has it, opened when it is first asked for."""

import re
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path

import uharfbuzz as hb

EM = 2048
"""The units in which every font measures, to the em."""
_WEIGHT = 500  # medium: thin strokes drown on a dark ground

_FOLDER = Path(str(files("manimgx_fonts")))
_MAIN, _EMOJI = _FOLDER / "NotoSans[wght].ttf", _FOLDER / "NotoEmoji[wght].ttf"
_SCRIPTS = sorted(path for path in _FOLDER.glob("NotoSans*.ttf") if path != _MAIN and "Italic" not in path.name)
_CJK = Path(str(files("manimgx_fonts_cjk"))) / "NotoSansCJK-VF.otf.ttc"
_JAPANESE, _KOREAN, _CHINESE = range(3)  # faces of the collection; all have the same signs, drawn as there

# What asks to be drawn as an emoji, though text fonts may have it too: variation selector 16, keycaps, flags.
_AS_EMOJI = re.compile("[\ufe0f\u20e3\U0001f1e6-\U0001f1ff]")
_SHAPELESS = re.compile("[\u200c\u200d\ufe00-\ufe0f\U000e0020-\U000e007f]")


def east_asian_face(name: str) -> int:
    """Which of the faces for Chinese characters suits all of `name`: its kana or hangul tell."""
    if re.search("[\u3040-\u30ff\uff66-\uff9f]", name):
        return _JAPANESE
    return _KOREAN if re.search("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]", name) else _CHINESE


@lru_cache(4096)
def font_of(sign: str, face: int) -> hb.Font:
    """Return the font for `sign`; where none has all of it, one that has its first character, if any."""
    drawn = _SHAPELESS.sub("", sign)
    first = [(_EMOJI, 0)] if _AS_EMOJI.search(sign) else []
    order = [*first, (_MAIN, 0), *((path, 0) for path in _SCRIPTS), (_EMOJI, 0), (_CJK, face)]
    for needed in (drawn, drawn[:1]):
        for path, index in order:
            font = _opened(path, index)
            if all(font.get_nominal_glyph(ord(character)) for character in needed):
                return font
    return _opened(_MAIN, 0)


@lru_cache(4096)
def script_of(sign: str) -> str | None:
    """The script (ISO 15924) of a sign; None where it is of all, as figures are."""
    buffer = hb.Buffer()
    buffer.add_str(sign)
    buffer.guess_segment_properties()
    return str(buffer.script) if buffer.script else None


@cache
def _opened(path: Path, index: int) -> hb.Font:
    font = hb.Font(hb.Face(hb.Blob.from_file_path(str(path)), index))
    font.scale = (EM, EM)
    font.set_variations({"wght": _WEIGHT})
    return font


font_of("a", _CHINESE)  # a font that is missing shall be told at start, not by every picture
