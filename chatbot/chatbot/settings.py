"""The settings of this service, in addition to those of Kafka."""

import os
import secrets

from service import PublicUrl
from web.attendant_auth import AttendantSettings


class ChatSettings(AttendantSettings):
    public_url: PublicUrl = "http://localhost:8080"


def make_token() -> str:
    """Generate a token and put it into the environment, where forked processes find it too."""
    token = os.environ["ATTENDANT_TOKEN"] = secrets.token_urlsafe(24)
    return token
