"""Text layout: glyphs for every script, bidirectional order, line breaks, rendering."""

import subprocess
import sys

import pytest
from caption_worker.fonts import EM, cjk_face, font_for
from caption_worker.lines import _visual_runs, layout, render
from caption_worker.names import graphemes
from PIL import ImageChops

NAMES = {
    "Latin": "Ça va, ñandú Ÿž x̂.png",
    "Vietnamese": "Ảnh đẹp ở Huế.jpg",
    "Greek": "Ελληνικά.png",
    "Cyrillic": "Привет ЁЇ.jpeg",
    "Hebrew": "שָׁלוֹם (2).jpg",
    "Arabic": "صورة العائلة ٢٠٢٤.jpg",
    "Persian": "می‌خواهم.png",
    "Hindi": "नमस्ते क्षत्रिय.gif",
    "Thai": "ภาพถ่ายน้ำ.jpg",
    "Japanese": "写真 東京タワー。.jpg",
    "Korean": "사진 서울.webp",
    "Chinese": "图片 北京 臺灣.png",
    "emoji": "🎉 👨‍👩‍👧 🇧🇷 1️⃣ ❤️ 👍🏽 🥹.png",
    "symbols": "→ ∑ ½ ① ☀ ✓ €™.txt",
}


def line(name, width=10**6):
    (only,) = layout(graphemes(name), width, 1, cjk_face(name))
    return only


def visual_order(name):
    """The text of each run from left to right; < marks runs from right to left."""
    return ["<" * run.is_rtl + run.text for run in _visual_runs(tuple(graphemes(name)), 0)]


@pytest.mark.parametrize("script", NAMES)
def test_every_script_has_glyphs(script):
    name = NAMES[script]
    glyphs = line(name).glyphs
    assert 0 not in {glyph.number for glyph in glyphs}  # .notdef, drawn as a box


def test_characters_without_a_font_are_boxes():
    assert {glyph.number for glyph in line("\U0001fffd\U00010ffd").glyphs} == {0}


def test_ligatures_and_emoji_sequences_are_joined():
    alone = [line(letter).glyphs[0].number for letter in "صورة"]
    assert not set(alone[:1]) & {glyph.number for glyph in line("صورة").glyphs}
    assert len(line("क्ष").glyphs) == 1
    assert line("👨‍👩‍👧").width == line("🇧🇷").width == line("1️⃣").width == line("🎉").width
    accent = line("x̂").glyphs[1]
    assert accent.x < line("x").width  # above its letter, not after it


def test_chinese_characters_take_the_variant_of_the_language_around_them():
    assert [cjk_face(name) for name in ("東京タワー", "서울 直", "北京")] == [0, 1, 2]
    assert len({line(name).glyphs[0].number for name in ("直の", "直", "直서")}) > 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("foto 12.png", ["foto 12.png"]),
        ("שלום.jpg", ["<שלום", ".jpg"]),
        ("שלום עולם.jpg", ["<שלום עולם", ".jpg"]),
        ("שלום 12.5.jpg", ["12.5", "<שלום ", ".jpg"]),
        ("שלום (2).jpg", ["<)", "2", "<(", "<שלום", ".jpg"]),
        ("(שלום).jpg", ["(", "<שלום", ").jpg"]),
        ("a שלום b שלום.c", ["a ", "<שלום", " b ", "<שלום", ".c"]),
        ("تقرير 2024-05-01 نهائي.pdf", ["<نهائي", "2024-05-01", "<تقرير", ".pdf"]),
        ("2024 שלום", ["2024 ", "<שלום"]),
    ],
)
def test_runs_are_in_visual_order(name, expected):
    assert [run.strip() for run in visual_order(name) if run.strip(" <")] == [run.strip() for run in expected]


def test_lines_break_between_words_or_else_anywhere():
    def glyphs(text, width):
        return [len(one.glyphs) for one in layout(graphemes(text), width * EM, 2, 2)]

    assert glyphs("holiday_pictures-of.jpeg", 8) == [8, 16]
    assert glyphs("holidaypicturesofusall.jpeg", 9)[0] > 12
    assert [one.width <= 5 * EM for one in layout(graphemes("図" * 10), 5 * EM, 2, 0)] == [True, True]


@pytest.mark.parametrize("name", [*NAMES.values(), "x" * 600 + ".jpeg", "一" * 90 + ".png", "ص" * 90, "W" * 50])
@pytest.mark.parametrize("width", [3, 6, 13, 40])
@pytest.mark.parametrize("max_lines", [1, 2])
def test_lines_never_exceed_the_width(name, width, max_lines):
    lines = layout(graphemes(name), width * EM, max_lines, 0)
    assert lines is not None or width < 6
    assert len(lines or []) <= max_lines
    assert all(0 < one.width <= width * EM for one in lines or [])


def test_without_enough_space_there_is_no_layout():
    assert layout(graphemes("a.jpeg"), EM, 2, 0) is None
    assert layout(graphemes("a.jpeg"), 0, 2, 0) is None


def test_parts_outside_the_mask_are_clipped():
    tower = line("a" + "\u0301" * 15)
    mask = render([tower], 20, 60, 30, 28)
    assert mask.size == (60, 30)
    assert mask.getextrema() == (0, 255)


def test_letters_are_upright_and_centred():
    mask = render([line("L")], 100, 200, 140, 140)
    left, top, right, bottom = mask.getbbox()
    assert abs((left + right) / 2 - 100) < 8
    assert abs((top + bottom) / 2 - 70) < 8
    foot, head = mask.crop((left, bottom - 8, right, bottom)), mask.crop((left, top, right, top + 8))
    assert foot.histogram()[255] > 3 * head.histogram()[255]
    assert ImageChops.difference(mask, render([line("Γ")], 100, 200, 140, 140)).getbbox()


def test_latin_names_open_only_one_font():
    code = (
        "from caption_worker import fonts; from caption_worker.captioned import label;"
        "label('Férias (12) – 1ª.jpeg', 800, 600); print(fonts._open_font.cache_info().currsize)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "1\n"


def test_the_font_of_a_grapheme_is_cached():
    assert font_for("図", 0) is font_for("表", 0)
    assert font_for("図", 0) is not font_for("図", 2)
