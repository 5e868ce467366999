"""The handler as a function: no broker needed."""

from collections.abc import Callable

import pytest
from suite_fixtures import PictureWorker, every_picture_worker


@pytest.fixture
def service(picture_worker: Callable[..., PictureWorker]) -> PictureWorker:
    return picture_worker("grayscale_worker", "grayscale", "not_grey")


@every_picture_worker
def test_every_upload_is_answered(service: PictureWorker, holds: Callable[[PictureWorker], None]) -> None:
    holds(service)
