"""The chatbot's API, as its page uses it."""

import json
from typing import Any

import requests
from suite_fixtures import patiently


class Replica:
    """The chatbot's API: through the gateway, or of one container alone."""

    def __init__(self, url: str, token: str):
        self.url, self.token = url, token

    def ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/chat/readyz", timeout=30).ok
        except requests.RequestException:
            return False

    def post(self, path: str, **body: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}"} if path.startswith("attendant") else {}
        return requests.post(f"{self.url}/chat/api/{path}", json=body, headers=headers, timeout=30)

    def patiently(self, path: str, **body: Any) -> Any:
        return patiently(lambda: self.post(path, **body), 120)

    def begin(self) -> str:
        return str(self.patiently("sessions", nome="Ana")["sessao"])

    def present(self, session: str) -> list[tuple[str, dict[str, Any]]]:
        """The conversation so far, as a stream begins with it."""
        events, name = [], ""
        with requests.get(f"{self.url}/chat/api/sessions/{session}/events", stream=True, timeout=30) as stream:
            assert stream.ok, stream.text
            for line in stream.iter_lines(chunk_size=1):
                field, _, value = line.decode().partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    events.append((name, json.loads(value)))
                    if name == "state":
                        break
        return events
