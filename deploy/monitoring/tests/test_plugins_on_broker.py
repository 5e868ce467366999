"""The plugins that ask Kafka, against a broker that speaks the real protocol."""

import pytest
from bus.clients import connect_admin, connect_consumer
from bus.producer import Outgoing, Producer
from bus.settings import KafkaSettings
from bus.topics import ensure
from events.catalogue import all_topics
from suite_fixtures import eventually
from test_plugins import CRITICAL, OK, WARNING, Answer, check

pytestmark = pytest.mark.broker


def ask(env: dict[str, str], plugin: str, *arguments: object) -> Answer:
    return check(plugin, *arguments, **env)


@pytest.fixture
def settings(kafka_env: dict[str, str]) -> KafkaSettings:
    settings = KafkaSettings()
    with connect_admin(settings) as admin:
        ensure(admin, settings, [topic for topic in all_topics() if topic != "handoff"])
    return settings


def publish(settings: KafkaSettings, topic: str, number: int) -> None:
    producer = Producer(settings)
    for key in range(number):
        producer.publish([Outgoing(topic, f"{key}".encode(), b"{}", [])])
    producer.close(timeout=5)


def test_a_topic_that_is_missing_is_named(kafka_env: dict[str, str], settings: KafkaSettings) -> None:
    answer = ask(kafka_env, "check_topicos")
    assert answer.status == CRITICAL
    assert f"faltam tópicos: {settings.topic('handoff')}" in answer.text
    with connect_admin(settings) as admin:
        ensure(admin, settings, all_topics())
    answer = ask(kafka_env, "check_topicos")
    assert (answer.status, answer.figures) == (OK, {"topicos": str(len(all_topics()))})


def test_a_worker_out_of_its_group_has_no_heartbeat(kafka_env: dict[str, str], settings: KafkaSettings) -> None:
    assert ask(kafka_env, "check_batimento", "rotate-worker").status == CRITICAL
    with connect_consumer(settings, group_id=settings.group("rotate-worker")) as consumer:
        consumer.subscribe([settings.topic("image")])
        eventually(lambda: consumer.poll(100) is not None and bool(consumer.assignment()))
        answer = ask(kafka_env, "check_batimento", "rotate-worker")
        assert (answer.status, answer.figures) == (OK, {"consumidores": "1"})
        assert ask(kafka_env, "check_batimento", "rotate-worker", "-w", "2:").status == WARNING


def test_a_lag_beyond_the_limits_is_told(kafka_env: dict[str, str], settings: KafkaSettings) -> None:
    publish(settings, "image", 5)
    answer = ask(kafka_env, "check_atraso", "rotate-worker")
    assert (answer.status, answer.figures) == (OK, {"atraso": "5", "atraso_image": "5"})
    answer = ask(kafka_env, "check_atraso", "rotate-worker", "-w", "4")
    assert answer.status == WARNING
    assert "atraso: 5 (fora de 4)" in answer.text
    assert ask(kafka_env, "check_atraso", "rotate-worker", "-w", "2", "-c", "4").status == CRITICAL


def test_fresh_dead_letters_are_told(kafka_env: dict[str, str], settings: KafkaSettings) -> None:
    answer = ask(kafka_env, "check_cartas_mortas", "notifier")
    assert (answer.status, answer.figures) == (OK, {"cartas_mortas": "0"})
    publish(settings, "notifier.dlq", 2)
    answer = ask(kafka_env, "check_cartas_mortas", "notifier")
    assert (answer.status, answer.figures) == (WARNING, {"cartas_mortas": "2"})
    assert ask(kafka_env, "check_cartas_mortas", "notifier", "-c", "1").status == CRITICAL
    assert ask(kafka_env, "check_cartas_mortas", "notifier", "--minutos", "0").status == OK
