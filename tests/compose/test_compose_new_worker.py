"""A worker that `make new-worker` has made, as a container beside the suite."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import ImageOps
from sample_pictures import alike, corners, encoded, opened, quarters
from suite_fixtures import Suite

pytestmark = pytest.mark.compose


def test_its_image_builds_and_works_in_the_network(suite: Suite, with_mirror: Path) -> None:
    def docker(*command: str) -> bytes:
        return subprocess.run(["docker", *command], cwd=with_mirror, capture_output=True, check=True).stdout

    docker("build", "--quiet", "--file", "mirror-worker/Dockerfile", "--tag", "suite-mirror-worker", ".")
    container = docker(
        *("run", "--detach", "--network", "minharede", "--volume", "pictures:/data"),
        *("-e", "KAFKA_BOOTSTRAP_SERVERS=broker:29092", "suite-mirror-worker"),
    ).decode().strip()  # fmt: skip
    try:
        (accepted,) = suite.upload(("photo.jpg", encoded(quarters())))

        def mirrored(record: Any) -> bool:
            return record.key == accepted["id"].encode() and json.loads(record.value)["operation"] == "mirror"

        (record, *_) = suite.records("notification", mirrored, 60)
        told = json.loads(record.value)
        assert told["status"] == "done", told["reason"]
        flipped = opened(docker("exec", container, "cat", f"/data/{told['result']}"))
        assert all(map(alike, corners(flipped), corners(ImageOps.mirror(quarters()))))
    finally:
        docker("rm", "--force", container)
