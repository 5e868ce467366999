"""A server of the live page and of its API, whose events are made up: the same ones, in the same order, every time.

To look at the page: `python observer/tests/live_feed.py --port 23000 --rate 200`, then http://localhost:23000/live/.
"""

import argparse
import itertools
import json
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import events
from bus.testing import Broker
from flask import Blueprint, Response, jsonify, render_template, request
from observer.letters import Letters
from web import Hub, Problem, WebApp
from werkzeug.serving import WSGIRequestHandler, make_server

from observer import letters_api

PACKAGE = Path(__file__).parents[1] / "observer"
SERVICES: dict[str, dict[str, Any]] = json.loads(
    (Path(str(events.__file__)).parent / "services.json").read_text("utf-8")
)
SERVICES["observer"] = {
    "page": "/live/",
    "reads": ["*"],
    "publishes": [],
    "en": {"name": "Live", "does": "Watch every event travel."},
    "pt-BR": {"name": "Ao vivo", "does": "Veja cada evento passar."},
}
PARTITIONS = 6
KEPT_RECORDS = 5_000
TICK_SECONDS = 0.1
LONG_TEXT = "A long answer. " * 400
NAMES = ("Rita", "João", "Ana", "Zé", "Bia")


def _topic(name: str) -> tuple[str, str]:
    kind = {"dlq": "dead-letters", "memory": "memory"}.get(name.rpartition(".")[2], "events")
    return name, "retry" if name == "notifier.delay" else kind


GROUPED = [name for name, service in SERVICES.items() if not service.get("page")]
TOPICS = dict(
    _topic(name)
    for name in [
        *dict.fromkeys(topic for service in SERVICES.values() for topic in service["publishes"]),
        *(f"{name}.dlq" for name in GROUPED),
        "notifier.memory",
    ]
)


class Feed:
    """A bus in memory. `step` makes events pass; `run` does so by itself.

    `stopped`: groups that read nothing. `away`: whether the broker is away. `gone`: whether topics
    have let go of what they held. `ready`: what the other pages of the suite
    answer when they are asked whether they are: a status, by address. `handled`: how many dead letters of a service do
    not wait. `broker`: where the dead letters are that the page handles. `suites`: the class.
    """

    def __init__(self) -> None:
        self.hub = Hub()
        self.stopped: set[str] = set()
        self.away = False
        self.gone = False
        self.ready = {"/upload/readyz": 200, "/chat/readyz": 200, "/mail/": 200}
        self.services: dict[str, dict[str, Any]] = dict(SERVICES)
        self.topics: dict[str, str] = dict(TOPICS)
        self.readers: dict[str, list[str]] = {name: list(SERVICES[name]["reads"]) for name in GROUPED}
        self.records: deque[dict[str, Any]] = deque(maxlen=KEPT_RECORDS)
        self.ends: Counter[tuple[str, int]] = Counter()
        self.committed: dict[str, Counter[tuple[str, int]]] = {}
        self.handled: Counter[str] = Counter()
        self.broker = Broker()
        self.suites: list[dict[str, Any]] = []
        self.rate = 1.0
        self._numbers = itertools.count(1)
        self._stories = itertools.count(1)
        self._due: deque[tuple[Any, ...]] = deque()
        self._lock = threading.RLock()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    # what passes

    def publish(self, topic: str, source: str | None, key: str | None, value: Any, **more: Any) -> dict[str, Any]:
        """Append one record; tells nobody."""
        number = next(self._numbers)
        partition = (sum(map(ord, key)) if key else number) % PARTITIONS
        encoded = value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False).encode()
        record = {
            "topic": topic,
            "partition": partition,
            "offset": self.ends[topic, partition],
            "at": int(time.time() * 1000),
            "id": str(uuid.UUID(int=number)),
            "type": f"suite.{topic}" if source else None,
            "source": source,
            "key": key,
            "cause": None,
            "trace": f"{number:032x}",
            "session": None,
            "picture": None,
            "bytes": len(encoded),
        } | more
        self.ends[topic, partition] += 1
        self.records.append(record | {"value": value})
        return record

    def step(self, count: int) -> list[dict[str, Any]]:
        """Publish `count` records and send them to the pages; the groups have read what was there before."""
        with self._lock:
            before = Counter(self.ends)
            published = []
            for _ in range(count):
                if not self._due:
                    self._begin_story()
                topic, source, key, value, more, answers = self._due.popleft()
                record = self.publish(topic, source, key, value, **more)
                published.append(record)
                self._answer(record, answers)
            if published:
                self.hub.send("records", published)
            self.read(before)
            return published

    def read(self, ends: "Counter[tuple[str, int]] | None" = None) -> None:
        """The groups that run read up to `ends`, or all there is; the pages are told."""
        moved = []
        with self._lock:
            for group, topics in self.readers.items():
                if group in self.stopped:
                    continue
                committed = self.committed.setdefault(group, Counter())
                for (topic, partition), end in (self.ends if ends is None else ends).items():
                    if topic in topics and committed[topic, partition] < end:
                        committed[topic, partition] = end
                        moved.append({"group": group, "topic": topic, "partition": partition, "offset": end})
        if moved:
            self.hub.send("read", moved)

    def _begin_story(self) -> None:
        number = next(self._stories)
        trace = f"{number + 2**64:032x}"
        if number % 3:
            picture = f"pic{number:05d}"
            more = {"trace": trace, "picture": picture}
            file = {"new_file": f"{picture}.jpeg", "original_name": f"férias {number}.jpg", "lang": "pt-BR"}
            self._due.append(("image", "image-upload", picture, file, more, "pictures"))
        else:
            session = str(uuid.UUID(int=number << 32))
            more = {"trace": trace, "session": session}
            name = NAMES[number % len(NAMES)]
            said = {"sessao": session, "nome": name, "pergunta": "Que serviço horrível!", "resposta": LONG_TEXT}
            self._due.append(("chatbot", "chatbot", session, said, more, "feelings"))

    def _answer(self, cause: dict[str, Any], answers: str) -> None:
        more = {name: cause[name] for name in ("trace", "session", "picture")} | {"cause": cause["id"]}
        key = cause["key"]
        if answers == "pictures":
            for operation, service in (("rotate", "rotate"), ("grayscale", "grayscale"), ("caption", "caption")):
                done = {"new_file": f"{key}.jpeg", "operation": operation, "status": "done"}
                if f"{service}-worker" not in self.stopped:
                    self._due.append(("notification", f"{service}-worker", key, done, more, "mail"))
        elif answers == "mail" and cause["source"] == "caption-worker":
            self._due.append(("notifier.email", "notifier", key, {"to": "rita@example.com"}, more, ""))
        elif answers == "feelings":
            tone = {"sessao": key, "sentimento": "negative", "confianca": 0.938}
            self._due.append(("sentiment", "sentiment-consumer", key, tone, more, ""))
            self._due.append(("handoff", "sentiment-consumer", key, {"sessao": key, "confianca": 0.938}, more, "desk"))
        elif answers == "desk":
            taken = {"sessao": key, "evento": "assumida", "atendente": "Bia"}
            self._due.append(("conversation", "chatbot", key, taken, more, ""))

    # what is

    def lag(self, group: str) -> int:
        committed = self.committed.get(group, Counter())
        return sum(
            end - committed[position] for position, end in self.ends.items() if position[0] in self.readers[group]
        )

    def graph(self) -> dict[str, Any]:
        with self._lock:
            now = int(time.time() * 1000)
            recent = Counter(record["topic"] for record in self.records if record["at"] > now - 5_000)
            totals: Counter[str] = Counter()
            for (topic, _), end in self.ends.items():
                totals[topic] += end
            unknown = self.away
            return {
                "at": now,
                "broker": {"up": not self.away},
                "services": [
                    {
                        "name": name,
                        "page": service.get("page"),
                        "reads": service["reads"],
                        "publishes": service["publishes"],
                        "group": name if name in self.readers else None,
                        "state": self._state(name),
                        **{lang: {word: service[lang][word] for word in ("name", "does")} for lang in ("en", "pt-BR")},
                    }
                    for name, service in self.services.items()
                ],
                "topics": [
                    {
                        "name": name,
                        "kind": kind,
                        "partitions": PARTITIONS,
                        "records": None if unknown else totals[name],
                        "per_second": recent[name] / 5,
                        **(
                            {"waiting": self._dead_letters(name.removesuffix(".dlq"))["waiting"]}
                            if kind == "dead-letters"
                            else {}
                        ),
                    }
                    for name, kind in self.topics.items()
                ],
                "groups": [self._group(name, now) for name in self.readers],
                "dead_letters": {name: self._dead_letters(name) for name in GROUPED},
            }

    def _dead_letters(self, service: str) -> dict[str, int | None]:
        total = sum(self.ends[f"{service}.dlq", partition] for partition in range(PARTITIONS))
        return {"waiting": max(0, total - self.handled[service]), "total": total}

    def _state(self, name: str) -> str:
        if name == "observer":
            return "up"
        return "unknown" if self.away or name not in self.readers else "down" if name in self.stopped else "up"

    def _group(self, name: str, now: int) -> dict[str, Any]:
        committed = self.committed.get(name, Counter())
        waiting = [
            record["at"]
            for record in self.records
            if record["topic"] in self.readers[name]
            and record["offset"] >= committed[record["topic"], record["partition"]]
        ]
        return {
            "name": name,
            "service": name if name in self.services else None,
            "state": "unknown" if self.away else "Empty" if name in self.stopped else "Stable",
            "members": None if self.away else 0 if name in self.stopped else 1,
            "lag": None if self.away else self.lag(name),
            "oldest_seconds": round((now - min(waiting)) / 1000, 1) if waiting and not self.away else None,
            "topics": {
                topic: [
                    {
                        "partition": partition,
                        "committed": committed.get((topic, partition)),
                        "end": self.ends[topic, partition],
                        "lag": self.ends[topic, partition] - committed[topic, partition],
                    }
                    for partition in range(PARTITIONS)
                ]
                for topic in self.readers[name]
            },
        }

    def send_graph(self) -> None:
        self.hub.send("graph", self.graph())

    # by itself

    def run(self, rate: float) -> None:
        """Make `rate` events a second, in a thread."""
        self.rate = rate
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        owed, ticks = 0.0, 0
        while not self._ending.wait(TICK_SECONDS):
            owed += self.rate * TICK_SECONDS
            self.step(int(owed))
            owed -= int(owed)
            ticks += 1
            if ticks % 10 == 0:
                self.send_graph()

    def close(self) -> None:
        self._ending.set()
        if self._thread:
            self._thread.join()
        self.hub.close()


def suite_of(prefix: str, up: int, lag: int = 0, waiting: int = 0, seconds: int | None = 3) -> dict[str, Any]:
    """A suite of the class, as the API tells of it."""
    services = [
        {
            "name": name,
            "members": int(number < up),
            "lag": lag if number == 0 else 0,
            "dead_letters": {"waiting": waiting if number == 0 else 0, "total": waiting if number == 0 else 0},
        }
        for number, name in enumerate(GROUPED)
    ]
    active_at = None if seconds is None else int(time.time() - seconds) * 1_000
    letters = {"waiting": waiting, "total": waiting}
    return {"prefix": prefix, "services": services, "lag": lag, "dead_letters": letters, "active_at": active_at}


def full(record: dict[str, Any]) -> dict[str, Any]:
    """A record with its headers and value, as the API gives them."""
    value = record["value"]
    if isinstance(value, bytes):
        shown: dict[str, Any] = {"hex": value[:64].hex(" "), "bytes": len(value), "cut": len(value) > 64}
    else:
        text = json.dumps(value, ensure_ascii=False)
        cut = len(text) > 4_000
        shown = {"text": text[:4_000]} if cut else {"json": value}
        shown |= {"bytes": len(text.encode()), "cut": cut}
    headers = [["ce_id", record["id"]], ["ce_source", f"/{record['source']}"], ["content-type", "application/json"]]
    return {**summary(record), "headers": headers if record["source"] else [], "value": shown}


def summary(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name != "value"}


def make_app(feed: Feed) -> WebApp:
    """The page and its API around `feed`, with the header, the languages and the policy of every page."""
    app = WebApp("observer_feed", "/live", {}, dict)
    # not an installed package: the catalogue is found by its path
    app.extensions["babel"].translation_directories.insert(0, str(PACKAGE / "translations"))
    live = Blueprint(
        "live",
        __name__,
        url_prefix="/live",
        static_folder=str(PACKAGE / "static"),
        template_folder=str(PACKAGE / "templates"),
    )

    @live.get("/")
    def page() -> str:
        return render_template("live.html", graph=feed.graph(), has_class=bool(feed.suites))

    @live.get("/api/class")
    def class_() -> Response:
        now = int(time.time() * 1_000)
        return jsonify(at=now, broker={"up": not feed.away}, more=0, suites=feed.suites)

    @live.get("/events")
    def stream() -> Response:
        return feed.hub.stream(lambda: [("graph", feed.graph())])

    @live.get("/api/graph")
    def graph() -> Response:
        return jsonify(feed.graph())

    @live.get("/api/recent")
    def recent() -> Response:
        wanted = {
            name: request.args[name]
            for name in ("topic", "key", "session", "picture", "trace")
            if request.args.get(name)
        }
        found = [
            summary(record)
            for record in list(feed.records)
            if all(record[name] == value for name, value in wanted.items())
        ]
        return jsonify(records=found[-request.args.get("limit", 500, int) :])

    @live.get("/api/ways/<topic>/<int:partition>/<int:offset>")
    def way(topic: str, partition: int, offset: int) -> Response:
        records = list(feed.records)
        position = (topic, partition, offset)
        first = next((one for one in records if (one["topic"], one["partition"], one["offset"]) == position), None)
        if first is None:
            raise Problem(404, "no-record", "This record is no longer kept.")
        of_trace = [record for record in records if record["trace"] == first["trace"]]
        places = {record["id"]: index for index, record in enumerate(of_trace)}
        steps = []
        for index, record in enumerate(of_trace):
            parent = places.get(record["cause"])
            began = of_trace[parent]["at"] if parent is not None else record["at"]
            readers = [name for name, topics in feed.readers.items() if record["topic"] in topics]
            steps.append(
                full(record)
                | ({"headers": None, "value": None, "gone": True} if feed.gone else {})
                | {
                    "parent": parent,
                    "after_ms": record["at"] - of_trace[0]["at"],
                    "took_ms": record["at"] - began,
                    "read_by": [
                        {"group": name, "at": record["at"] + 40 if index % 2 == 0 else None}
                        for name in readers
                        if feed.committed.get(name, Counter())[record["topic"], record["partition"]] > record["offset"]
                    ],
                }
            )
        return jsonify(trace=first["trace"], steps=steps, complete=first["source"] is not None)

    @live.get("/api/topics")
    def topics() -> Response:
        return jsonify(
            topics=[
                {
                    "name": name,
                    "kind": kind,
                    "partitions": [
                        {"partition": number, "begin": 0, "end": feed.ends[name, number]}
                        for number in range(PARTITIONS)
                    ],
                }
                for name, kind in feed.topics.items()
            ]
        )

    @live.get("/api/topics/<topic>/records")
    def records(topic: str) -> Response:
        if topic not in feed.topics:
            raise Problem(404, "no-topic", "There is no such topic.")
        partition = request.args.get("partition", type=int)
        limit = request.args.get("limit", 50, int)
        found = [one for one in list(feed.records) if one["topic"] == topic and partition in (None, one["partition"])]
        if (offset := request.args.get("offset", type=int)) is not None:
            found = [one for one in found if one["offset"] >= offset][:limit]
        elif (at := request.args.get("at", type=int)) is not None:
            found = [one for one in found if one["at"] >= at][:limit]
        else:
            found = found[-limit:]
        end = max((feed.ends[topic, number] for number in range(PARTITIONS) if partition in (None, number)), default=0)
        return jsonify(records=[full(one) for one in found], begin=0, end=end)

    @app.get("/upload/readyz")
    @app.get("/chat/readyz")
    @app.get("/mail/")
    def ready() -> tuple[Response, int]:
        return jsonify(checks={"broker": True, "store": False}), feed.ready[request.path]

    app.extensions[letters_api.EXTENSION] = Letters(feed.broker, lambda: [*GROUPED, "mending"])
    app.register_blueprint(letters_api.api, url_prefix="/live/api/dead-letters")
    app.register_blueprint(live)
    app.on_stop.append(feed.close)
    return app


class _Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None: ...


@contextmanager
def serving(feed: Feed, port: int = 0) -> Iterator[str]:
    """The page's address, while it is served. With `port` 0 on any free one."""
    server = make_server("127.0.0.1", port, make_app(feed), threaded=True, request_handler=_Quiet)
    server.daemon_threads = True  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/live/"
    finally:
        feed.close()
        server.shutdown()
        thread.join()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=23000)
    parser.add_argument("--rate", type=float, default=1.0, help="events a second")
    parser.add_argument("--stopped", action="append", default=[], help="a group that reads nothing")
    arguments = parser.parse_args()
    feed = Feed()
    feed.stopped |= set(arguments.stopped)
    feed.run(arguments.rate)
    with serving(feed, arguments.port) as url:
        print(url, flush=True)
        threading.Event().wait()
