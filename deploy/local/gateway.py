"""Requests to the running suite, as `make demo` sends them: through the gateway, in the language of the terminal."""

from typing import Any

import requests
from surroundings import local_address, port
from words import PORTUGUESE

LANGUAGE = "pt-BR" if PORTUGUESE else "en"

_session = requests.Session()
_session.trust_env = False  # it is on this machine: no proxy
_session.headers["Accept-Language"] = LANGUAGE


def request(method: str, path: str, seconds: float = 30, **what: Any) -> requests.Response:
    """The answer of the suite. Raises OSError; what the suite refuses, with its own sentence."""
    address = f"http://{local_address()}:{port('GATEWAY_PORT')}{path}"
    answer = _session.request(method, address, timeout=seconds, **what)
    if answer.ok:
        return answer
    try:
        reason = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        reason = f"HTTP {answer.status_code}"
    raise OSError(f"{path}: {reason}")
