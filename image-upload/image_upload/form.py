"""The fields of an upload, checked: what is wrong is told in a sentence."""

import re
import unicodedata
from urllib.parse import unquote

from email_validator import EmailNotValidError, validate_email
from flask_babel import gettext as _
from web import Problem

LONGEST_NAME = 255


def original_name(name: str | None) -> str:
    """The name of the file as its owner calls it. Raises Problem for one that is no plain name."""
    name = unicodedata.normalize("NFC", name or "")
    if not name.strip() or name.strip(". ") == "":
        raise Problem(400, "name", _("The file has no name."))
    if len(name) > LONGEST_NAME:
        raise Problem(400, "name", _("The name of the file is too long: at most %(n)s characters.", n=LONGEST_NAME))
    spelled = unquote(name)
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name + spelled):
        raise Problem(400, "name", _("The name of the file contains line breaks or other control characters."))
    if re.search(r"[/\\]", name):
        raise Problem(400, "name", _("The name of the file contains a path."))
    return name


def email(value: str | None) -> str | None:
    """One address, normalised; None where the field is empty."""
    if not (value := (value or "").strip()):
        return None
    try:
        return str(validate_email(value, check_deliverability=False).normalized)
    except EmailNotValidError:
        raise Problem(400, "email", _("This is not an e-mail address.")) from None


def telegram_id(value: str | None) -> str | None:
    """The number of a chat, normalised, or the public name of a channel; None where the field is empty."""
    if not (value := (value or "").strip()):
        return None
    if not re.fullmatch(r"-?[0-9]{1,20}|@[A-Za-z][A-Za-z0-9_]{3,31}", value):
        raise Problem(400, "telegram-id", _("This is not a Telegram id: a number is expected."))
    return value if value.startswith("@") else str(int(value))


def lang(value: str | None, otherwise: str) -> str:
    """The language of the messages about this upload."""
    if not value:
        return otherwise
    if value not in ("pt-BR", "en"):
        raise Problem(400, "lang", _("The language must be pt-BR or en."))
    return value
