"""The handlers and the picture function, without a broker."""

from collections.abc import Callable

import pytest
from PIL import ImageOps
from sample_pictures import alike, corners, encoded, opened, quarters
from suite_fixtures import PictureWorker, every_picture_worker


@pytest.fixture
def worker(picture_worker: Callable[..., PictureWorker]) -> PictureWorker:
    return picture_worker("template_worker", "change", "not_changed")


@every_picture_worker
def test_it_behaves_as_every_picture_worker(worker: PictureWorker, check: Callable[[PictureWorker], None]) -> None:
    check(worker)


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_the_picture_is_flipped(worker: PictureWorker, form: str) -> None:
    found = opened(worker.operation.work(encoded(quarters(), form)))
    assert all(map(alike, corners(found), corners(ImageOps.mirror(quarters()))))
