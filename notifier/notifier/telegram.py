"""The Telegram channel, by the bot API: https://core.telegram.org/bots/api#sendphoto."""

import logging
import re
from typing import Any

import requests
from bus import PermanentError, RetryableError

from .channels import Message, RecipientDeferred
from .settings import NotifierSettings

TIMEOUT_SECONDS = 5.0
MAX_CAPTION_CHARACTERS = 1024
MAX_RETRY_AFTER_SECONDS = 600.0
PICTURE_REFUSED = (400, 413)
"""Answers that may be about the picture, such as PHOTO_INVALID_DIMENSIONS."""


class Telegram:
    """Sends messages by the bot API.

    The URL of a call contains the bot's token, so no error message may contain the URL, or the text of an exception.
    """

    def __init__(self, settings: NotifierSettings):
        self._settings = settings
        logging.getLogger("urllib3").setLevel(logging.ERROR)  # below that it logs the URLs of calls

    def send(self, address: str, message: Message, event_id: str) -> None:
        """Send one message, as plain text; without its picture, if Telegram does not take that.

        400 and 403 are permanent errors, as are 401 and 404, which mean that the bot does not exist. 429 is
        RecipientDeferred, with the seconds that Telegram asks for: most often, too much was written to one chat. All
        others are retryable, redirects included.
        """
        if not re.fullmatch(r"-?\d{1,20}|@\w{4,32}", address):
            raise PermanentError("this is not a Telegram id")
        if self._settings.telegram_bot_token is None:
            raise PermanentError("TELEGRAM_BOT_TOKEN is not set, so Telegram messages cannot be sent")
        response = self._send(address, message.text, message.thumbnail)
        if message.thumbnail and response.status_code in PICTURE_REFUSED:
            response = self._send(address, message.text, None)
        status = response.status_code
        if status in (401, 404):
            raise PermanentError(f"TELEGRAM_BOT_TOKEN: Telegram knows no such bot ({status})")
        if status in (400, 403):
            raise PermanentError(f"Telegram refuses the message ({status})")
        if status == requests.codes.too_many_requests:
            raise RecipientDeferred(f"Telegram does not accept the message now ({status})", _retry_after(response))
        if not (200 <= status < 300 and _parsed(response).get("ok") is True):
            raise RetryableError(f"Telegram does not accept the message now ({status})", _retry_after(response))

    def _send(self, chat_id: str, text: str, photo: bytes | None) -> requests.Response:
        """Send to a chat; if that has moved, as a group does that becomes a supergroup, to where it is now."""
        response = self._call(chat_id, text, photo)
        moved_to = _parameters(response).get("migrate_to_chat_id")
        return self._call(str(moved_to), text, photo) if isinstance(moved_to, int) else response

    def _call(self, chat_id: str, text: str, photo: bytes | None) -> requests.Response:
        assert self._settings.telegram_bot_token is not None  # held by send
        method, field = ("sendPhoto", "caption") if photo else ("sendMessage", "text")
        url = f"{self._settings.telegram_api_url}/bot{self._settings.telegram_bot_token.get_secret_value()}/{method}"
        data = {"chat_id": chat_id, field: text[:MAX_CAPTION_CHARACTERS]}
        files = {"photo": ("thumbnail.jpeg", photo, "image/jpeg")} if photo else None
        try:
            return requests.post(url, data=data, files=files, timeout=TIMEOUT_SECONDS, allow_redirects=False)
        except requests.RequestException as error:
            raise RetryableError(f"Telegram is not responding: {type(error).__name__}") from None


def _retry_after(response: requests.Response) -> float:
    """The delay that Telegram asks for, in seconds; 0 if it asks for none."""
    try:
        seconds = float(_parameters(response).get("retry_after", 0.0))
    except (ValueError, TypeError):
        return 0.0
    return max(0.0, min(seconds, MAX_RETRY_AFTER_SECONDS))


def _parameters(response: requests.Response) -> dict[str, Any]:
    parameters = _parsed(response).get("parameters")
    return parameters if isinstance(parameters, dict) else {}


def _parsed(response: requests.Response) -> dict[str, Any]:
    """The answer; empty if it is none of Telegram's."""
    try:
        parsed = response.json()
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
