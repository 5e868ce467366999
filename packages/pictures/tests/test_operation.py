import errno
import json
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BytesIO

import pytest
from pictures import Limits, NoRoom, Operation, Refused, Store
from PIL import Image


@pytest.fixture
def store(tmp_path):
    store = Store(f"file://{tmp_path}")
    store.create()
    out = BytesIO()
    Image.new("RGB", (8, 8)).save(out, "PNG")
    (store.root / "uploads/abc.png").write_bytes(out.getvalue())
    return store


def test_works_once(store):
    calls = []
    operation = Operation("rotate", lambda data: calls.append(data) or b"done", store, Limits())
    assert operation("abc.png") == operation("abc.png") == "processed/rotate/abc_rotate.png"
    assert len(calls) == 1
    assert store.path("processed/rotate/abc_rotate.png").read_bytes() == b"done"


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (OSError("image file is truncated"), "truncated"),
        (SyntaxError("x"), "damaged"),
        (MemoryError(), "out-of-memory"),
        (Refused("timed-out"), "timed-out"),
    ],
)
def test_what_the_work_raises_is_a_refusal(store, raised, code):
    def work(data):
        raise raised

    with pytest.raises(Refused) as caught:
        Operation("rotate", work, store, Limits())("abc.png")
    assert caught.value.code == code
    assert not store.exists("processed/rotate/abc_rotate.png")


def test_a_failing_disk_is_not_a_refusal(store, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="full"):
        Operation("rotate", lambda data: data, store, Limits())("abc.png")


@pytest.mark.parametrize(
    ("limits", "code"),
    [(Limits(megabytes=0.00001), "too-large"), (Limits(megapixels=0.00001), "too-many-pixels")],
)
def test_limits_hold_for_events_of_others(store, limits, code):
    with pytest.raises(Refused) as caught:
        Operation("rotate", lambda data: pytest.fail("worked"), store, limits)("abc.png")
    assert caught.value.code == code


@pytest.mark.parametrize(("name", "code"), [("../abc.png", "outside-store"), ("none.png", "missing")])
def test_names_of_others_are_not_trusted(store, name, code):
    with pytest.raises(Refused) as caught:
        Operation("rotate", lambda data: data, store, Limits())(name)
    assert caught.value.code == code


def test_why_there_is_no_result_is_written_down(store):
    operation = Operation("rotate", lambda data: data, store, Limits())
    sentence = operation.failed("abc.png", Refused("too-large", limit=20), "pt-BR")
    assert sentence == "O arquivo é grande demais: o limite é de 20 MB."
    written = json.loads(store.path("processed/rotate/abc_rotate.json").read_bytes())
    assert written == {"reason": sentence, "code": "too-large"}
    assert store.upload("abc", ["rotate"]).operations["rotate"].reason == sentence
    assert operation.failed("../abc.png", TimeoutError("after 120 s"), "en") == "Processing the picture took too long."
    assert not list(store.root.parent.glob("*.json"))


def test_details_of_an_unforeseen_error_are_not_told(store):
    told = Operation("rotate", bytes, store, Limits()).failed("abc.png", ZeroDivisionError("in module x"), "pt-BR")
    assert told == "Não foi possível processar a imagem."


def test_a_picture_that_was_replaced_is_worked_on_again(store):
    operation = Operation("rotate", lambda data: data, store, Limits())
    result = store.path(operation("abc.png"))
    os.utime(result, (1, 1))
    out = BytesIO()
    Image.new("RGB", (9, 9), "red").save(out, "PNG")
    (store.root / "uploads/abc.png").write_bytes(out.getvalue())
    operation("abc.png")
    assert result.read_bytes() == out.getvalue()


def test_a_picture_whose_turn_does_not_come_may_pass(store, monkeypatch):
    monkeypatch.setattr("pictures.operation.WAIT_FOR_ROOM_SECONDS", 0.01)
    inner = Operation("rotate", lambda data: data, store, Limits())

    def work(data):
        with ThreadPoolExecutor() as threads, pytest.raises(NoRoom):
            threads.submit(inner, "abc.png").result()
        return data

    Operation("grayscale", work, store, Limits())("abc.png")
    assert store.path(inner("abc.png")).exists()


def test_a_large_picture_has_the_room_alone(store, monkeypatch):
    seen = []

    @contextmanager
    def room(name, alone):
        seen.append((name, alone))
        yield

    monkeypatch.setattr("pictures.operation.room", room)
    out = BytesIO()
    Image.new("1", (5000, 4400)).save(out, "PNG")
    (store.root / "uploads/large.png").write_bytes(out.getvalue())
    for name in ("abc.png", "large.png"):
        Operation("rotate", lambda data: data, store, Limits())(name)
    assert seen == [("rotate", False), ("rotate", True)]
