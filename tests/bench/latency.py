"""How long people wait, on a suite that runs and has nothing else to do: from a click to what it shows.

SUITE_URL=http://localhost:8080 ATTENDANT_TOKEN=… python -m bench.latency        prints a table in Markdown
"""

import json
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any

import requests

from .photos import photo

PHOTOS, ANGRY = 40, 60
PAUSE = 0.5
SENTENCE = "Que serviço horrível, estou furioso, ninguém resolve nada!"


def events(url: str, **headers: str) -> Iterator[tuple[str, Any]]:
    """The server-sent events of a stream, from now on; the first is ("open", None)."""
    with closing(requests.get(url, stream=True, headers=headers, timeout=60)) as answer:
        answer.raise_for_status()
        yield "open", None
        name = ""
        for line in answer.iter_lines(chunk_size=1):
            field, _, value = line.decode().partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                yield name, json.loads(value)


class Watched:
    """What a stream has shown, and when: `seen` is told of each event and says which key it completes."""

    def __init__(self, stream: Iterator[tuple[str, Any]], seen: Callable[[str, Any], str | None]):
        self._times: dict[str, float] = {}
        self._changed = threading.Condition()
        assert next(stream)[0] == "open"
        threading.Thread(target=self._watch, args=(stream, seen), daemon=True).start()

    def _watch(self, stream: Iterator[tuple[str, Any]], seen: Callable[[str, Any], str | None]) -> None:
        for name, data in stream:
            if key := seen(name, data):
                with self._changed:
                    self._times.setdefault(key, time.monotonic())
                    self._changed.notify_all()

    def when(self, key: str) -> float:
        with self._changed:
            assert self._changed.wait_for(lambda: key in self._times, 60), f"{key} was not shown"
            return self._times[key]


def three_results(url: str, data: bytes) -> list[float]:
    """Seconds from the POST of a photo to its third result on the page."""

    def finished(_name: str, image: Any) -> str | None:
        done = all(operation["status"] == "done" for operation in image["operations"].values())
        return str(image["id"]) if done else None

    page, waits = Watched(events(f"{url}/upload/api/events"), finished), []
    for number in range(PHOTOS):
        time.sleep(PAUSE)
        began = time.monotonic()
        answer = requests.post(f"{url}/upload/api/images", files={"file": (f"{number}.jpg", data)}, timeout=60)
        waits.append(page.when(answer.json()["images"][0]["id"]) - began)
    return waits


def operations_themselves(data: bytes) -> float:
    """Seconds that the three operations take, one after the other, without anything around them."""
    with TemporaryDirectory() as folder:
        os.environ["STORE_URL"] = f"file://{folder}"
        from caption_worker.captioned import captioned
        from grayscale_worker.grayed import grayed
        from rotate_worker.rotated import rotated

        def all_three() -> float:
            began = time.perf_counter()
            rotated(data)
            grayed(data)
            captioned(data, "foto.jpg")
            return time.perf_counter() - began

        return median(all_three() for _ in range(15))


def attendant_sees(url: str, token: str) -> list[float]:
    """Seconds from the POST of an angry message to the attendants' screen, where the conversation then waits."""

    def waits(_name: str, session: Any) -> str | None:
        return str(session["sessao"]) if session["estado"] == "waiting" else None

    console = Watched(events(f"{url}/chat/api/attendant/events", Authorization=f"Bearer {token}"), waits)
    times = []
    for _ in range(ANGRY):
        opened = requests.post(f"{url}/chat/api/sessions", json={"nome": f"Ana {uuid.uuid4().hex[:4]}"}, timeout=60)
        session = opened.json()["sessao"]
        time.sleep(PAUSE)
        began = time.monotonic()
        said = requests.post(f"{url}/chat/api/sessions/{session}/messages", json={"pergunta": SENTENCE}, timeout=60)
        assert said.ok, said.text
        times.append(console.when(session) - began)
    return times


def main() -> None:
    url, token = os.environ.get("SUITE_URL", "http://localhost:8080"), os.environ.get("ATTENDANT_TOKEN")
    data = photo((1600, 1200), seed=0)
    waits = three_results(url, data)
    itself = operations_themselves(data)
    print("| | p50 | p99 | |\n|---|---|---|---|")
    ratio = f"p50 is {median(waits) / itself:.1f}× the operations' own {1000 * itself:.0f} ms"
    print(row("photo of 2 MP: POST to the third result on the page", waits, f"{ratio}, wanted ≤ 3×"))
    if token:
        print(
            row(
                "angry message: POST to the attendants' screen", attendant_sees(url, token), "wanted ≤ 400 and 1,500 ms"
            )
        )


def row(what: str, seconds: list[float], note: str) -> str:
    return f"| {what} | {1000 * median(seconds):.0f} ms | {1000 * quantiles(seconds, n=100)[98]:.0f} ms | {note} |"


if __name__ == "__main__":
    main()
