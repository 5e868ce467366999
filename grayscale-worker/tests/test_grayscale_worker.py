"""The handler as a function, without a broker."""

from collections.abc import Callable

import pytest
from suite_fixtures import PictureWorker, every_picture_worker


@pytest.fixture
def worker(picture_worker: Callable[..., PictureWorker]) -> PictureWorker:
    return picture_worker("grayscale_worker", "grayscale", "not_grey")


@every_picture_worker
def test_it_behaves_as_every_picture_worker(worker: PictureWorker, check: Callable[[PictureWorker], None]) -> None:
    check(worker)
