"""The handler as a function: no broker needed."""

from collections.abc import Callable
from io import BytesIO

import pytest
from bus import ImageUploaded
from PIL import Image, ImageChops
from suite_fixtures import PictureWorker, every_picture_worker


@pytest.fixture
def service(picture_worker: Callable[..., PictureWorker]) -> PictureWorker:
    return picture_worker("caption_worker", "caption", "not_captioned")


@every_picture_worker
def test_every_upload_is_answered(service: PictureWorker, holds: Callable[[PictureWorker], None]) -> None:
    holds(service)


def test_it_is_the_original_name_that_is_written_and_else_that_of_the_file(service: PictureWorker) -> None:
    written = []
    for upload in (
        ImageUploaded(new_file="abc.png", original_name="perfil.png"),
        ImageUploaded(new_file="abc.png", original_name="férias.png"),
        ImageUploaded(new_file="abc.png"),
    ):
        path = service.root / service.handle(upload).result
        written.append(Image.open(BytesIO(path.read_bytes())))
        path.unlink()
    assert all(ImageChops.difference(one, written[0]).getbbox() for one in written[1:])
