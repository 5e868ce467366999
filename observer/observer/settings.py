"""The settings of this service, in addition to those of Kafka."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from service import PublicUrl
from web.attendant_auth import AttendantSettings


class ObserverSettings(AttendantSettings):
    public_url: PublicUrl = "http://localhost:8080"
    bind_address: str = ""
    """Where the gateway listens; not this service."""

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
