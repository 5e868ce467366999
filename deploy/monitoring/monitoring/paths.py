"""Where this room keeps what: what has to last in a volume, the rest in memory."""

from pathlib import Path

STATE = Path("/var/lib/nagios4")
OUTBOX = STATE / "outbox"
SEEN = STATE / "seen"
LOGIN = STATE / "htpasswd"
ARCHIVES = STATE / "archives"
RUN = Path("/tmp/nagios")  # noqa: S108 - a file system of this container alone
OBJECTS = RUN / "objects.cfg"
PROGRAMS = Path("/etc/monitoring")
