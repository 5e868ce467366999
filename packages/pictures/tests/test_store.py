import errno
import json
import os
import stat
import time

import pytest
from pictures import About, Refused, Store


@pytest.fixture
def store(tmp_path):
    store = Store(f"file://{tmp_path / 'data'}")
    store.create()
    return store


def stored(store, data=b"pixels", id="abc", extension="png", at=None, **about):
    with store.incoming() as file:
        file.write(data)
        file.flush()
        new_file = store.accept(file.name, id, extension, About("eu.png", 5.5, **about))
    if at is not None:
        os.utime(store.root / "uploads" / new_file, (at, at))
    return new_file


def files(store):
    return sorted(str(p.relative_to(store.root)) for p in store.root.rglob("*") if p.is_file())


@pytest.mark.parametrize("url", ["s3://bucket/x", "/data", "data", "file://data", "file://host/data", "", "http://x/"])
def test_only_folders_are_stores(url):
    with pytest.raises(ValueError, match="file:///folder"):
        Store(url)


def test_a_url_may_be_quoted(tmp_path):
    assert Store(f"file://localhost{tmp_path}/a%20b").root == tmp_path / "a b"


def test_an_upload_appears_whole_readable_and_with_what_is_known_of_it(store):
    umask = os.umask(0o077)
    try:
        store.create(["rotate"])
        new_file = stored(store, lang="pt-BR")
    finally:
        os.umask(umask)
    assert new_file == "abc.png"
    assert files(store) == ["uploads/abc.json", "uploads/abc.png"]
    assert store.read("abc.png") == b"pixels"
    about = json.loads((store.root / "uploads/abc.json").read_bytes())
    assert about == {"original_name": "eu.png", "timestamp": 5.5, "lang": "pt-BR"}
    for path in store.root.rglob("*"):
        if path.is_file() or path.name == "rotate":
            assert stat.S_IMODE(path.stat().st_mode) == (0o755 if path.is_dir() else 0o644), path


def test_an_upload_that_is_not_accepted_leaves_nothing(store):
    with store.incoming() as file:
        file.write(b"x")
    assert files(store) == []


def test_an_upload_can_be_taken_back(store):
    store.remove_upload(stored(store))
    assert files(store) == []


def test_ids_are_not_guessed():
    ids = {Store.new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(id) == 10 and id.isalnum() and id.isascii() for id in ids)


HOSTILE = [
    "../secret",
    "/etc/passwd",
    "a/../../secret",
    "..",
    ".",
    "",
    "a\0b",
    "x" * 300 + ".png",
    "\ud800.png",
    ".hidden",
    "out.png",
    "loop.png",
    "folder",
    "pipe.png",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_refused(store, name):
    (store.root.parent / "secret").write_bytes(b"secret")
    uploads = store.root / "uploads"
    (uploads / "out.png").symlink_to(store.root.parent / "secret")
    (uploads / "loop.png").symlink_to("loop.png")
    (uploads / "folder").mkdir()
    os.mkfifo(uploads / "pipe.png")
    with pytest.raises(Refused) as caught:
        store.read(name)
    assert caught.value.code == "outside-store"


def test_results_are_named_after_uploads_of_the_store_only(store):
    assert store.result_name("rotate", "abc.jpeg") == "processed/rotate/abc_rotate.jpeg"
    assert store.result_name("grayscale", "my.photo.JPG") == "processed/grayscale/my.photo_grayscale.JPG"
    for name in ("../x.png", "a/b.png", "", "x" * 250 + ".png"):
        with pytest.raises(Refused):
            store.result_name("rotate", name)
    with pytest.raises(Refused):
        store.path("../outside")


def test_a_missing_file_is_refused_and_a_failing_disk_is_not(store, monkeypatch):
    with pytest.raises(Refused) as caught:
        store.read("none.png")
    assert caught.value.code == "missing"
    new_file = stored(store)
    for number in (errno.EIO, errno.ESTALE, errno.EACCES):

        def fail(*_, number=number, **__):
            raise OSError(number, os.strerror(number))

        with monkeypatch.context() as patch:
            patch.setattr("pathlib.Path.open", fail)
            with pytest.raises(OSError, match=os.strerror(number)) as failed:
                store.read(new_file)
            assert failed.value.errno == number


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file_whole(store, monkeypatch, step):
    store.write("processed/rotate/a_rotate.png", b"old")

    def full(*_):
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patch:
        patch.setattr(os, step, full)
        for name in ("processed/rotate/a_rotate.png", "processed/rotate/b_rotate.png"):
            with pytest.raises(OSError, match="full"):
                store.write(name, b"new" * 1000)
    assert files(store) == ["processed/rotate/a_rotate.png"]
    assert (store.root / "processed/rotate/a_rotate.png").read_bytes() == b"old"


def test_a_file_is_durable_before_it_has_its_name(store, monkeypatch):
    done = []
    replace, fsync = os.replace, os.fsync

    def recorded_fsync(descriptor):
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def recorded_replace(old, new):
        done.append((os.path.dirname(old) == os.path.dirname(new), "rename"))
        replace(old, new)

    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(os, "replace", recorded_replace)
    store.write("processed/rotate/a.png", b"x")
    assert done == ["file", (True, "rename"), "folder"]


def test_the_left_overs_of_a_crash_are_swept_after_an_hour(store):
    old, new = store.root / ".incoming/.old.tmp", store.root / ".incoming/.new.tmp"
    torn = store.root / "uploads/.torn.tmp"
    kept = store.root / "uploads/kept.png"
    for path in (old, new, torn, kept):
        path.write_bytes(b"x")
        if path != new:
            os.utime(path, (time.time() - 4000,) * 2)
    store.create()
    assert files(store) == [".incoming/.new.tmp", "uploads/kept.png"]


def test_listing_is_newest_first_in_pages_and_skips_nothing(store):
    for number in range(25):
        stored(store, id=f"id{number:02}", at=1000 + number // 2)
    seen, before = [], None
    while page := store.uploads(4, before):
        seen += [upload.id for upload in page]
        before = page[-1].id
    assert seen == [f"id{number:02}" for number in reversed(range(25))]
    assert store.uploads(4, "unknown") == []


def test_the_folder_is_read_anew_only_where_it_has_changed(store, monkeypatch):
    reads, scandir = [], os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: reads.append(path) or scandir(path))
    uploads = store.root / "uploads"

    def listed():
        reads.clear()
        return [upload.id for upload in store.uploads(10)], len(reads)

    stored(store, id="a", at=1000)
    os.utime(uploads, (2000, 2000))
    assert [listed(), listed()] == [(["a"], 1), (["a"], 0)]
    Store(store.root.as_uri()).remove_upload("a.png")  # as another process does
    stored(store, id="b", at=1001)
    assert listed() == (["b"], 1)

    now = time.time() + 1
    os.utime(uploads, (now, now))  # another change may leave it with the same time
    assert [listed(), listed()] == [(["b"], 1), (["b"], 1)]


def test_pictures_that_others_put_there_are_listed(store):
    path = store.root / "uploads/Ferias 2020.JPG"
    path.write_bytes(b"x")
    os.utime(path, (77, 77))
    (store.root / "uploads/notes.txt").write_bytes(b"x")
    (store.root / "uploads/bad.png").write_bytes(b"x")
    (store.root / "uploads/bad.json").write_bytes(b"[1")
    listed = store.uploads(10)
    assert {upload.new_file for upload in listed} == {"Ferias 2020.JPG", "bad.png"}
    found = store.upload("Ferias 2020")
    assert (found.original_name, found.timestamp, found.lang) == ("Ferias 2020.JPG", 77, None)
    assert store.upload("none") is None
    assert store.upload("../x") is None


def test_results_have_the_format_of_the_upload_but_of_heic(store):
    for name, result in (("a.png", "png"), ("a.JPG", "JPG"), ("a.heic", "jpeg"), ("a.HEIF", "jpeg"), ("a.x", "x")):
        assert store.result_name("rotate", name) == f"processed/rotate/a_rotate.{result}"
    assert store.result_name("rotate", "a") == "processed/rotate/a_rotate"


def test_how_far_operations_are_is_read_from_the_files(store):
    new_file = stored(store, lang="en")
    store.write(store.result_name("rotate", new_file), b"x")
    store.write_reason("grayscale", new_file, "Broken.", "damaged")
    upload = store.upload("abc", ["rotate", "grayscale", "caption"])
    states = {name: (s.status, s.result, s.reason) for name, s in upload.operations.items()}
    assert states == {
        "rotate": ("done", "processed/rotate/abc_rotate.png", None),
        "grayscale": ("failed", None, "Broken."),
        "caption": ("pending", None, None),
    }
    store.write(store.result_name("grayscale", new_file), b"x")
    assert store.uploads(1, operations=["grayscale"])[0].operations["grayscale"].status == "done"


def test_a_store_that_cannot_take_files_says_so(store, monkeypatch):
    store.writable()
    assert files(store) == []
    (store.root / "uploads").rmdir()
    with pytest.raises(OSError, match="uploads"):
        store.writable()


def test_an_empty_folder_in_place_of_the_store_is_no_fault_of_a_picture(tmp_path):
    with pytest.raises(OSError, match="volume mounted"):
        Store(f"file://{tmp_path}").read("abc.png")


def test_a_preview_is_good_as_long_as_its_file_is_the_same(store):
    new_file = stored(store)
    name = f"uploads/{new_file}"
    assert store.preview_name(name, 480) == f"previews/480/{name}.webp"
    assert not store.has_preview(name, 480)
    store.write(store.preview_name(name, 480), b"x")
    assert store.has_preview(name, 480)
    assert not store.has_preview(name, 1600)
    made = store.path(store.preview_name(name, 480)).stat().st_mtime
    os.utime(store.path(name), (made + 1,) * 2)
    assert not store.has_preview(name, 480)
    store.remove_upload(new_file)
    assert not store.has_preview(name, 480)


def test_previews_of_what_is_gone_are_swept_after_an_hour(store):
    store.sweep_previews()  # none was made yet
    kept, result = f"uploads/{stored(store)}", "processed/rotate/abc_rotate.png"
    store.write(result, b"x")
    for name in (kept, result, "uploads/gone.png", "processed/rotate/gone_rotate.png", "uploads/young.png"):
        store.write(store.preview_name(name, 480), b"x")
    torn = store.root / "previews/480/uploads/.torn.tmp"
    torn.write_bytes(b"x")
    for path in (store.root / "previews").rglob("*.*"):
        if "young" not in path.name:
            os.utime(path, (time.time() - 4000,) * 2)
    store.sweep_previews()
    assert [name for name in files(store) if name.startswith("previews/")] == [
        f"previews/480/{result}.webp",
        f"previews/480/{kept}.webp",
        "previews/480/uploads/young.png.webp",
    ]
