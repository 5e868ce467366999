"""The base of every service: settings, logging, shutdown, heartbeat, exit codes."""

from .exits import EXIT_CONFIG, EXIT_STALLED, refuse_to_start
from .settings import PublicUrl, Settings, load
from .stop import Stop

__all__ = ["EXIT_CONFIG", "EXIT_STALLED", "PublicUrl", "Settings", "Stop", "load", "refuse_to_start"]
