import time

import pytest
from caption_worker.names import graphemes, truncate_middle


@pytest.mark.parametrize(
    ("name", "expected"),
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
        ("\u0600\u0661.png", ["\u0600\u0661", ".", "p", "n", "g"]),  # a sign of Arabic numbers, which is seen
        ("a\u06dd\u0662\U000110bd1", ["a", "\u06dd\u0662", "\U000110bd1"]),
        ("\ud800x", ["x"]),
        ("\n\u200b", []),
        ("", []),
    ],
)
def test_a_name_is_split_into_grapheme_clusters(name, expected):
    assert graphemes(name) == expected


def test_stacked_accents_are_limited():
    assert max(len(grapheme) for grapheme in graphemes("o" + "\u0301\u0302" * 5000 + "k")) == 16


@pytest.mark.parametrize(
    "name", ["x" * 10_000 + ".jpeg", "e\u0301" * 500_000 + ".jpeg", "👨‍👩‍👧" * 10_000, "\n" * 1_000_000]
)
def test_huge_names_are_truncated_quickly(name):
    start = time.process_time()
    assert len(graphemes(name)) <= 601
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    ("name", "kept", "expected"),
    [
        ("a very long name.jpeg", 12, "a ver…me.jpeg"),
        ("a very long name.jpeg", 6, "a….jpeg"),
        ("a very long name", 6, "a ve…me"),
        ("a very long name that never ends, like this one.md", 30, "a very long name tha…s one.md"),
        ("version 1.2 and much more to read", 9, "version…ad"),
    ],
)
def test_truncation_keeps_the_start_and_the_extension(name, kept, expected):
    short = truncate_middle(name, kept)
    assert len(short) == kept + 1
    assert short.count("…") == 1
    assert name.startswith("".join(short).partition("…")[0])
    assert name.endswith("".join(short).partition("…")[2])
    if "." in name[-6:]:
        assert "".join(short).endswith(name[name.rindex(".") :])
