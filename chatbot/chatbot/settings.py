"""The settings of this service, in addition to those of Kafka."""

import os
import secrets

from pydantic import SecretStr, field_validator
from service import PublicUrl, Settings


class ChatSettings(Settings):
    attendant_token: SecretStr | None = None
    public_url: PublicUrl = "http://localhost:8080"

    @field_validator("attendant_token")
    @classmethod
    def _has_no_outer_spaces(cls, value: SecretStr | None) -> SecretStr | None:
        """Forms and headers strip outer spaces; a blank token would let everybody in."""
        if value and value.get_secret_value() != value.get_secret_value().strip():
            raise ValueError("must not begin or end with a space")
        return value


def make_token() -> str:
    """Generate a token and put it into the environment, where forked processes find it too."""
    token = os.environ["ATTENDANT_TOKEN"] = secrets.token_urlsafe(24)
    return token
