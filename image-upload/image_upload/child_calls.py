"""Calls that process a picture in a child process, and the errors that they raise."""

from typing import Any

from pictures import Code, Refused
from sandbox import ChildDied, ChildPool, ChildTimedOut


def call_child(children: ChildPool, request: Any, timeout_seconds: float, crash_code: Code) -> dict[str, Any]:
    """Send `request` to a child and return its response.

    Raises Refused with the code in the response, with "timed-out", or with `crash_code` if the picture crashed the
    child. Raises Problem (503) if the picture is not to blame: the system killed the child, as it does when memory runs
    out, or other pictures held the memory for too long.
    """
    try:
        response: dict[str, Any] = children.call(request, timeout_seconds)
    except ChildTimedOut:
        raise Refused("timed-out") from None
    except ChildDied as died:
        if not died.killed:
            raise Refused(crash_code) from None
        response = {"busy": str(died)}
    if "busy" in response:
        _raise_busy(response["busy"])
    if "refused" in response:
        raise Refused.from_json(response["refused"])
    return response


def _raise_busy(reason: str) -> None:
    import structlog  # noqa: PLC0415 - not in child processes: they need neither this nor Flask
    from flask_babel import gettext as _  # noqa: PLC0415
    from web import Problem  # noqa: PLC0415

    structlog.get_logger(__name__).warning("picture not processed for lack of resources", reason=reason)
    raise Problem(503, "busy", _("Pictures cannot be stored or read at the moment. Please try again."), 5)
