"""The heartbeat file: proof that a worker makes progress.

A worker touches it as long as its loop runs, the broker responds and no partition is stalled. The health check of its
container looks at the age of the file, and that it is empty (see the Dockerfile of any worker).
"""

import os
import tempfile
from pathlib import Path


def beat(service: str, problem: str = "") -> None:
    """Touch the heartbeat file of `service`, in `RUN_DIR` or, if that is not set, in the temporary folder.

    `problem`: a sentence that makes the service unhealthy; it is written into the file.
    """
    folder = Path(os.environ.get("RUN_DIR") or tempfile.gettempdir())
    (folder / f"{service}.heartbeat").write_text(problem, encoding="utf-8")
