"""What an inspection tells of groups and topics."""

import time
from collections.abc import Iterator

import pytest
from bus.clients import connect_admin, connect_consumer
from bus.inspection import Group, Inspection, _described
from bus.producer import Outgoing, Producer
from bus.settings import KafkaSettings
from bus.topics import ensure
from kafka import TopicPartition
from kafka.protocol.admin import DescribeGroupsResponse
from kafka.protocol.consumer.metadata import ConsumerProtocolAssignment
from kafka.structs import OffsetAndMetadata
from suite_fixtures import eventually, free_port

pytestmark = pytest.mark.broker


@pytest.fixture
def settings(kafka_env: dict[str, str]) -> KafkaSettings:
    settings = KafkaSettings()
    with connect_admin(settings) as admin:
        ensure(admin, settings, ["image", "rotate-worker.dlq"])
    return settings


@pytest.fixture
def inspection(settings: KafkaSettings) -> Iterator[Inspection]:
    with Inspection(settings) as inspection:
        yield inspection


def publish(settings: KafkaSettings, topic: str, number: int) -> None:
    producer = Producer(settings)
    for key in range(number):
        producer.publish([Outgoing(topic, f"{key}".encode(), b"{}", [])])
    producer.close(timeout=5)


def test_a_group_has_as_many_members_as_consumers(settings: KafkaSettings, inspection: Inspection) -> None:
    assert inspection.members("rotate-worker") == 0
    with connect_consumer(settings, group_id=settings.group("rotate-worker")) as consumer:
        consumer.subscribe([settings.topic("image")])

        def joined() -> bool:
            consumer.poll(100)
            return bool(consumer.assignment())

        eventually(joined)
        assert inspection.members("rotate-worker") == 1
    assert eventually(lambda: inspection.members("rotate-worker") == 0)


def test_the_lag_is_what_is_not_committed(settings: KafkaSettings, inspection: Inspection) -> None:
    assert inspection.lag("rotate-worker", ["image"]) == {"image": 0}
    publish(settings, "image", 10)
    assert inspection.lag("rotate-worker", ["image"]) == {"image": 10}
    with connect_consumer(settings, group_id=settings.group("rotate-worker")) as consumer:
        partitions = [TopicPartition(settings.topic("image"), number) for number in range(2)]
        ends = consumer.end_offsets(partitions)
        consumer.assign(partitions)
        consumer.commit({partitions[0]: OffsetAndMetadata(ends[partitions[0]], "", -1)})
    assert inspection.lag("rotate-worker", ["image"]) == {"image": ends[partitions[1]]}


def test_records_of_long_ago_are_not_recent(settings: KafkaSettings, inspection: Inspection) -> None:
    assert inspection.recent("rotate-worker.dlq", 60) == 0
    publish(settings, "rotate-worker.dlq", 3)
    assert inspection.recent("rotate-worker.dlq", 60) == 3
    time.sleep(0.3)
    assert inspection.recent("rotate-worker.dlq", 0.1) == 0
    assert inspection.recent("nowhere.dlq", 60) == 0


def test_what_is_missing_is_named_as_the_cluster_would(settings: KafkaSettings, inspection: Inspection) -> None:
    assert inspection.missing(["image", "chatbot"]) == [settings.topic("chatbot")]


def test_a_cluster_that_does_not_answer_is_a_connection_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", f"127.0.0.1:{free_port()}")
    with pytest.raises(ConnectionError):
        Inspection(KafkaSettings(), timeout_seconds=0.5)


def test_a_cluster_that_goes_away_is_one_too(kafka_env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    from suite_fixtures import Broker

    broker = Broker()
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", broker.address)
    try:
        inspection = Inspection(KafkaSettings(), timeout_seconds=10)
    finally:
        broker.stop()

    def ask() -> None:
        with inspection:
            inspection.members("rotate-worker")

    with pytest.raises(ConnectionError):
        ask()


def test_groups_and_what_they_have_committed_are_told_by_their_names_on_the_cluster(
    settings: KafkaSettings, inspection: Inspection
) -> None:
    publish(settings, "image", 4)
    group, topic = settings.group("console"), settings.topic("image")
    with connect_consumer(settings, group_id=group) as consumer:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        consumer.commit({partition: OffsetAndMetadata(1, "", -1)})
    eventually(lambda: group in inspection.group_names())
    assert inspection.committed([group]) == {group: {partition: 1}}
    found = inspection.groups([group])[group]
    assert found is not None
    assert found.members == 0
    assert inspection.topics()[topic] == 2
    assert inspection.begins({topic: 2}) == {TopicPartition(topic, number): 0 for number in range(2)}
    assert (inspection.groups([]), inspection.committed([])) == ({}, {})


def test_the_partitions_of_members_are_told_as_kafka_describes_them(inspection: Inspection) -> None:
    """The embedded broker leaves them out: a response as Kafka sends it, read as the library reads it."""
    described, parts = DescribeGroupsResponse.DescribedGroup, ConsumerProtocolAssignment.TopicPartition
    assignment = ConsumerProtocolAssignment(
        assigned_partitions=[parts(topic="image", partitions=[0, 2])], user_data=b"", version=0
    )
    member = described.DescribedGroupMember(
        member_id="m", group_instance_id=None, client_id="c", client_host="h",
        member_metadata=b"", member_assignment=assignment.encode(version=0),
    )  # fmt: skip
    group = described(
        error_code=0, error_message=None, group_id="console", group_state="Stable", protocol_type="consumer",
        protocol_data="range", members=[member], authorized_operations={3},
    )  # fmt: skip
    response = DescribeGroupsResponse(throttle_time_ms=0, groups=[group])
    found = _described(inspection._admin._describe_groups_process_response(response)["console"])
    assert found == Group("Stable", 1, frozenset({TopicPartition("image", 0), TopicPartition("image", 2)}))
