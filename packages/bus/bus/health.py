"""A heartbeat file proves that a worker makes progress.

The worker touches it while its loop turns, the broker answers and records come; the health check of its container
looks at its age (see any worker's Dockerfile).
"""

import os
import tempfile
from pathlib import Path


def beat(service: str) -> None:
    """Touch the heartbeat file of `service`, in `RUN_DIR` or the folder for temporary files."""
    folder = Path(os.environ.get("RUN_DIR") or tempfile.gettempdir())
    (folder / f"{service}.heartbeat").touch()
