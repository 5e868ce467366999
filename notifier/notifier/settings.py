"""The settings of this service, in addition to those of Kafka and of pictures."""

import re
from typing import Self

from email_validator import EmailNotValidError, validate_email
from pydantic import SecretStr, field_validator, model_validator
from service import PublicUrl
from service.mail import MailSettings


def one_address(address: str) -> str:
    """Normalise a single address; its domain in ASCII, as every mail server understands it. Raises EmailNotValidError.

    Events may come from anyone; accepting a list of addresses would make this service a spam relay.
    """
    valid = validate_email(address, check_deliverability=False, test_environment=True)
    return f"{valid.local_part}@{valid.ascii_domain}"


class NotifierSettings(MailSettings):
    notify_email: str | None = None
    notify_telegram_id: str | None = None
    attendant_email: str | None = None
    """The address to mail when a customer starts to wait for a human."""
    telegram_bot_token: SecretStr | None = None
    telegram_api_url: str = "https://api.telegram.org"
    public_url: PublicUrl = "http://localhost:8080"

    @field_validator("mail_from", "notify_email", "attendant_email")
    @classmethod
    def _is_an_address(cls, address: str | None) -> str | None:
        if address is None:
            return None
        try:
            return one_address(address)
        except EmailNotValidError as error:
            raise ValueError(str(error)) from None

    @field_validator("telegram_bot_token")
    @classmethod
    def _is_a_token(cls, token: SecretStr | None) -> SecretStr | None:
        if token and not re.fullmatch(r"\d+:[\w-]+", token.get_secret_value()):
            raise ValueError("is not of the form 123456:ABC…")
        return token

    @model_validator(mode="after")
    def _has_a_token_if_needed(self) -> Self:
        if self.notify_telegram_id and not self.telegram_bot_token:
            raise ValueError("TELEGRAM_BOT_TOKEN: is required with NOTIFY_TELEGRAM_ID")
        return self
