"""What Prometheus is told of groups and dead letters."""

from bus import KafkaSettings
from bus.inspection import Group
from bus.names import Names
from observer.cluster_state import ClusterState
from observer.metrics import ClusterCollector
from suite_fixtures import scraped


def told(state: ClusterState) -> dict[tuple[str, ...], float]:
    return scraped(ClusterCollector(state))


def test_members_lag_age_and_dead_letters_are_told() -> None:
    ends = {("image", 0): 10, ("image", 1): 7, ("rotate-worker.dlq", 0): 3}
    state = ClusterState(Names(KafkaSettings()), lambda: ends, lambda: 1_000.0)
    state.broker_is(up=True)
    state.topics_are({"image": 2, "rotate-worker.dlq": 1}, dict.fromkeys(ends, 0))
    state.groups_are({"rotate-worker": Group("Stable", 2, frozenset()), "theirs": Group("Empty", 0, frozenset())})
    state.committed_are({"rotate-worker": {("image", 0): 4, ("image", 1): 7}, "theirs": {("image", 0): 10}})
    state.waiting()
    state.handled_are({"rotate-worker": 2})
    state.written_at({("image", 0, 4): 940_000})
    assert told(state) == {
        ("suite_broker_up",): 1,
        ("suite_group_members", "rotate-worker"): 2,
        ("suite_group_members", "theirs"): 0,
        ("suite_group_lag_records", "rotate-worker", "image"): 6,
        ("suite_group_lag_records", "theirs", "image"): 0,
        ("suite_group_oldest_record_age_seconds", "rotate-worker"): 60,
        ("suite_group_oldest_record_age_seconds", "theirs"): 0,
        ("suite_dead_letters", "rotate-worker"): 3,
        ("suite_dead_letters_waiting", "rotate-worker"): 1,
    }


def test_what_is_not_known_is_left_out() -> None:
    assert told(ClusterState(Names(KafkaSettings()), dict)) == {("suite_broker_up",): 0}
