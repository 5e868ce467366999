import time

import pytest
from caption_worker.names import shortened, signs


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("foto.png", ["f", "o", "t", "o", ".", "p", "n", "g"]),
        ("a\u0301x\u0302", ["á", "x\u0302"]),  # composed where there is such a character
        ("\u1112\u1161\u11ab", ["한"]),  # as Apple's file systems name files
        ("👍🏽", ["👍🏽"]),
        ("👨‍👩‍👧!", ["👨‍👩‍👧", "!"]),
        ("🇧🇷🇵🇹", ["🇧🇷", "🇵🇹"]),
        ("1️⃣", ["1️⃣"]),
        ("\U0001f3f4\U000e0067\U000e0062\U000e007f", ["\U0001f3f4\U000e0067\U000e0062\U000e007f"]),
        (" a\nb\r\n\tc\x00 \u2028d ", ["a", " ", "b", " ", "c", " ", "d"]),
        ("a\u202egpj.exe\u2066\ufeff\u200b", list("agpj.exe")),
        ("\ud800x", ["x"]),
        ("\n\u200b", []),
        ("", []),
    ],
)
def test_a_name_is_cut_into_what_is_drawn_as_one(name, wanted):
    assert signs(name) == wanted


def test_a_tower_of_accents_ends_somewhere():
    assert max(len(sign) for sign in signs("o" + "\u0301\u0302" * 5000 + "k")) == 16


@pytest.mark.parametrize(
    "name", ["x" * 10_000 + ".jpeg", "e\u0301" * 500_000 + ".jpeg", "👨‍👩‍👧" * 10_000, "\n" * 1_000_000]
)
def test_bombs_are_short_soon(name):
    start = time.perf_counter()
    assert len(signs(name)) <= 601
    assert time.perf_counter() - start < 0.2


@pytest.mark.parametrize(
    ("name", "kept", "wanted"),
    [
        ("a very long name.jpeg", 12, "a ver…me.jpeg"),
        ("a very long name.jpeg", 6, "a….jpeg"),
        ("a very long name", 6, "a ve…me"),
        ("a very long name that never ends, like this one.md", 30, "a very long name tha…s one.md"),
        ("version 1.2 and much more to read", 9, "version…ad"),
    ],
)
def test_of_a_long_name_beginning_and_ending_are_left(name, kept, wanted):
    short = shortened(name, kept)
    assert len(short) == kept + 1
    assert short.count("…") == 1
    assert name.startswith("".join(short).partition("…")[0])
    assert name.endswith("".join(short).partition("…")[2])
    if "." in name[-6:]:
        assert "".join(short).endswith(name[name.rindex(".") :])
