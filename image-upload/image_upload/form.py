"""What the API takes. Every function validates a field, and raises Problem (400) for an invalid value."""

import re
import unicodedata
from typing import Annotated
from urllib.parse import unquote

from email_validator import EmailNotValidError, validate_email
from events import Language
from flask_babel import gettext as _
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from web import Problem
from web.languages import language
from werkzeug.datastructures import FileStorage

from .previews import SIDES_PX

MAX_NAME_CHARACTERS = 255
DEFAULT_LIMIT = 50
MAX_LIMIT = 200


def original_name(name: str | None) -> str:
    """The file name as the user wrote it, in Unicode form NFC; of a path, as old browsers send it, the last part."""
    *folders, name = re.split(r"[/\\]", unicodedata.normalize("NFC", name or ""))
    if ".." in folders:
        raise Problem(400, "name", _("The name of the file contains a path."))
    if not name.strip() or name.strip(". ") == "":
        raise Problem(400, "name", _("The file has no name."))
    if len(name) > MAX_NAME_CHARACTERS:
        raise Problem(
            400, "name", _("The name of the file is too long: at most %(n)s characters.", n=MAX_NAME_CHARACTERS)
        )
    unescaped = unquote(name)
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name + unescaped):
        raise Problem(400, "name", _("The name of the file contains line breaks or other control characters."))
    return name


def email(value: str | None) -> str | None:
    """One normalised e-mail address, or None if the field is empty."""
    if not (value := (value or "").strip()):
        return None
    try:
        return str(validate_email(value, check_deliverability=False).normalized)
    except EmailNotValidError:
        raise Problem(400, "email", _("This is not an e-mail address.")) from None


def telegram_id(value: str | None) -> str | None:
    """A normalised chat number or a public channel name, or None if the field is empty."""
    if not (value := (value or "").strip()):
        return None
    if not re.fullmatch(r"-?[0-9]{1,20}|@[A-Za-z][A-Za-z0-9_]{3,31}", value):
        raise Problem(400, "telegram-id", _("This is not a Telegram id: a number is expected."))
    return value if value.startswith("@") else str(int(value))


def lang(value: str | None) -> str:
    """The language of the notifications about this upload; without one that of the request."""
    if not value:
        return language()
    if value not in ("pt-BR", "en"):
        raise Problem(400, "lang", _("The language must be pt-BR or en."))
    return value


def limit(value: str) -> int:
    """How many pictures are asked for."""
    if not value.isdecimal() or len(value) > 9 or not 1 <= int(value) <= MAX_LIMIT:
        raise Problem(400, "limit", _("limit must be a number from 1 to %(n)s.", n=MAX_LIMIT))
    return int(value)


def width(value: str) -> int:
    """The side of a preview, in pixels."""
    if value not in map(str, SIDES_PX):
        raise Problem(400, "width", _("width must be %(small)s or %(large)s.", small=SIDES_PX[0], large=SIDES_PX[1]))
    return int(value)


def pictures(files: list[FileStorage]) -> list[FileStorage]:
    """The files, at least one."""
    if not files:
        raise Problem(400, "missing-field", _('The field "file" is missing: no picture was sent.'))
    return files


_TEXT = WithJsonSchema({"type": "string"})
_FILES = WithJsonSchema(
    {"type": "array", "minItems": 1, "items": {"type": "string", "contentMediaType": "application/octet-stream"}}
)
Files = Annotated[list[FileStorage], BeforeValidator(pictures), _FILES]
Lang = Annotated[Language, BeforeValidator(lang)]
Email = Annotated[str | None, BeforeValidator(email), _TEXT]
TelegramId = Annotated[str | None, BeforeValidator(telegram_id), _TEXT]
Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT), BeforeValidator(limit)]
Before = Annotated[str | None, _TEXT]
Width = Annotated[int | None, BeforeValidator(width), WithJsonSchema({"type": "integer", "enum": [*SIDES_PX]})]


class UploadForm(BaseModel):
    """Pictures, and who is told of their results."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    file: Files
    """One or more pictures."""
    lang: Lang = Field(default_factory=language)  # type: ignore[arg-type]
    """The language of notifications; else that of `Accept-Language`."""
    email: Email = None
    """Who is told of each result by e-mail."""
    telegram_id: TelegramId = None
    """Who is told by Telegram: the number of a chat, or the `@name` of a public channel."""


class ListQuery(BaseModel):
    limit: Limit = DEFAULT_LIMIT
    """How many, at most."""
    before: Before = None
    """The `id` of a picture: only those that are older."""


class FileQuery(BaseModel):
    width: Width = None
    """Not the file, but a small WebP of it, that wide and high at most; of an animation the first frame."""
