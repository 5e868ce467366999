"""What a child process answers of a picture, and what is told where it does not."""

from typing import Any

from bus.children import ChildDied, Children, ChildTimedOut
from pictures import Code, Refused


def asked(children: Children, request: Any, seconds: float, deadly: Code) -> dict[str, Any]:
    """What a child answers to `request`.

    Raises Refused: what the answer says, "timed-out", `deadly` for a picture that ends its child. Raises Problem (503)
    where the picture is not to blame: the system has killed the child, as it does for want of memory, or other pictures
    took all the room.
    """
    try:
        answer: dict[str, Any] = children.call(request, seconds)
    except ChildTimedOut:
        raise Refused("timed-out") from None
    except ChildDied as died:
        if not died.killed:
            raise Refused(deadly) from None
        answer = {"busy": str(died)}
    if "busy" in answer:
        _try_again(answer["busy"])
    if "refused" in answer:
        raise Refused.from_json(answer["refused"])
    return answer


def _try_again(why: str) -> None:
    """Raises Problem."""
    import structlog  # noqa: PLC0415 - a child process needs neither this nor Flask
    from flask_babel import gettext as _  # noqa: PLC0415
    from web import Problem  # noqa: PLC0415

    structlog.get_logger(__name__).warning("a picture has to wait", why=why)
    raise Problem(503, "busy", _("Pictures cannot be stored or read at the moment. Please try again."), 5)
