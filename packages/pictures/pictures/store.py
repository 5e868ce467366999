"""The store: uploads, their results and what is known of both, as files below one root.

    uploads/ID.EXT                  what was sent
    uploads/ID.json                 original name, time, language: nothing else of a person
    processed/OPERATION/ID_OPERATION.EXT    a result
    processed/OPERATION/ID_OPERATION.json   why there is none
    previews/SIDE/NAME.webp         a small picture of the file NAME above; made anew where it is missing

A file appears whole or not at all, also when the power fails: it is written beside its place, made
durable, then renamed. The files are the record; nothing has to be kept besides them.
"""

import errno
import hashlib
import json
import os
import secrets
import string
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any, Literal
from urllib.parse import unquote, urlsplit

from .formats import FORMATS, result_extension
from .refusals import Refused

UPLOADS = "uploads"
PROCESSED = "processed"
PREVIEWS = "previews"
INCOMING = ".incoming"

_ALPHABET = string.ascii_letters + string.digits
_ID_LENGTH = 10
_LONGEST_NAME = 200  # bytes; file systems take 255, and results add to it
_TEMPORARY = ".tmp"
_STALE = 3600  # seconds after which a temporary file is nobody's any more
_TICK = 100_000_000  # nanoseconds within which a folder may change twice and bear one time
_EXTENSIONS = tuple(extension for form in FORMATS.values() for extension in form.extensions)


@dataclass(frozen=True)
class About:
    """What is known of an upload: `timestamp` in seconds since 1970, `lang` `pt-BR`, `en` or None."""

    original_name: str
    timestamp: float
    lang: str | None = None


@dataclass(frozen=True)
class OperationState:
    """How far an operation is: `result` is relative to the root, `reason` a sentence."""

    status: Literal["pending", "done", "failed"]
    result: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Upload:
    """A picture of the store and how far its operations are."""

    id: str
    new_file: str
    original_name: str
    timestamp: float
    lang: str | None
    operations: Mapping[str, OperationState] = field(default_factory=dict)


class Store:
    """A store at a URL, `file:///folder`. Names are relative to its root and use `/`.

    Methods raise OSError where the file system fails, and Refused for a name that is not acceptable.
    """

    def __init__(self, url: str) -> None:
        """Raises ValueError when `url` is not of a folder. Touches no file: `create` makes the folders."""
        parts = urlsplit(url)
        if parts.scheme != "file" or parts.netloc not in ("", "localhost") or not parts.path.startswith("/"):
            raise ValueError(f"a store is a folder, written file:///folder, not {url!r}")
        self.root = Path(unquote(parts.path)).resolve()
        self._listing: tuple[int, list[tuple[int, str, str]]] = (-1, [])  # when their folder changed last, the uploads

    # Folders

    def create(self, operations: Iterable[str] = ()) -> None:
        """Make the folders that are missing, and remove what writers that died left behind an hour ago."""
        names = [INCOMING, UPLOADS, PROCESSED, *(f"{PROCESSED}/{operation}" for operation in operations)]
        for name in names:
            _make_folder(self.root / name, self.root)
        before = time.time() - _STALE
        for folder in (self.root / INCOMING, self.root / UPLOADS, *(self.root / PROCESSED).iterdir()):
            for path in folder.glob(f".*{_TEMPORARY}"):
                with suppress(FileNotFoundError):  # another service sweeps too
                    if path.stat().st_mtime < before:
                        path.unlink()

    def writable(self) -> None:
        """Raises OSError when the store cannot take files."""
        for name in (INCOMING, UPLOADS):
            with NamedTemporaryFile(dir=self.root / name, prefix=".", suffix=_TEMPORARY) as file:
                file.write(b"\0")

    # Uploads

    @staticmethod
    def new_id() -> str:
        """Return an id that nobody can guess: 10 letters and digits, 59 bits of chance."""
        return "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH))

    @staticmethod
    def id_of(key: str) -> str:
        """Return the id that looks like those of `new_id`, but is the same for the same key each time."""
        digest = int.from_bytes(hashlib.sha256(key.encode()).digest(), "big")
        return "".join(_ALPHABET[digest // len(_ALPHABET) ** place % len(_ALPHABET)] for place in range(_ID_LENGTH))

    @contextmanager
    def incoming(self) -> Iterator[IO[bytes]]:
        """Yield a file to write an upload into, for `accept`; gone after the block if that took it not."""
        file = NamedTemporaryFile(dir=self.root / INCOMING, prefix=".", suffix=_TEMPORARY, delete=False)  # noqa: SIM115
        try:
            with file:
                yield file
        finally:
            Path(file.name).unlink(missing_ok=True)

    def accept(self, path: Path | str, id: str, extension: str, about: About) -> str:
        """Move the file at `path`, on the store's file system, into the uploads; return its `new_file`."""
        new_file = f"{id}.{extension}"
        target = self._upload_path(new_file)
        self.write(f"{UPLOADS}/{id}.json", _as_json(vars(about)))
        try:
            with open(path, "rb") as file:
                _make_durable(file)
            os.replace(path, target)
            _fsync_folder(target.parent)
        except BaseException:
            for left in (target, target.with_suffix(".json")):
                left.unlink(missing_ok=True)
            raise
        return new_file

    def remove_upload(self, new_file: str) -> None:
        """Take back an upload that could not be announced."""
        path = self._upload_path(new_file)
        path.unlink(missing_ok=True)
        path.with_suffix(".json").unlink(missing_ok=True)
        _fsync_folder(path.parent)

    def read(self, new_file: str, at_most: int = -1) -> bytes:
        """Return the bytes of an upload, the first `at_most` of them if that is not negative.

        `new_file` may come from anyone. Raises Refused when it is not the name of a file among the uploads
        ("outside-store", "missing").
        """
        path = self._upload_path(new_file)
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise Refused("outside-store")
        try:
            with path.open("rb") as file:
                return file.read(at_most)
        except FileNotFoundError as error:
            if not path.parent.is_dir():  # an empty folder in place of the store: no picture is to blame for it
                why = "the store has no uploads; is its volume mounted?"
                raise OSError(errno.ENOENT, why, str(path.parent)) from None
            raise Refused("missing") from error

    def uploads(self, limit: int, before: str | None = None, operations: Iterable[str] = ()) -> list[Upload]:
        """Return at most `limit` uploads, newest first; with `before`, those older than the upload of that id."""
        operations = tuple(operations)
        found = self._listed()
        if before is not None:
            places = [place for place, (_, stem, _) in enumerate(found) if stem == before]
            found = found[places[-1] + 1 :] if places else []
        return [self._upload(name, mtime_ns, operations) for mtime_ns, _, name in found[:limit]]

    def upload(self, id: str, operations: Iterable[str] = ()) -> Upload | None:
        """Return the upload of that id, or None."""
        for extension in (*_EXTENSIONS, *map(str.upper, _EXTENSIONS)):
            new_file = f"{id}.{extension}"
            with suppress(Refused, FileNotFoundError):
                stat = self._upload_path(new_file).stat()
                return self._upload(new_file, stat.st_mtime_ns, tuple(operations))
        return None

    # Results

    @staticmethod
    def result_name(operation: str, new_file: str) -> str:
        """Return the name of the result of an operation. Raises Refused when `new_file` is not acceptable."""
        stem, suffix = _split(new_file)
        extension = suffix and f".{result_extension(suffix[1:])}"
        return f"{PROCESSED}/{operation}/{stem}_{operation}{extension}"

    def is_newer(self, result: str, new_file: str) -> bool:
        """Tell whether there is a result, and it is of the upload as it lies there now."""
        with suppress(FileNotFoundError):
            made = self.path(result).stat().st_mtime_ns
            with suppress(FileNotFoundError):
                return made >= self._upload_path(new_file).stat().st_mtime_ns
            return True
        return False

    def write_reason(self, operation: str, new_file: str, reason: str, code: str) -> None:
        """Write down why an operation has no result."""
        self.write(_reason_name(operation, new_file), _as_json({"reason": reason, "code": code}))

    # Previews

    @staticmethod
    def preview_name(name: str, side: int) -> str:
        """Return the name of the preview, of at most `side` pixels a side, of the file `name`."""
        return f"{PREVIEWS}/{side}/{name}.webp"

    def has_preview(self, name: str, side: int) -> bool:
        """Tell whether there is that preview, and it is of the file as it lies there now."""
        try:
            made = self.path(self.preview_name(name, side)).stat().st_mtime_ns
            return made >= self.path(name).stat().st_mtime_ns
        except FileNotFoundError:
            return False

    def sweep_previews(self) -> None:
        """Remove the previews of files that are gone, and what writers that died left behind an hour ago."""
        folder = self.root / PREVIEWS
        before = time.time() - _STALE
        for path in folder.glob("*/**/*.*"):
            name = "/".join(path.relative_to(folder).parts[1:]).removesuffix(".webp")
            with suppress(FileNotFoundError, Refused):  # another replica sweeps too; a loop of links
                if path.is_file() and path.stat().st_mtime < before and not self.exists(name):
                    path.unlink()

    # Files

    def path(self, name: str) -> Path:
        """Return where the file of that name is. Raises Refused when that is not below the root."""
        try:
            path = (self.root / name).resolve()
        except (ValueError, RuntimeError) as error:  # NUL, half a surrogate; a loop of links
            raise Refused("outside-store") from error
        if not path.is_relative_to(self.root):
            raise Refused("outside-store")
        return path

    def exists(self, name: str) -> bool:
        """Tell whether there is a file of that name."""
        return self.path(name).is_file()

    def write(self, name: str, data: bytes) -> None:
        """Write a file whole or not at all, in place of one that is there; a missing folder is made."""
        target = self.path(name)
        _make_folder(target.parent, self.root)
        temporary = target.parent / f".{secrets.token_hex(8)}{_TEMPORARY}"
        try:
            with temporary.open("xb") as file:
                file.write(data)
                _make_durable(file)
            os.replace(temporary, target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _fsync_folder(target.parent)

    def _listed(self) -> list[tuple[int, str, str]]:
        """Time, stem and name of every upload, newest first; read anew where a file has come or gone since."""
        folder, now = self.root / UPLOADS, time.time_ns()
        changed = folder.stat().st_mtime_ns
        if changed == self._listing[0]:
            return self._listing[1]
        found: list[tuple[int, str, str]] = []
        with os.scandir(folder) as entries:
            for entry in entries:
                stem, _, extension = entry.name.rpartition(".")
                if stem and extension.lower() in _EXTENSIONS and _is_name(entry.name):
                    with suppress(FileNotFoundError):  # taken back meanwhile
                        found.append((entry.stat(follow_symlinks=False).st_mtime_ns, stem, entry.name))
        found.sort(reverse=True)
        if now - changed > _TICK:
            self._listing = (changed, found)
        return found

    def _upload_path(self, new_file: str) -> Path:
        if not _is_name(new_file):
            raise Refused("outside-store")
        return self.path(f"{UPLOADS}/{new_file}")

    def _upload(self, new_file: str, mtime_ns: int, operations: tuple[str, ...]) -> Upload:
        stem, _ = _split(new_file)
        about = _from_json(self.root / UPLOADS / f"{stem}.json")
        timestamp, lang = about.get("timestamp"), about.get("lang")
        return Upload(
            id=stem,
            new_file=new_file,
            original_name=str(about.get("original_name") or new_file),
            timestamp=timestamp if isinstance(timestamp, int | float) else mtime_ns / 1e9,
            lang=lang if isinstance(lang, str) else None,
            operations={operation: self._state(operation, new_file) for operation in operations},
        )

    def _state(self, operation: str, new_file: str) -> OperationState:
        result = self.result_name(operation, new_file)
        if self.exists(result):
            return OperationState("done", result=result)
        reason = _from_json(self.root / _reason_name(operation, new_file)).get("reason")
        return OperationState("failed", reason=str(reason)) if reason else OperationState("pending")


def _is_name(name: str) -> bool:
    """Whether this is the name of one visible file, in one folder."""
    try:
        size = len(os.fsencode(name))
    except UnicodeEncodeError:
        return False
    return 0 < size <= _LONGEST_NAME and not name.startswith(".") and not {"/", "\0"} & set(name)


def _split(new_file: str) -> tuple[str, str]:
    """Stem and suffix of an upload. Raises Refused when it is not acceptable as a name."""
    if not _is_name(new_file):
        raise Refused("outside-store")
    path = Path(new_file)
    return path.stem, path.suffix


def _reason_name(operation: str, new_file: str) -> str:
    stem, _ = _split(new_file)
    return f"{PROCESSED}/{operation}/{stem}_{operation}.json"


def _as_json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def _from_json(path: Path) -> dict[str, Any]:
    """The object in a file; empty where there is none, or where someone else's file is no such thing."""
    try:
        value = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _make_folder(folder: Path, root: Path) -> None:
    """Make a folder below the root, and those between, for all services whatever the umask here."""
    if folder.is_dir():
        return
    if folder != root:
        _make_folder(folder.parent, root)
    with suppress(FileExistsError):
        folder.mkdir(parents=folder == root)
        folder.chmod(0o755)


def _make_durable(file: IO[bytes]) -> None:
    """All that was written is on the disk after this, for all services to read whatever the umask here."""
    file.flush()
    os.fchmod(file.fileno(), 0o644)
    os.fsync(file.fileno())


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
