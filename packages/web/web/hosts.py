"""The names that a service answers by: a page of another site that leads its own here is refused (DNS rebinding)."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from flask import Flask, request
from flask_babel import gettext as _
from service import Settings

from .problems import Problem


class HostSettings(Settings):
    public_url: str = ""
    gateway_url: str = ""
    bind_address: str = ""
    kafka_advertised_host: str = ""
    allowed_hosts: str = ""
    """Further names, comma separated."""

    def names(self) -> set[str]:
        urls = [urlsplit(url).hostname or "" for url in (self.public_url, self.gateway_url)]
        further = [name.strip() for name in self.allowed_hosts.split(",")]
        return {name.lower() for name in (*urls, self.bind_address, self.kafka_advertised_host, *further) if name}


def install(app: Flask) -> None:
    """Make `app` answer requests by the names of the settings, its own name, `localhost` and addresses alone."""
    names = HostSettings.load().names() | {"localhost", (app.import_name or "").replace("_", "-")}

    @app.before_request
    def reject_other_names() -> None:
        """Names can be led anywhere, addresses cannot. What a proxy has passed on counts as much as its own request."""
        forwarded = request.environ.get("werkzeug.proxy_fix.orig", {}).get("HTTP_HOST")
        for host in (forwarded, request.environ.get("HTTP_HOST")):
            if host and not _is_address(name := _name(host)) and name not in names:
                raise Problem(421, "host", _("The suite is not known by this name; ALLOWED_HOSTS may name it."))


def _name(host: str) -> str:
    """The name in a Host header, without the port."""
    name = host.lower() if host.endswith("]") else host.lower().rpartition(":")[0] or host.lower()
    return name.strip("[]").removesuffix(".")


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
