"""A known load: people who send pictures, people who talk, an attendant. Each tries again, as the pages do."""

import random
import threading
import uuid
from collections.abc import Callable
from itertools import count
from typing import Any

import requests
from sample_pictures import encoded, quarters
from suite_fixtures import Suite, patiently

from .account import Accepted

PICTURE_EVERY_SECONDS = 0.5
MESSAGE_EVERY_SECONDS = 0.4
SESSIONS = 8
ANGRY_EVERY = 9
"""One message of so many calls an attendant."""
REQUEST_TIMEOUT_SECONDS = 20
ACCEPTED_WITHIN_SECONDS = 300
"""Longer than any fault lasts."""
ANGRY = "Que atendimento horrível! Isso é um absurdo, quero o meu dinheiro de volta!"
ATTENDANT = "Bia"
PHOTOS = {f"foto {number}.jpg": encoded(quarters((160 + 16 * number, 120)), "JPEG") for number in range(8)}


class Load:
    """Runs from `start` to `stop`; `accepted` is what it was promised."""

    def __init__(self, suite: Suite, chance: random.Random):
        self.accepted = Accepted()
        self.photos: dict[str, str] = {}
        """By picture, which of PHOTOS it is."""
        self._suite = suite
        self._run = uuid.UUID(int=chance.getrandbits(128)).hex[:8]
        self._ended = threading.Event()
        self._numbers = count()
        self._people = [
            threading.Thread(target=person) for person in (self._photographer, self._customers, self._attendant)
        ]
        self.problems: list[BaseException] = []
        self.sessions: list[str] = []

    def start(self) -> None:
        self.sessions = [str(self._post("/chat/api/sessions", {"nome": "Ana"})["sessao"]) for _ in range(SESSIONS)]
        for person in self._people:
            person.start()

    def stop(self) -> None:
        """Returns when everyone has an answer to the last request. Raises what a person met that is no fault's."""
        self._ended.set()
        for person in self._people:
            person.join()
        if self.problems:
            raise self.problems[0]

    def send_picture(self) -> str:
        """One picture, accepted: its id."""
        number = next(self._numbers)
        name, address = list(PHOTOS)[number % len(PHOTOS)], f"{self._run}-{number}@chaos.example"
        key = uuid.uuid4().hex

        def send() -> Any:
            return requests.post(
                f"{self._suite.url}/upload/api/images",
                files=[("file", (name, PHOTOS[name]))],
                data={"email": address},
                headers={"Idempotency-Key": key, "Accept-Language": "pt-BR"},
                timeout=REQUEST_TIMEOUT_SECONDS,
            )

        picture = str(patiently(send, ACCEPTED_WITHIN_SECONDS)["images"][0]["id"])
        self.photos[picture] = name
        self.accepted.pictures[picture] = address
        return picture

    def _photographer(self) -> None:
        self._until_the_end(self.send_picture, PICTURE_EVERY_SECONDS)

    def _customers(self) -> None:
        numbers = count()

        def say() -> None:
            number = next(numbers)
            session = self.sessions[number % SESSIONS]
            text = ANGRY if number % ANGRY_EVERY == 0 else f"mensagem {number}"
            answer = self._post(f"/chat/api/sessions/{session}/messages", {"pergunta": f"{text} ({number})"})
            self.accepted.messages[str(answer["id"])] = session

        self._until_the_end(say, MESSAGE_EVERY_SECONDS)

    def _attendant(self) -> None:
        """Takes who waits, answers, hands back."""

        def serve() -> None:
            headers = {"Authorization": f"Bearer {self._suite.token}"}
            queue = patiently(
                lambda: requests.get(
                    f"{self._suite.url}/chat/api/attendant/sessions", headers=headers, timeout=REQUEST_TIMEOUT_SECONDS
                ),
                ACCEPTED_WITHIN_SECONDS,
            )
            for row in queue["sessions"]:
                if row["estado"] == "waiting" and row["sessao"] in self.sessions:
                    at = f"/chat/api/attendant/sessions/{row['sessao']}"
                    self._post(f"{at}/take", {"atendente": ATTENDANT})
                    answer = self._post(f"{at}/messages", {"atendente": ATTENDANT, "mensagem": "Em que posso ajudar?"})
                    self.accepted.replies[str(answer["id"])] = row["sessao"]
                    self._post(f"{at}/release", {"atendente": ATTENDANT})

        self._until_the_end(serve, 1.0)

    def _until_the_end(self, act: Callable[[], object], every_seconds: float) -> None:
        try:
            while not self._ended.wait(every_seconds):
                act()
        except BaseException as error:  # told by `stop`
            self.problems.append(error)

    def _post(self, path: str, body: dict[str, str]) -> Any:
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        if "/attendant/" in path:
            headers["Authorization"] = f"Bearer {self._suite.token}"
        return patiently(
            lambda: requests.post(self._suite.url + path, json=body, headers=headers, timeout=REQUEST_TIMEOUT_SECONDS),
            ACCEPTED_WITHIN_SECONDS,
        )
