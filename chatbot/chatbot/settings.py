"""The settings of this service, beside those of Kafka."""

import os
import secrets

from bus import PublicUrl, Settings
from pydantic import SecretStr, field_validator


class ChatSettings(Settings):
    attendant_token: SecretStr | None = None
    public_url: PublicUrl = "http://localhost:8080"

    @field_validator("attendant_token")
    @classmethod
    def _typeable(cls, value: SecretStr | None) -> SecretStr | None:
        """Spaces around it would not survive a form or a header, and a blank one would let everybody in."""
        if value and value.get_secret_value() != value.get_secret_value().strip():
            raise ValueError("must not begin or end with a space")
        return value


def make_token() -> str:
    """A token for this start, where none was given; the processes that are forked from this one find it too."""
    token = os.environ["ATTENDANT_TOKEN"] = secrets.token_urlsafe(24)
    return token
