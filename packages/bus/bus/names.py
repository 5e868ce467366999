"""Topics and groups by the names that the suite has for them, whatever they are called on the cluster."""

from collections.abc import Collection

from events.catalogue import all_topics, consumers

from .settings import KafkaSettings


class Names:
    """What is the suite's has its name there, everything else the name that it has on the cluster."""

    def __init__(self, settings: KafkaSettings, others: Collection[str] = ()):
        """`others`: what the prefixes of other suites begin with, whose names are not ours; "": any prefix."""
        self._others = tuple(filter(None, others))
        self._any_other = "" in others
        self._prefix = settings.kafka_topic_prefix
        self._topics = {settings.topic(name): name for name in all_topics()}
        self._called = {name: called for called, name in self._topics.items()}
        self._groups = {settings.group(service): service for service in consumers()}
        self._group_prefix = settings.kafka_group_prefix

    def topic(self, called: str) -> str:
        """The name of the topic that the cluster knows as `called`."""
        return self._topics.get(called, called)

    def called(self, topic: str) -> str:
        """What the cluster calls `topic`."""
        return self._called.get(topic, topic)

    def unprefixed(self, topic: str) -> str:
        """The name of a topic without the prefix, also of one that is not the suite's."""
        return self.topic(topic).removeprefix(self._prefix)

    def group(self, called: str) -> str:
        """The service whose group the cluster knows as `called`; of any other group that name."""
        return self._groups.get(called, called)

    def is_ours(self, called: str) -> bool:
        """Whether the topic is the suite's, or has its prefix; those that Kafka keeps for itself are nobody's."""
        is_ours = called.startswith(self._prefix) and not called.startswith("__")
        return called in self._topics or (is_ours and not self._is_anothers(called, all_topics()))

    def may_be_ours(self, group: str) -> bool:
        """Whether the group, by its name on the cluster, is the suite's or has its prefix."""
        return group in self._groups or (group.startswith(self._group_prefix) and not self.is_anothers(group))

    def is_anothers(self, group: str) -> bool:
        """Whether the group, by its name on the cluster, is of one of the other suites."""
        return group not in self._groups and self._is_anothers(group, consumers())

    def _is_anothers(self, called: str, names: Collection[str]) -> bool:
        return called.startswith(self._others) or (self._any_other and bool(prefix_of(called, names)))


def prefix_of(called: str, names: Collection[str]) -> str:
    """What stands before the longest of `names` that `called` ends with; empty where it ends with none."""
    name = max((name for name in names if called.endswith(name)), key=len, default=None)
    return "" if name is None else called.removesuffix(name)
