"""Validates the form fields of an upload. Every function raises Problem (400) for an invalid value."""

import re
import unicodedata
from urllib.parse import unquote

from email_validator import EmailNotValidError, validate_email
from flask_babel import gettext as _
from web import Problem

MAX_NAME_CHARACTERS = 255


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


def lang(value: str | None, default: str) -> str:
    """The language of the notifications about this upload."""
    if not value:
        return default
    if value not in ("pt-BR", "en"):
        raise Problem(400, "lang", _("The language must be pt-BR or en."))
    return value
