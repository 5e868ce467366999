"""Names of topics and groups, as the suite and as the cluster have them."""

import pytest
from bus.names import Names, prefix_of
from bus.settings import KafkaSettings


def test_without_a_prefix_names_are_the_same_and_all_topics_are_ours() -> None:
    names = Names(KafkaSettings())
    assert (names.topic("image"), names.called("image"), names.group("rotate-worker")) == (
        "image", "image", "rotate-worker",
    )  # fmt: skip
    assert (names.topic("vendas"), names.called("vendas"), names.group("console")) == ("vendas", "vendas", "console")
    assert names.is_ours("vendas")
    assert names.may_be_ours("console")
    assert not names.is_ours("__consumer_offsets")


def test_with_prefixes_what_is_ours_is_known_and_others_keep_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"KAFKA_TOPIC_PREFIX": "p-", "KAFKA_GROUP_PREFIX": "g-", "KAFKA_TOPIC_CHATBOT": "talk"}.items():
        monkeypatch.setenv(name, value)
    names = Names(KafkaSettings())
    assert (names.topic("p-image"), names.topic("talk"), names.called("chatbot")) == ("image", "chatbot", "talk")
    assert names.topic("p-rotate-worker.dlq") == "rotate-worker.dlq"
    assert (names.topic("image"), names.topic("p-vendas")) == ("image", "p-vendas")
    assert [names.is_ours(topic) for topic in ("p-image", "talk", "p-vendas", "image")] == [True, True, True, False]
    assert (names.group("g-rotate-worker"), names.group("rotate-worker")) == ("rotate-worker", "rotate-worker")
    assert [names.may_be_ours(group) for group in ("g-x", "g-rotate-worker", "x")] == [True, True, False]


def test_what_has_the_prefix_of_another_suite_is_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names(KafkaSettings(), ["aluno"])
    topics = ("image", "vendas", "aluno1-image", "aluno1-vendas", "other-image")
    assert [topic for topic in topics if not names.is_ours(topic)] == ["aluno1-image", "aluno1-vendas"]
    groups = ("rotate-worker", "console", "aluno1-console")
    assert [group for group in groups if names.is_anothers(group)] == ["aluno1-console"]
    monkeypatch.setenv("KAFKA_TOPIC_PREFIX", "prof-")
    monkeypatch.setenv("KAFKA_GROUP_PREFIX", "prof-")
    names = Names(KafkaSettings(), [""])
    topics = ("prof-image", "prof-vendas", "a-image", "a-rotate-worker.retry.image")
    assert [topic for topic in topics if names.is_ours(topic)] == ["prof-image", "prof-vendas"]
    groups = ("prof-rotate-worker", "console", "a-rotate-worker")
    assert [group for group in groups if names.is_anothers(group)] == ["a-rotate-worker"]


@pytest.mark.parametrize(
    ("called", "prefix"), [("image", ""), ("a-image", "a-"), ("a-x.retry.image", "a-"), ("vendas", "")]
)
def test_a_prefix_stands_before_the_longest_name(called: str, prefix: str) -> None:
    assert prefix_of(called, ["image", "x.retry.image"]) == prefix
