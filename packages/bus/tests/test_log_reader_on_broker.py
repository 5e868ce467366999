"""What a reader of topics asks the cluster for."""

import pytest
from bus.clients import connect_admin
from bus.log_reader import LogReader
from bus.settings import KafkaSettings
from bus.topics import ensure

pytestmark = pytest.mark.broker


@pytest.mark.usefixtures("kafka_env")
def test_topics_that_are_missing_are_not_asked_for_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = KafkaSettings()
    with connect_admin(settings) as admin:
        ensure(admin, settings, ["image"])
    with LogReader(settings) as reader:
        ask, asked = reader._consumer.partitions_for_topic, []

        def noted(topic: str) -> set[int]:
            asked.append(topic)
            return ask(topic)  # type: ignore[no-any-return]

        monkeypatch.setattr(reader._consumer, "partitions_for_topic", noted)
        found = reader.ranges(["image", *(f"missing-{number}" for number in range(40))])
    assert {(one.topic, one.partition) for one in found} == {(settings.topic("image"), number) for number in (0, 1)}
    assert asked == [settings.topic("image")]
