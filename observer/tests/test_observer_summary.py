"""What is kept of a record."""

from typing import Any

import pytest
from bus import KafkaSettings
from bus.names import Names
from events import Cause, ImageUploaded
from events.event import headers_of
from observer.summary import Summary, summary_of


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    monkeypatch.setenv("KAFKA_TOPIC_PREFIX", "p-")
    return Names(KafkaSettings())


def test_an_event_of_the_suite_says_all(fakes: Any, names: Names) -> None:
    trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    headers = headers_of(ImageUploaded(new_file="abc.png").encoded(), "image-upload", Cause("before", trace))
    one = summary_of(fakes.Record("p-image", 2, 7, headers=headers), names)
    assert one[:4] == ("image", 2, 7, 1_000)
    assert (one.type, one.source, one.key, one.picture) == ("image.uploaded", "image-upload", "abc", "abc")
    assert (one.cause, one.trace, one.session, one.bytes) == ("before", "a" * 32, None, 2)
    assert one.id == dict(headers)["ce_id"].decode()


def test_a_foreign_record_is_known_by_its_place_and_its_value(fakes: Any, names: Names) -> None:
    chat = fakes.Record("p-chatbot", key=None, value=fakes.json({"sessao": "s1", "pergunta": "?"}))
    image = fakes.Record("p-image", key=None, value=fakes.json({"new_file": "9PKAyoN.jpeg"}))
    assert (summary_of(chat, names).id, summary_of(chat, names).session) == ("chatbot/0/0", "s1")
    assert summary_of(image, names).picture == "9PKAyoN"


@pytest.mark.parametrize(
    "value", [None, b"", b"\xff", b"[1]", b'{"sessao": 1}', b'{"sessao": "\\ud800"}', b"[" * 60_000], ids=repr
)
def test_any_bytes_have_a_summary_that_can_be_sent(fakes: Any, names: Names, value: bytes | None) -> None:
    headers = [("ce_id", b"\xff" * 10), ("traceparent", b"x"), ("ce_source", b"")]
    one = summary_of(fakes.Record("p-chatbot", key=None, value=value, headers=headers), names)
    fakes.json(one.to_json())
    assert "".join(str(part) for part in one).encode("utf-8")
    assert (one.trace, one.source) == (None, None)


def test_a_dead_letter_answers_its_original_and_is_about_the_same(fakes: Any, names: Names) -> None:
    headers = [("ce_id", b"a"), ("dlq-topic", b"p-image"), ("dlq-partition", b"3"), ("dlq-offset", b"9")]
    one = summary_of(fakes.Record("p-rotate-worker.dlq", headers=headers), names)
    assert (one.topic, one.cause, one.picture) == ("rotate-worker.dlq", "image/3/9", "abc")


def test_a_foreign_topic_keeps_its_name(fakes: Any, names: Names) -> None:
    one: Summary = summary_of(fakes.Record("p-vendas"), names)
    assert (one.topic, one.session, one.picture) == ("p-vendas", None, None)
