"""Dead letters that are replayed or dropped, with the runtime on the broker in memory."""

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from bus import KafkaSettings, PermanentError, State, Worker
from bus.dead_letters import DeadLetters, LetterId, Wanted, handling
from bus.lane import Delivery, Lane
from bus.replay import Replay, dropped_record, is_dropped, letter_of, replay_record, replayed
from bus.scheduler import Scheduler
from bus.testing import Broker, Record
from events import ImageUploaded, OperationFinished
from events.conversation import ChatExchanged
from events.messages import EmailDue
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaTimeoutError, MessageSizeTooLargeError
from suite_fixtures import eventually

ALL = Wanted(services=("mending",))


class Mending:
    """A worker that refuses all pictures until it is mended, beside another that reads the same topic."""

    def __init__(self, **settings: Any) -> None:
        self.broker = Broker(settings=KafkaSettings(**settings))
        self.letters = DeadLetters(self.broker)
        self.works = False
        self.seen: list[tuple[ImageUploaded, str]] = []
        self.other_saw: list[str] = []
        self.worker, self.other = Worker("mending"), Worker("other")

        @self.worker.on("image", publishes="notification")
        def mend(upload: ImageUploaded, state: State) -> OperationFinished:
            self.seen.append((upload, state.event_id))
            if not self.works or upload.new_file == "never.png":
                raise PermanentError("out of order")
            state.add("done")
            return upload.finished("mend", upload.new_file)

        @mend.on_failure
        def not_mended(upload: ImageUploaded, error: Exception) -> OperationFinished:
            return upload.failed("mend", str(error))

        @self.other.on("image")
        def see(upload: ImageUploaded) -> None:
            self.other_saw.append(upload.new_file)

    def come(self, name: str, partition: int = 1, headers: Any = ()) -> None:
        value = json.dumps({"timestamp": 1.5, "new_file": name}).encode()
        self.broker.append("image", value, name.encode(), headers, partition, 1_500)

    def put(self, name: str, offset: int, padding: int = 0, timestamp_ms: int | None = None, **told: bytes) -> str:
        """A dead letter as the worker makes it, in partition 0. Returns its id."""
        reasons = {"topic": b"image", "partition": b"0", "offset": b"%d" % offset, "error": b"E", "message": b"no"}
        headers = [(f"dlq-{header}", text) for header, text in (reasons | told).items()]
        value = json.dumps({"timestamp": 1.5, "new_file": name, "padding": "x" * padding}).encode()
        place = self.broker.append("mending.dlq", value, b"k", headers, 0, timestamp_ms)
        return f"mending/{place.partition}/{place.offset}"

    def work(self) -> None:
        """Both workers handle all there is."""
        for worker in (self.worker, self.other):
            with self.broker.running(worker):
                self.broker.wait_until_handled(worker)

    def replay(self, wanted: Wanted = ALL) -> list[tuple[str, str]]:
        return [(str(id), outcome) for id, outcome, _topic in self.letters.replay(wanted)]

    def drop(self, wanted: Wanted = ALL) -> list[tuple[str, str]]:
        return [(str(id), outcome) for id, outcome, _topic in self.letters.drop(wanted)]

    def states(self) -> dict[str, str]:
        return {f"{one.id}": one.state for one in self.letters.list(ALL).letters}

    def only_id(self) -> str:
        (letter,) = self.broker.dead_letters(self.worker)
        return f"mending/{letter.partition}/{letter.offset}"

    def statuses(self) -> list[str]:
        return [event.status for event in self.broker.events("notification")]


def ids(*texts: str) -> Wanted:
    return Wanted(ids=frozenset(map(LetterId.parse, texts)))


@pytest.fixture
def mending() -> Mending:
    return Mending()


# Replays.


@pytest.mark.parametrize("headers", [(), [("ce_id", b"upload-1"), ("dlq-copied", b"x"), ("dlq-error", b"old")]])
def test_a_replay_comes_to_the_group_that_failed_as_it_was_the_first_time(mending: Mending, headers: Any) -> None:
    mending.come("a.png", headers=headers)
    mending.work()
    mending.works = True
    assert mending.states() == {mending.only_id(): "waiting"}
    assert mending.replay() == [(mending.only_id(), "replayed")]
    mending.work()

    (first, first_id), (second, second_id) = mending.seen
    assert first == second
    assert first_id == second_id == ("upload-1" if headers else "image/1/0")
    assert mending.other_saw == ["a.png"]
    assert mending.statuses() == ["failed", "done"]
    causes = {dict(one.headers)["ce_causationid"] for one in mending.broker.records("notification")}
    assert causes == {first_id.encode()}
    (memory,) = mending.broker.records("mending.memory")
    assert (memory.partition, memory.key) == (1, first_id.encode())
    (record,) = mending.broker.records("mending.retry.image")
    assert (record.partition, record.key) == (1, b"a.png")
    assert mending.states() == {mending.only_id(): "replayed"}


def test_a_replay_has_the_time_of_the_first_record() -> None:
    broker, worker, times = Broker(), Worker("reading"), []

    @worker.on("chatbot")
    def read(exchanges: list[ChatExchanged]) -> list[None]:
        times.extend(exchange.timestamp for exchange in exchanges)
        if len(times) == 1:
            raise PermanentError("out of order")
        return [None] * len(exchanges)

    message = {"sessao": "s", "nome": "Ana", "pergunta": "oi", "resposta": ""}
    broker.append("chatbot", json.dumps(message).encode(), timestamp_ms=1_500)
    with broker.running(worker):
        broker.wait_until_handled(worker)
        assert [one.outcome for one in DeadLetters(broker).replay(Wanted(("reading",)))] == ["replayed"]
        broker.wait_until_handled(worker)
    assert times == [1.5, 1.5]


def test_replaying_again_does_nothing_and_says_so(mending: Mending) -> None:
    mending.come("a.png")
    mending.work()
    mending.works = True
    assert mending.replay(ids(mending.only_id())) == [(mending.only_id(), "replayed")]
    assert mending.replay(ids(mending.only_id())) == [(mending.only_id(), "replayed-before")]
    assert mending.drop(ids(mending.only_id())) == [(mending.only_id(), "replayed-before")]
    assert mending.replay() == []
    mending.work()
    assert len(mending.seen) == 2


def test_one_that_fails_again_is_a_dead_letter_of_the_same_place_that_says_so(mending: Mending) -> None:
    mending.come("a.png", headers=[("mine", b"x")])
    mending.work()
    first = mending.only_id()
    mending.replay()
    mending.work()
    _first, letter = mending.broker.dead_letters(mending.worker)
    second = f"mending/{letter.partition}/{letter.offset}"
    told = {name: value.decode() for name, value in letter.headers}
    assert {name: told[f"dlq-{name}"] for name in ("topic", "partition", "offset", "timestamp")} == {
        "topic": "image",
        "partition": "1",
        "offset": "0",
        "timestamp": "1500",
    }
    assert (told["dlq-replays"], told["dlq-replay-of"], told["mine"]) == ("1", first, "x")
    assert not any(name.startswith("retry-") for name in told)
    assert mending.states() == {second: "waiting", first: "failed-again"}
    assert mending.statuses() == ["failed", "failed"]
    ce_ids = {dict(one.headers)["ce_id"] for one in mending.broker.records("notification")}
    assert len(ce_ids) == 1, "nobody is told twice that it failed"

    assert mending.replay(ids(first)) == [(first, "replayed-before")]
    assert mending.replay() == [(second, "replayed")]
    mending.works = True
    mending.work()
    assert mending.statuses() == ["failed", "failed", "done"]
    assert mending.states() == {second: "replayed", first: "failed-again"}
    *_rest, last = mending.broker.records("mending.retry.image")
    assert dict(last.headers)["retry-number"] == b"2"


def test_a_dropped_one_is_skipped_by_the_worker_and_never_replayed(mending: Mending) -> None:
    mending.come("a.png")
    mending.come("b.png")
    mending.work()
    a, b = sorted(mending.states())
    mending.works = True
    assert mending.drop(ids(a)) == [(a, "dropped")]
    assert mending.replay(ids(a)) == [(a, "dropped-before")]
    assert mending.replay() == [(b, "replayed")]
    mending.work()
    assert len(mending.seen) == 3
    assert mending.states() == {a: "dropped", b: "replayed"}
    assert len(mending.broker.dead_letters(mending.worker)) == 2


def test_what_is_put_there_by_hand_is_handled_as_a_record_of_that_place(mending: Mending) -> None:
    by_hand = [("retry-of", b"mending/0/0")]
    mending.broker.append("mending.retry.image", b'{"new_file": "a.png"}', b"k", by_hand, partition=0)
    mending.work()
    assert [event_id for _upload, event_id in mending.seen] == ["mending.retry.image/0/0"]
    mending.works = True
    assert mending.replay() == [(mending.only_id(), "replayed")]
    mending.work()
    assert [event_id for _upload, event_id in mending.seen] == ["mending.retry.image/0/0"] * 2
    assert mending.other_saw == []


def test_a_replay_goes_through_a_prefix_and_an_exact_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_TOPIC_IMAGE", "shared-pictures")
    mending = Mending(kafka_topic_prefix="p-", kafka_group_prefix="g-")
    mending.come("a.png")
    mending.work()
    mending.works = True
    mending.replay()
    mending.work()
    assert [event_id for _upload, event_id in mending.seen] == ["image/1/0"] * 2
    (letter,) = mending.broker.dead_letters(mending.worker)
    assert dict(letter.headers)["dlq-topic"] == b"shared-pictures"
    (record,) = mending.broker.records("mending.retry.image")
    assert record.topic == "p-mending.retry.image"


def test_a_replay_is_handled_by_no_other_group_of_the_same_service(mending: Mending) -> None:
    """As a class has them on one broker: the same topics, a group for each pupil."""
    mending.come("a.png")
    mending.work()
    mending.replay()
    mending.broker.settings = mending.broker.settings.model_copy(update={"kafka_group_prefix": "ana-"})
    mending.works = True
    mending.work()
    assert mending.statuses() == ["failed", "done"], "ana's own, of the source"
    assert len(mending.seen) == 2
    mending.broker.settings = mending.broker.settings.model_copy(update={"kafka_group_prefix": ""})
    mending.work()
    assert len(mending.seen) == 3


def test_one_of_a_reason_or_of_a_time_is_replayed_without_the_others(mending: Mending) -> None:
    mending.come("a.png")
    mending.broker.append("image", b"no json", b"k", partition=0)
    mending.work()
    undecodable = {f"{one.id}": one.error for one in mending.letters.list(ALL).letters if one.error == "Undecodable"}
    assert [id for id, _outcome in mending.replay(Wanted(("mending",), reason="Undecodable"))] == [*undecodable]
    assert mending.replay(Wanted(("mending",), reason="Nothing")) == []
    assert mending.replay(Wanted(("mending",), since=2**33)) == []
    assert len(mending.replay(Wanted(("mending",), since=1.0))) == 1


def test_who_is_interrupted_does_the_rest_with_the_same_command(
    mending: Mending, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handling, "MAX_BATCH_RECORDS", 2)
    all_ids = {mending.put(f"{number}.png", number) for number in range(5)}
    results = mending.letters.replay(ALL)
    done = {f"{next(results).id}"}
    results.close()
    done |= {id for id, state in mending.states().items() if state == "replayed"}
    assert 0 < len(done) < 5
    rest = {id for id, outcome in mending.replay() if outcome == "replayed"}
    assert (done | rest, done & rest) == (all_ids, set())
    assert len(mending.broker.records("mending.retry.image")) == 5


@pytest.mark.parametrize("members", [2, 3, 6])
def test_the_group_gives_out_the_same_numbers_of_a_topic_and_of_its_replays(members: int) -> None:
    """The state of a partition is shared by both: it must not be at two consumers. As kafka-python assigns."""
    assignor = KafkaConsumer.DEFAULT_CONFIG["partition_assignment_strategy"][0]
    subscribed = assignor.metadata(["notification", "notifier.retry.notification"])
    cluster = SimpleNamespace(partitions_for_topic=lambda _topic: set(range(6)))
    group = [SimpleNamespace(member_id=f"{one}", group_instance_id=None, metadata=subscribed) for one in range(members)]
    for given in assignor.assign(cluster, group).values():
        (_source, numbers), (_replays, others) = given.assigned_partitions
        assert numbers
        assert numbers == others


# What cannot be replayed.


def test_what_was_left_out_or_never_read_cannot_be_replayed_but_dropped(mending: Mending) -> None:
    expected = {
        mending.put("a", 0, message=b"no (left out, as too large for a dead letter: value)"): "left-out",
        mending.put("a", 1, message=b"offsets 1 to 3 cannot be read: 'codec'"): "unreadable",
        mending.put("a", 2, topic=b"elsewhere"): "nobody-reads",
        mending.put("a", 3, partition=b"7"): "nobody-reads",
        mending.put("a", 4, partition=b"x"): "no-dead-letter",
        "mending/1/5": "missing",
        "mending/9/0": "missing",
    }
    for_hand = mending.broker.append("mending.dlq", b"hello", b"k", partition=0)
    expected[f"mending/0/{for_hand.offset}"] = "no-dead-letter"
    assert dict(mending.replay(ids(*expected))) == expected
    assert mending.broker.records("mending.retry.image") == []
    dropped = {id: "missing" if outcome == "missing" else "dropped" for id, outcome in expected.items()}
    assert dict(mending.drop(ids(*expected))) == dropped
    assert set(mending.states().values()) == {"dropped"}


def test_what_the_topic_does_not_take_is_told_and_the_others_go_on(mending: Mending) -> None:
    mending.come("a.png")
    mending.come("b.png")
    mending.work()
    mending.broker.refuse = lambda one: MessageSizeTooLargeError() if b"a.png" in (one.value or b"") else None
    assert sorted(outcome for _id, outcome in mending.replay()) == ["replayed", "too-large"]


def test_where_the_broker_is_away_nothing_is_done(mending: Mending) -> None:
    mending.come("a.png")
    mending.work()
    mending.broker.away = True
    for call in (lambda: mending.letters.list(ALL), mending.replay, mending.drop):
        with pytest.raises(ConnectionError):
            call()
    mending.broker.away = False
    mending.broker.refuse = lambda _one: KafkaTimeoutError()
    with pytest.raises(ConnectionError):
        mending.replay()
    assert mending.states() == {mending.only_id(): "waiting"}


# The breaker.


def test_replays_that_fail_one_after_another_pause_until_the_source_shows_that_the_handler_works() -> None:
    mending = Mending(dead_letters_in_a_row=3)
    mending.works = True
    for number in range(8):
        mending.put("never.png", number)
    mending.replay()
    retries = TopicPartition("mending.retry.image", 0)

    def again() -> int:
        return sum("dlq-replays" in dict(one.headers) for one in mending.broker.dead_letters(mending.worker))

    with mending.broker.running(mending.worker) as runtime:
        for number in (3, 6):
            eventually(lambda: retries in runtime.lanes and runtime.lanes[retries].dead_letters.open, 60)
            eventually(lambda number=number: again() == number, 60)
            mending.come("new.png", partition=0)
            eventually(lambda number=number: again() > number, 60)
        mending.broker.wait_until_handled(mending.worker, 60)
    assert (again(), mending.statuses().count("done")) == (8, 2)


# Lists.


def test_a_list_has_the_newest_first_and_says_where_it_ends(mending: Mending) -> None:
    for number in range(7):
        mending.come(f"{number}.png", partition=number % 2)
        mending.work()
    listing = mending.letters.list(ALL)
    times = [one.at_ms for one in listing.letters]
    assert (len(times), times, listing.complete) == (7, sorted(times, reverse=True), True)
    some = mending.letters.list(ALL, limit=3)
    assert ([one.at_ms for one in some.letters], some.complete) == (times[:3], False)
    assert mending.letters.list(ALL, limit=7).complete


def test_a_list_reads_no_more_than_it_may(mending: Mending) -> None:
    for number in range(40):
        mending.put("a.png", number, padding=500_000)
    before = mending.broker.bytes_read
    listing = mending.letters.list(ALL, max_bytes=2_000_000)
    assert not listing.complete
    assert listing.letters[0].offset == 39
    assert 2_000_000 <= mending.broker.bytes_read - before < 8_000_000
    mending.replay()
    bounded = mending.letters.list(ALL, max_bytes=2_000_000)
    assert not bounded.complete
    assert {one.state for one in bounded.letters} <= {"replayed"}, "of what it does not know it says nothing"


def test_one_that_is_older_than_topics_are_kept_is_not_there(mending: Mending) -> None:
    mending.put("a.png", 0, timestamp_ms=1_000)
    assert mending.states() == {}
    assert mending.replay(ids("mending/0/0")) == [("mending/0/0", "missing")]
    assert mending.letters.show(LetterId("mending", 0, 0)) is None


def test_a_whole_one_has_all_that_the_record_had(mending: Mending) -> None:
    mending.come("a.png", headers=[("mine", b"x")])
    mending.work()
    whole = mending.letters.show(LetterId.parse(mending.only_id()))
    assert whole
    assert (whole.key, whole.headers, whole.value) == (
        b"a.png",
        [("mine", b"x")],
        b'{"timestamp": 1.5, "new_file": "a.png"}',
    )
    letter = whole.letter
    assert (letter.topic, letter.partition, letter.offset, letter.timestamp_ms) == ("image", 1, 0, 1500)
    assert (letter.error, letter.message, letter.state) == ("PermanentError", "out of order", "waiting")
    mending.replay()
    mending.work()
    again = mending.letters.show(letter.id)
    assert again
    assert again.letter.state == "failed-again"
    assert mending.letters.show(LetterId("mending", 0, 99)) is None


@pytest.mark.parametrize("text", ["", "a", "a/0", "a/b/0", "a/0/-1", "a b/0/1", "/0/1", "a/0/1/2", "a/0/1\n"])
def test_an_id_has_one_form(text: str) -> None:
    with pytest.raises(ValueError, match="SERVICE/PARTITION/OFFSET"):
        LetterId.parse(text)


# Records on the topics of replays.


@pytest.mark.parametrize("timestamp", [1_500, -1, None])
@pytest.mark.parametrize("value", [b"value", b"", None])
def test_a_replay_is_read_as_it_was_written(timestamp: int | None, value: bytes | None) -> None:
    original = Record("image", 3, 7, timestamp, b"key", value, [("ce_id", b"1"), ("retry-of", b"mine")])
    sent = replay_record("x.retry.image", Replay("x/0/12", 2, "a-group"), original)
    assert (sent.topic, sent.partition) == ("x.retry.image", 3)
    came = Record("x.retry.image", 3, 0, 9_000, sent.key, sent.value, sent.headers)
    assert replayed(came) == (original, Replay("x/0/12", 2, "a-group"))
    assert (letter_of(came), is_dropped(came)) == ("x/0/12", False)


def test_a_dropped_one_can_be_sent_and_is_told_from_a_replay() -> None:
    sent = dropped_record("x.retry.image", 3, "x/0/12", None)
    came = Record("x.retry.image", 3, 0, 9_000, sent.key, sent.value, sent.headers)
    assert (sent.key, sent.value, letter_of(came), is_dropped(came)) == (b"", None, "x/0/12", True)


@pytest.mark.parametrize("broken", [[], [("retry-of", b"x/0/1")], [("retry-of", None)], [("retry-number", b"1")] * 6])
def test_what_somebody_put_there_is_no_replay(broken: Any) -> None:
    assert replayed(Record("x.retry.image", 3, 0, 9_000, None, None, broken)) is None


def test_those_about_which_something_was_done_are_counted_once() -> None:
    mending = Mending()
    first, second, third, _fourth = (mending.put(name, offset=number) for number, name in enumerate("abcd"))
    mending.replay(Wanted(ids=frozenset([LetterId.parse(first), LetterId.parse(second)])))
    mending.drop(Wanted(ids=frozenset([LetterId.parse(third)])))
    mending.broker.append("mending.retry.image", None, b"k", [("retry-of", first.encode())], 0)
    mending.broker.append("mending.retry.image", None, b"k", [("retry-of", b"mending/0/99")], 0)
    assert mending.letters.handled(["mending", "other"]) == {"mending": 3, "other": 0}
    assert mending.letters.handled(["mending", "other"], max_bytes=1) == {"mending": None, "other": 0}


# Order by key holds across both lanes of a partition.


def test_a_replay_and_a_new_record_of_the_same_key_are_not_handled_at_once() -> None:
    worker = Worker("sending")

    @worker.on("notifier.email", concurrency=4, ordered_by="key")
    def send(due: EmailDue) -> None: ...

    def lane(topic: str) -> Iterator[Delivery]:
        for offset, key in enumerate([b"a", b"b"]):
            taken = lanes[TopicPartition(topic, 0)].take(Record(topic, 0, offset, 0, key, b""))
            assert taken
            yield taken

    lanes = {TopicPartition(topic, 0): Lane() for topic in ("notifier.email", "sending.retry.notifier.email")}
    for one in lanes:
        for number, delivery in enumerate(lane(one.topic)):
            delivery.cause = delivery.cause.__class__(f"{one.topic}/{number}")
    scheduler = Scheduler(send)
    calls = scheduler.choose(lanes, 1.0)
    assert sorted(call[0].record.key for call in calls) == [b"a", b"b"]
    assert scheduler.choose(lanes, 1.0) == []
    for call in calls:
        scheduler.back(call)
        call[0].publish([])
        call[0].finish()
    assert len(scheduler.choose(lanes, 1.0)) == 2
