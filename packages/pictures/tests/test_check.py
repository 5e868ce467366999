import os
import random
import struct
import subprocess
import sys
import zlib
from contextlib import contextmanager, suppress
from io import BytesIO

import pillow_heif
import pytest
from pictures import Checked, Limits, NoRoom, Refused, check, inspect
from pictures.formats import MAX_FRAMES
from PIL import Image

pillow_heif.register_heif_opener()  # to save HEIC; the suite itself only reads it

FORMATS = {
    "JPEG": "jpeg",
    "PNG": "png",
    "WEBP": "webp",
    "GIF": "gif",
    "AVIF": "avif",
    "HEIF": "heic",
    "TIFF": "tiff",
    "BMP": "bmp",
}
MANY = ("PNG", "WEBP", "GIF", "AVIF", "TIFF")


def noise(size=(40, 30), seed=0, mode="RGB"):
    pixels = random.Random(seed).randbytes(size[0] * size[1] * 3)
    return Image.frombytes("RGB", size, pixels).convert(mode)


def saved(image, form, **options):
    out = BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def animation(form, frames=3, **options):
    images = [noise(seed=seed) for seed in range(frames)]
    return saved(images[0], form, save_all=True, append_images=images[1:], duration=50, **options)


def refusal(data, limits=None):
    with pytest.raises(Refused) as caught:
        check(data, limits or Limits())
    return caught.value


def png(width, height, body=b""):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize("form", FORMATS)
def test_a_still_is_what_it_decodes_to(form, tmp_path):
    data = saved(noise(), form)
    expected = Checked(form, FORMATS[form], 40, 30, 1, 1200)
    path = tmp_path / "named.txt"
    path.write_bytes(data)
    assert check(data, Limits()) == check(path, Limits()) == inspect(data, Limits()) == expected


@pytest.mark.parametrize("form", MANY)
def test_frames_are_counted(form):
    assert check(animation(form), Limits()).frames == 3


def test_the_first_picture_of_an_mpo_is_a_jpeg():
    data = saved(noise(), "MPO", save_all=True, append_images=[noise((20, 20))])
    with Image.open(BytesIO(data)) as picture:
        assert picture.format == "MPO"
    assert check(data, Limits()) == Checked("JPEG", "jpeg", 40, 30, 1, 1200)


@pytest.mark.parametrize(
    ("data", "code", "word"),
    [
        (b"", "empty", ""),
        (bytes(4_000_000), "not-an-image", "JPEG, PNG, WebP, GIF, AVIF, HEIC, TIFF, BMP"),
        (b"just text", "not-an-image", ""),
        (b"%PDF-1.7\n%", "unsupported-format", "PDF"),
        (b"PK\x03\x04" + bytes(40), "unsupported-format", "ZIP"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "unsupported-format", "SVG"),
        (b"<!DOCTYPE html><script>alert(1)</script>", "unsupported-format", "HTML"),
        (b"\0\0\0\x18ftypheic" + bytes(20), "damaged", ""),
        (b"\0\0\0\x18ftypisom" + bytes(20), "unsupported-format", "MP4"),
        (b"\xff\xd8\xff", "damaged", ""),
    ],
)
def test_what_is_no_picture_is_refused_with_its_reason(data, code, word):
    refused = refusal(data)
    assert refused.code == code
    assert word in refused.sentence("en")
    assert word in refused.sentence("pt-BR")


def test_formats_not_in_the_table_are_refused():
    assert refusal(saved(noise(), "ICO")).parameters["kind"] == "ICO"
    assert refusal(saved(noise(), "PPM")).code == "not-an-image"


def test_libheif_is_loaded_for_heic_only():
    code = (
        "import sys, pictures; pictures.check(sys.stdin.buffer.read(), pictures.Limits());"
        "print('pillow_heif' in sys.modules)"
    )
    for form, loaded in (("PNG", b"False"), ("AVIF", b"False"), ("HEIF", b"True")):
        run = subprocess.run([sys.executable, "-c", code], input=saved(noise(), form), capture_output=True, check=True)
        assert run.stdout.strip() == loaded


def test_pages_of_a_tiff_count_by_their_own_size():
    pages = [noise((40, 30)), noise((80, 50))]
    data = saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    assert check(data, Limits()) == Checked("TIFF", "tiff", 40, 30, 2, 40 * 30 + 80 * 50)
    assert refusal(data, Limits(megapixels=0.005)).code == "too-many-pixels"


def test_what_takes_much_memory_is_large():
    for form, megapixels, large in (("JPEG", 12, False), ("JPEG", 20, True), ("WEBP", 4, False), ("WEBP", 12, True)):
        assert Checked(form, "", 1, 1, 1, int(megapixels * 1e6)).is_large == large


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_cut_still_is_refused(form, share):
    data = saved(noise((64, 64)), form)
    assert refusal(data[: int(len(data) * share)]).code in ("truncated", "damaged")


@pytest.mark.parametrize("form", [form for form in MANY if form != "TIFF"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_cut_animation_is_refused(form, share):
    data = animation(form)
    assert refusal(data[: int(len(data) * share)]).code in ("truncated", "damaged")


@pytest.mark.parametrize(
    ("frame", "bits", "kind"),
    [(0xC3, 8, "JPEG lossless (SOF3)"), (0xC1, 12, "JPEG (12 bit)"), (0xC7, 8, "JPEG (SOF7)")],
)
def test_kinds_of_jpeg_that_nobody_can_work_on_are_refused_by_their_name(frame, bits, kind):
    data = bytearray(saved(noise(), "JPEG"))
    at = data.index(b"\xff\xc0")
    data[at + 1], data[at + 4] = frame, bits
    refused = refusal(bytes(data))
    assert (refused.code, refused.parameters) == ("unsupported-kind", {"kind": kind})
    assert kind in refused.sentence("en")
    assert kind in refused.sentence("pt-BR")


def test_a_jpeg_cut_in_half_is_called_incomplete():
    data = saved(noise((200, 200)), "JPEG")
    assert refusal(data[: len(data) // 2]).code == "truncated"


def test_a_file_over_the_limit_is_refused(tmp_path):
    path = tmp_path / "large"
    path.write_bytes(bytes(1_000_001))
    assert refusal(bytes(1_000_001), Limits(megabytes=1)).code == "too-large"
    picture = saved(noise((100, 100)), "PNG")
    limits = Limits(megabytes=len(picture) / 1e6 - 0.001)
    path.write_bytes(picture)
    assert refusal(picture, limits).code == refusal(path, limits).code == "too-large"


def test_a_bomb_is_refused_from_its_header(monkeypatch):
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("decoded"))
    refused = refusal(png(8000, 8000, zlib.compress(bytes(1000))))
    assert refused.code == "too-many-pixels"
    assert "64 megapixels" in refused.sentence("en")
    assert "64 megapixels" in refused.sentence("pt-BR")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [13_300, 20_000])
def test_a_bomb_at_and_past_the_ceiling_of_pillow_is_refused(side):
    refused = refusal(png(side, side, b""))
    assert refused.code == "too-many-pixels"
    assert refused.parameters["megapixels"] == pytest.approx(side * side / 1e6, abs=0.1)


def test_frames_count_as_pixels():
    limits = Limits(megapixels=40 * 30 * 3 / 1e6)
    for form in MANY:
        assert check(animation(form, 3), limits).frames == 3
        assert refusal(animation(form, 4), limits).code == "too-many-pixels"


def test_a_later_frame_of_a_gif_cannot_grow_past_the_limit():
    data = bytearray(animation("GIF", 2))
    second = data.rindex(b"\x2c\0\0\0\0" + struct.pack("<HH", 40, 30))
    data[second + 5 : second + 9] = struct.pack("<HH", 9000, 9000)
    assert refusal(bytes(data)).code == "too-many-pixels"


def test_thousands_of_frames_are_refused():
    images = [noise((8, 8), seed) for seed in range(MAX_FRAMES + 5)]
    for form in ("GIF", "WEBP"):
        data = saved(images[0], form, save_all=True, append_images=images[1:], duration=20)
        assert refusal(data).code == "too-many-frames"


def test_a_side_has_a_limit():
    assert refusal(png(30_001, 1)).code == "too-long-a-side"
    wide = bytearray(animation("WEBP"))
    wide[24:27] = (20_000).to_bytes(3, "little")  # the canvas may be wider than any frame can be written
    assert refusal(bytes(wide)).code == "too-long-a-side"


def test_a_format_may_have_a_lower_limit_and_names_it():
    data = saved(Image.new("RGB", (4100, 4000)), "WEBP", lossless=True, quality=0)
    assert "WebP is 12.5" in str(refusal(data))
    assert "AVIF is 12.5" in str(refusal(saved(Image.new("L", (4100, 4000)), "AVIF", speed=10)))
    assert check(saved(Image.new("1", (4100, 4000)), "PNG"), Limits()).format == "PNG"


def test_no_bytes_whatever_raise_anything_else():
    chance = random.Random(7)
    seeds = [saved(noise(), form) for form in FORMATS] + [animation(form) for form in MANY]
    for _ in range(400):
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 8)):
            data[chance.randrange(min(len(data), 200))] = chance.randrange(256)
        with suppress(Refused):
            check(bytes(data), Limits(megapixels=1))


def test_lack_of_memory_is_told_apart(monkeypatch):
    def exhausted(self):
        raise MemoryError

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", exhausted)
    assert refusal(saved(noise(), "JPEG")).code == "out-of-memory"


def test_a_picture_is_decoded_in_its_room(monkeypatch):
    seen = []

    @contextmanager
    def room(alone):
        with monkeypatch.context() as patch:
            patch.setattr("PIL.ImageFile.ImageFile.load", lambda self: seen.append("decoded"))
            seen.append(alone)
            yield

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("decoded outside"))
    for size in ((40, 30), (5000, 4400)):
        check(saved(Image.new("1", size), "PNG"), Limits(), room)
    assert seen == [False, "decoded", True, "decoded"]


def test_want_of_room_is_no_refusal():
    def room(alone):
        raise NoRoom

    with pytest.raises(NoRoom):
        check(saved(noise(), "PNG"), Limits(), room)


def test_a_path_that_cannot_be_read_is_no_refusal(tmp_path):
    with pytest.raises(FileNotFoundError):
        check(tmp_path / "none.png", Limits())
    with pytest.raises(IsADirectoryError):
        check(os.fspath(tmp_path), Limits())
