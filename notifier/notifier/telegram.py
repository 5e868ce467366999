"""Telegram, by its HTTP API: https://core.telegram.org/bots/api#sendphoto."""

import re

import requests
from bus import Final, Passing

from .channels import Message
from .settings import NotifierSettings

SECONDS = 5.0
LONGEST_CAPTION = 1024
LONGEST_WAIT = 600.0


class Telegram:
    """The address of a call holds the bot's token: neither it nor what requests says of it goes into any message."""

    def __init__(self, settings: NotifierSettings):
        self._settings = settings

    def send(self, address: str, message: Message, event_id: str) -> None:
        """Send one message, as plain text. 429 says how long to wait.

        400 and 403 are final; 401 and 404 too, which say that there is no such bot (any more).
        """
        if not re.fullmatch(r"-?\d{1,20}|@\w{4,32}", address):
            raise Final("this is not a Telegram id")
        if self._settings.telegram_bot_token is None:
            raise Final("TELEGRAM_BOT_TOKEN is not set, so nobody can be told by Telegram")
        method, fields = ("sendPhoto", "caption") if message.thumbnail else ("sendMessage", "text")
        url = f"{self._settings.telegram_api_url}/bot{self._settings.telegram_bot_token.get_secret_value()}/{method}"
        data = {"chat_id": address, fields: message.text[:LONGEST_CAPTION]}
        files = {"photo": ("thumbnail.jpeg", message.thumbnail, "image/jpeg")} if message.thumbnail else None
        try:
            answer = requests.post(url, data=data, files=files, timeout=SECONDS, allow_redirects=False)
        except requests.RequestException as error:
            raise Passing(f"Telegram does not answer: {type(error).__name__}") from None
        if answer.ok:
            return
        if answer.status_code in (401, 404):
            raise Final(f"TELEGRAM_BOT_TOKEN: Telegram knows no such bot ({answer.status_code})")
        if answer.status_code in (400, 403):
            raise Final(f"Telegram refuses the message ({answer.status_code})")
        raise Passing(f"Telegram does not take the message now ({answer.status_code})", _wait(answer))


def _wait(answer: requests.Response) -> float:
    """Seconds that Telegram asks to wait, 0 where it says nothing."""
    try:
        seconds = float(answer.json()["parameters"]["retry_after"])
    except (ValueError, KeyError, TypeError):
        return 0.0
    return max(0.0, min(seconds, LONGEST_WAIT))
