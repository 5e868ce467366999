"""What is written: every script has its shapes, in the order in which it is read."""

import subprocess
import sys

import pytest
from caption_worker.fonts import EM, east_asian_face, font_of
from caption_worker.lines import _in_order, drawn, set_in
from caption_worker.names import signs
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
    (only,) = set_in(signs(name), width, 1, east_asian_face(name))
    return only


def read(name):
    """The text of each run from left to right, < before those that are written leftwards."""
    return ["<" * run.leftwards + run.text for run in _in_order(tuple(signs(name)), 0)]


@pytest.mark.parametrize("script", NAMES)
def test_every_sign_of_every_script_has_a_shape(script):
    name = NAMES[script]
    glyphs = line(name).glyphs
    assert 0 not in {glyph.number for glyph in glyphs}  # .notdef: the empty box


def test_signs_of_no_font_are_boxes_and_no_failure():
    assert {glyph.number for glyph in line("\U0001fffd\U00010ffd").glyphs} == {0}


def test_letters_that_join_are_joined():
    alone = [line(letter).glyphs[0].number for letter in "صورة"]
    assert not set(alone[:1]) & {glyph.number for glyph in line("صورة").glyphs}
    assert len(line("क्ष").glyphs) == 1
    assert line("👨‍👩‍👧").width == line("🇧🇷").width == line("1️⃣").width == line("🎉").width
    accent = line("x̂").glyphs[1]
    assert accent.x < line("x").width  # above its letter, not behind


def test_east_asian_signs_are_drawn_as_their_neighbours_ask():
    assert [east_asian_face(name) for name in ("東京タワー", "서울 直", "北京")] == [0, 1, 2]
    assert len({line(name).glyphs[0].number for name in ("直の", "直", "直서")}) > 1


@pytest.mark.parametrize(
    ("name", "wanted"),
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
def test_leftward_scripts_stand_leftwards(name, wanted):
    assert [run.strip() for run in read(name) if run.strip(" <")] == [run.strip() for run in wanted]


def test_lines_break_where_words_do_and_else_anywhere():
    def glyphs(text, width):
        return [len(one.glyphs) for one in set_in(signs(text), width * EM, 2, 2)]

    assert glyphs("holiday_pictures-of.jpeg", 8) == [8, 16]
    assert glyphs("holidaypicturesofusall.jpeg", 9)[0] > 12
    assert [one.width <= 5 * EM for one in set_in(signs("図" * 10), 5 * EM, 2, 0)] == [True, True]


@pytest.mark.parametrize("name", [*NAMES.values(), "x" * 600 + ".jpeg", "一" * 90 + ".png", "ص" * 90, "W" * 50])
@pytest.mark.parametrize("width", [3, 6, 13, 40])
@pytest.mark.parametrize("most", [1, 2])
def test_lines_never_are_wider_than_there_is_room(name, width, most):
    lines = set_in(signs(name), width * EM, most, 0)
    assert lines is not None or width < 6
    assert len(lines or []) <= most
    assert all(0 < one.width <= width * EM for one in lines or [])


def test_where_there_is_no_room_nothing_is_written():
    assert set_in(signs("a.jpeg"), EM, 2, 0) is None
    assert set_in(signs("a.jpeg"), 0, 2, 0) is None


def test_what_stands_out_of_the_band_is_cut_off():
    tower = line("a" + "\u0301" * 15)
    mask = drawn([tower], 20, 60, 30, 28)
    assert mask.size == (60, 30)
    assert mask.getextrema() == (0, 255)


def test_letters_stand_upright_in_the_middle():
    mask = drawn([line("L")], 100, 200, 140, 140)
    left, top, right, bottom = mask.getbbox()
    assert abs((left + right) / 2 - 100) < 8
    assert abs((top + bottom) / 2 - 70) < 8
    foot, head = mask.crop((left, bottom - 8, right, bottom)), mask.crop((left, top, right, top + 8))
    assert foot.histogram()[255] > 3 * head.histogram()[255]
    assert ImageChops.difference(mask, drawn([line("Γ")], 100, 200, 140, 140)).getbbox()


def test_latin_names_open_one_font_alone():
    code = (
        "from caption_worker import fonts; from caption_worker.captioned import label;"
        "label('Férias (12) – 1ª.jpeg', 800, 600); print(fonts._opened.cache_info().currsize)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


def test_a_font_is_chosen_once_for_a_sign():
    assert font_of("図", 0) is font_of("表", 0)
    assert font_of("図", 0) is not font_of("図", 2)
