"""Requests of `make demo` to the running suite, through the gateway, in the language of the terminal."""

from typing import Any

import requests
from environment import local_address, port
from words import PORTUGUESE

LANGUAGE = "pt-BR" if PORTUGUESE else "en"

_session = requests.Session()
_session.trust_env = False  # the suite is on this machine: no proxy
_session.headers["Accept-Language"] = LANGUAGE


def request(method: str, path: str, seconds: float = 30, **options: Any) -> requests.Response:
    """Send a request with a timeout of `seconds`. Raises OSError, with the `detail` of the problem if there is one."""
    address = f"http://{local_address()}:{port('GATEWAY_PORT')}{path}"
    response = _session.request(method, address, timeout=seconds, **options)
    if response.ok:
        return response
    try:
        reason = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        reason = f"HTTP {response.status_code}"
    raise OSError(f"{path}: {reason}")
