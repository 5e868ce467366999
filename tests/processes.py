"""How tests are shared out where they run in several processes (pytest-xdist)."""

from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling


class BySuite(LoadFileScheduling):  # type: ignore[misc]
    """Tests of one file share a process, and so do all of tests/: most of them need the same running suite."""

    def _split_scope(self, nodeid: str) -> str:
        return "tests" if nodeid.startswith("tests/") else str(super()._split_scope(nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> BySuite:
    return BySuite(config, log)
