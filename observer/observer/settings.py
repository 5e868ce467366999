"""The settings of this service, in addition to those of Kafka."""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from pydantic import field_validator
from service import PublicUrl
from web.attendant_auth import AttendantSettings


class ObserverSettings(AttendantSettings):
    live_prefixes: str = ""
    """What the prefixes of a class begin with, comma separated, such as `aluno`; `*`: all of them; empty: no class."""
    public_url: PublicUrl = "http://localhost:8080"
    bind_address: str = ""
    """Where the gateway listens; not this service."""

    @field_validator("live_prefixes")
    @classmethod
    def _can_begin_topics(cls, value: str) -> str:
        for prefix in filter(None, map(str.strip, value.split(","))):
            if prefix != "*" and not re.fullmatch(r"[a-zA-Z0-9._-]{1,200}", prefix):
                raise ValueError(f"LIVE_PREFIXES: {prefix!r} can be the begin of no topic")
        return value

    @property
    def prefixes(self) -> tuple[str, ...]:
        """What the prefixes of the class begin with; "" for all."""
        return tuple(one.strip().removeprefix("*") for one in self.live_prefixes.split(",") if one.strip())

    @property
    def is_for_this_machine(self) -> bool:
        """Whether the gateway can be reached from this machine alone. Where nobody says so, it may be reached."""
        return _is_loopback(self.bind_address) and _is_loopback(urlsplit(self.public_url).hostname or "")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
