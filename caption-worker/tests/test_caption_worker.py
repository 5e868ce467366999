"""The handler as a function: no broker needed."""

import importlib
from io import BytesIO
from pathlib import Path
from types import ModuleType

import pytest
from bus import GaveUp, ImageUploaded
from pictures import Refused
from PIL import Image, ImageChops


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The service's module, with a store of its own that holds one upload."""
    monkeypatch.setenv("STORE_URL", f"file://{tmp_path}")
    service = importlib.reload(importlib.import_module("caption_worker.__main__"))
    service.operation.store.create()
    out = BytesIO()
    Image.new("RGB", (300, 200), "red").save(out, "PNG")
    (tmp_path / "uploads" / "abc.png").write_bytes(out.getvalue())
    return service


def test_an_upload_is_answered_when_its_result_is_in_the_store(service: ModuleType, tmp_path: Path) -> None:
    upload = ImageUploaded(new_file="abc.png", original_name="perfil.png", email="ana@example.org", lang="en")
    answer = service.caption(upload)
    assert (answer.operation, answer.status) == ("caption", "done")
    assert answer.result == "processed/caption/abc_caption.png"
    assert (answer.original_name, answer.email, answer.lang) == ("perfil.png", "ana@example.org", "en")
    assert Image.open(tmp_path / answer.result).size == (300, 200)


def test_it_is_the_original_name_that_is_written_and_else_that_of_the_file(service: ModuleType, tmp_path: Path) -> None:
    written = []
    for upload in (
        ImageUploaded(new_file="abc.png", original_name="perfil.png"),
        ImageUploaded(new_file="abc.png", original_name="férias.png"),
        ImageUploaded(new_file="abc.png"),
    ):
        path = tmp_path / service.caption(upload).result
        written.append(Image.open(BytesIO(path.read_bytes())))
        path.unlink()
    assert all(ImageChops.difference(one, written[0]).getbbox() for one in written[1:])


def test_what_never_can_be_done_is_answered_with_the_reason(service: ModuleType, tmp_path: Path) -> None:
    upload = ImageUploaded(new_file="gone.png", lang="pt-BR")
    with pytest.raises(Refused) as refused:
        service.caption(upload)
    answer = service.not_captioned(upload, refused.value)
    assert (answer.operation, answer.status, answer.result) == ("caption", "failed", None)
    assert answer.reason == "O arquivo não existe mais."
    assert (tmp_path / "processed/caption/gone_caption.json").is_file()


def test_what_nobody_foresaw_is_answered_too(service: ModuleType) -> None:
    answer = service.not_captioned(ImageUploaded(new_file="abc.png", lang="en"), GaveUp("ZeroDivisionError"))
    assert answer.reason == "The picture could not be processed."
