"""Dead letters as text for a terminal. Pure."""

import json
from collections import Counter
from contextlib import suppress
from datetime import datetime

from .handling import STATES, DeadLetter, Listing, Whole
from .words import Words

MAX_WHY_CHARACTERS = 100
MAX_VALUE_CHARACTERS = 4_000
MAX_HEADER_CHARACTERS = 200
MAX_HEADERS = 50
HEX_LINE_BYTES = 32
MAX_HEX_BYTES = 512


def listing(found: Listing, words: Words) -> str:
    """The table, how many are in which state, and whether there are more."""
    rows = [words.columns] + [_row(letter, words) for letter in found.letters]
    widths = [max(map(len, column)) for column in list(zip(*rows, strict=True))[:-1]]
    lines = ["  ".join([*map(str.ljust, row[:-1], widths), row[-1]]) for row in rows]
    states = Counter(letter.state for letter in found.letters)
    told = ", ".join(f"{words.states[state]} {states[state]}" for state in STATES if states[state])
    ends = [] if found.complete else [words.more]
    if not found.letters:
        return "\n".join([words.none, *ends])
    return "\n".join([*lines, "", words.count.format(number=len(found.letters), states=told), *ends])


def whole(shown: Whole, words: Words) -> str:
    """All that is in a dead letter; what is long is cut."""
    letter, state = shown.letter, words.states[shown.letter.state]
    if letter.replay_of:
        state = words.failed_before.format(state=state, id=f"{letter.replay_of}")
    attempts = words.attempts_replayed if letter.replays else words.attempts
    group = f"{letter.group}, {attempts.format(attempts=letter.attempts, replays=letter.replays)}"
    headers = [f"{safe(name[:MAX_HEADER_CHARACTERS])}: {_bytes(value, words)}" for name, value in shown.headers]
    if len(headers) > MAX_HEADERS:
        headers[MAX_HEADERS:] = ["…"]
    told = (
        state,
        _time(letter.at_ms),
        _place(letter),
        _time(letter.timestamp_ms),
        safe(group),
        safe(f"{letter.error}: {letter.message}"),
        _bytes(shown.key, words),
    )
    width = max(map(len, words.fields)) + 2
    lines = [f"{letter.id}"]
    lines += [f"{field + ':':{width}}{text}" for field, text in zip(words.fields, told, strict=False)]
    headers_field, value_field = words.fields[-2:]
    lines += [f"{headers_field}:", *(f"  {header}" for header in headers)] if headers else []
    return "\n".join([*lines, f"{value_field}:", value(shown.value, words)])


def value(data: bytes | None, words: Words) -> str:
    """The value of a record: JSON indented, text as it is, other bytes in hex."""
    if data is None:
        return words.no_value
    cut = words.cut.format(size=len(data))
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return _hex(data) + (f"\n{cut}" if len(data) > MAX_HEX_BYTES else "")
    if len(text) <= MAX_VALUE_CHARACTERS:
        with suppress(ValueError, RecursionError):
            text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
        return "\n".join(map(safe, text.splitlines()))
    return "\n".join([*map(safe, text[:MAX_VALUE_CHARACTERS].splitlines()), cut])


def safe(text: str) -> str:
    """Without what would control the terminal: what is in a record may come from anyone."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def _row(letter: DeadLetter, words: Words) -> tuple[str, ...]:
    why = safe(f"{letter.error}: {letter.message}")
    cut = why if len(why) <= MAX_WHY_CHARACTERS else f"{why[: MAX_WHY_CHARACTERS - 1]}…"
    return f"{letter.id}", _time(letter.at_ms), words.states[letter.state], _place(letter), cut


def _place(letter: DeadLetter) -> str:
    return "-" if letter.trouble == "no-dead-letter" else safe(f"{letter.topic}/{letter.partition}/{letter.offset}")


def _time(milliseconds: int | None) -> str:
    try:
        return f"{datetime.fromtimestamp((milliseconds or 0) / 1_000):%Y-%m-%d %H:%M:%S}" if milliseconds else "-"
    except (ValueError, OverflowError, OSError):
        return f"{milliseconds} ms"


def _bytes(data: bytes | None, words: Words) -> str:
    if data is None:
        return words.no_value
    try:
        text = safe(data[: 4 * MAX_HEADER_CHARACTERS].decode())
    except UnicodeDecodeError:
        text = data[:MAX_HEADER_CHARACTERS].hex(" ")
    return text if len(text) <= MAX_HEADER_CHARACTERS else f"{text[:MAX_HEADER_CHARACTERS]}…"


def _hex(data: bytes) -> str:
    shown = data[:MAX_HEX_BYTES]
    return "\n".join(shown[at : at + HEX_LINE_BYTES].hex(" ") for at in range(0, len(shown), HEX_LINE_BYTES))
