"""A worker for the tests: what it does is told by the name of the picture."""

import os
import signal
import sys
import time
from pathlib import Path

from bus import PermanentError, RetryableError, Worker
from events import ImageUploaded, OperationFinished

worker = Worker("example-worker", permanent_errors=KeyError)
trail = Path(os.environ.get("TRAIL", "/dev/null"))


def note(what: str) -> None:
    with trail.open("a") as file:
        file.write(what + "\n")


@worker.on("image", publishes="notification", sandboxed=bool(os.environ.get("IN_CHILD")))
def example(upload: ImageUploaded) -> OperationFinished:
    name = upload.new_file
    note(name)
    if name.startswith("final"):
        raise PermanentError("never")
    if name.startswith("unmended") and not Path(os.environ["MENDED"]).exists():
        raise PermanentError("not yet mended")
    if name.startswith("key"):
        raise KeyError("gone")
    if name.startswith("passing") and trail.read_text().count(name) < 3:
        raise RetryableError("not yet")
    if name.startswith("unexpected"):
        raise ZeroDivisionError("bug")
    if name.startswith("exit"):
        sys.exit(78)
    if name.startswith("kill"):
        os.kill(os.getpid(), signal.SIGKILL)
    if name.startswith("slow"):
        time.sleep(float(name.removesuffix(".png").split("-")[1]))
    if name.startswith("memory"):
        bytearray(3_000_000_000)
    return upload.finished("example", f"processed/{name}")


@example.on_failure
def not_done(upload: ImageUploaded, error: Exception) -> OperationFinished:
    return upload.failed("example", f"{type(error).__name__}")


if __name__ == "__main__":
    worker.run()
