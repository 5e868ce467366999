"""The handler as a function, without a broker."""

from collections.abc import Callable
from io import BytesIO

import pytest
from events import ImageUploaded
from PIL import Image, ImageChops
from suite_fixtures import PictureWorker, every_picture_worker


@pytest.fixture
def worker(picture_worker: Callable[..., PictureWorker]) -> PictureWorker:
    return picture_worker("caption_worker", "caption", "not_captioned")


@every_picture_worker
def test_it_behaves_as_every_picture_worker(worker: PictureWorker, check: Callable[[PictureWorker], None]) -> None:
    check(worker)


def test_the_caption_is_the_original_name_or_else_the_file_name(worker: PictureWorker) -> None:
    captions = []
    for upload in (
        ImageUploaded(new_file="abc.png", original_name="perfil.png"),
        ImageUploaded(new_file="abc.png", original_name="férias.png"),
        ImageUploaded(new_file="abc.png"),
    ):
        path = worker.root / worker.handle(upload).result
        captions.append(Image.open(BytesIO(path.read_bytes())))
        path.unlink()
    assert all(ImageChops.difference(one, captions[0]).getbbox() for one in captions[1:])
