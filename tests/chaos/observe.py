"""What came of a load, seen as people see it: results, mails, conversations; and the dead letters."""

import io
import json
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from typing import Any

import requests
from bus import KafkaSettings
from bus.browser import Browser
from caption_worker.captioned import captioned
from chat_replica import Replica
from containers import addresses
from events.catalogue import consumers, dead_letters_of
from events.services import OPERATIONS
from grayscale_worker.grayed import grayed
from PIL import Image
from rotate_worker.rotated import rotated
from suite_fixtures import Suite

from .account import Accepted, Seen, account
from .load import PHOTOS, Load

SUBJECTS = {
    str(service.portuguese.sentence).format(name=photo): operation
    for operation, service in OPERATIONS.items()
    for photo in PHOTOS
}
"""The operation that the subject of a mail tells of."""
SETTLES_WITHIN_SECONDS = 300
DOUBLES_SHOW_WITHIN_SECONDS = 5
"""How long is waited for what should not come, when all has come."""


def settled(
    suite: Suite, load: Load, dead_letters_before: dict[str, int], within_seconds: float = SETTLES_WITHIN_SECONDS
) -> Seen:
    """What is seen when all has come, or when it has not in that time."""
    deadline = time.monotonic() + within_seconds
    while True:
        seen = _look(suite, load)
        if not account(load.accepted, seen).lost or time.monotonic() > deadline:
            break
        time.sleep(1)
    time.sleep(DOUBLES_SHOW_WITHIN_SECONDS)
    seen = _look(suite, load)
    seen.dead_letters = Counter(dead_letters(suite)) - Counter(dead_letters_before) - _asked_for(load.accepted)
    return seen


def dead_letters(suite: Suite) -> dict[str, int]:
    """How many each service has made."""
    settings = KafkaSettings(kafka_bootstrap_servers=suite.broker)
    browser = Browser(settings)
    try:
        topics = {service: settings.topic(dead_letters_of(service)) for service in consumers()}
        held = {service: browser.bounds(topic).values() for service, topic in topics.items()}
    finally:
        browser.close()
    return {service: sum(one.end - one.begin for one in partitions) for service, partitions in held.items()}


def _asked_for(accepted: Accepted) -> Counter[str]:
    return Counter({f"{operation}-worker": accepted.poison for operation in OPERATIONS})


def _look(suite: Suite, load: Load) -> Seen:
    seen = Seen(mails=_mails(suite, set(load.accepted.pictures.values())))
    for picture in load.accepted.pictures:
        for operation, result in _results(suite, picture, load.photos[picture]).items():
            seen.results[picture, operation] = result
    replicas = [Replica(f"http://{address}:8000", suite.token) for address in addresses("chatbot")]
    for session in load.sessions:
        present = [_conversation(replica, session) for replica in replicas]
        events = next((one for one in present if one), [])
        for name, event in events:
            if name == "message":
                seen.said[event["id"]] += 1
            elif name == "sentiment":
                seen.classified[event["id"]] += 1
        seen.states[session] = [json.dumps(one[-1][1], sort_keys=True) for one in present if one]
    return seen


def _results(suite: Suite, picture: str, photo: str) -> dict[str, str]:
    """By operation that is over: `right`, or what is wrong."""
    found = {}
    with suppress(requests.RequestException, ValueError, KeyError):
        operations = suite.get(f"/upload/api/images/{picture}").json()["operations"]
        for operation, one in operations.items():
            if one["status"] == "failed":
                found[operation] = f"failed: {one['reason']}"
            elif one["status"] == "done":
                answer = suite.get(one["url"])
                if answer.ok:
                    found[operation] = _compared(answer.content, photo, operation)
    return found


def _compared(result: bytes, photo: str, operation: str) -> str:
    try:
        return "right" if _pixels(result) == _expected(photo, operation) else "other pixels than it should have"
    except OSError as error:
        return f"no whole picture: {error}"


@cache
def _expected(photo: str, operation: str) -> bytes:
    data = PHOTOS[photo]
    done = {"rotate": rotated, "grayscale": grayed, "caption": lambda picture: captioned(picture, photo)}
    return _pixels(done[operation](data))


def _pixels(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as picture:
        return picture.convert("RGB").tobytes()


def _mails(suite: Suite, addresses: set[str]) -> Counter[tuple[str, str]]:
    mails: Counter[tuple[str, str]] = Counter()
    with suppress(requests.RequestException, ValueError):
        for mail in suite.get("/mail/email").json():
            address = mail["to"][0]["address"]
            if address in addresses:
                mails[address, SUBJECTS.get(mail["subject"], mail["subject"])] += 1
    return mails


def _conversation(replica: Replica, session: str) -> list[tuple[str, dict[str, Any]]]:
    """Empty where the replica does not answer."""
    with suppress(requests.RequestException, AssertionError):
        return replica.present(session)
    return []


def unexpected(items: Iterable[str], most: int = 5) -> str:
    """The first of them, for a person."""
    items = list(items)
    return "; ".join(items[:most]) + (f"; and {len(items) - most} more" if len(items) > most else "")
