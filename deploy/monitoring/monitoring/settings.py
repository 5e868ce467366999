"""The settings of this room."""

from typing import Self
from urllib.parse import unquote, urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from service import Settings

SMTP_PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}


class MonitoringSettings(Settings):
    nagios_user: str = Field("nagiosadmin", pattern=r"^[A-Za-z0-9._@-]{1,60}$")
    nagios_password: SecretStr | None = None
    """Without it one is made at the first start, and printed once."""
    nagios_contact_email: str | None = Field(None, pattern=r"^[^\s@;]+@[^\s@;]+$")
    """Who is told of every change of state."""
    nagios_port: int = Field(8081, gt=0, lt=65_536)
    nagios_check_seconds: int = Field(300, ge=5, le=86_400)
    """The time between two looks at a service; while it seems to fail, a fifth of it."""
    smtp_url: SecretStr | None = None
    smtp_ehlo_name: str | None = None
    mail_from: str = Field("suite@minharede.example", pattern=r"^[^\s@;]+@[^\s@;]+$")
    notify_email: str | None = None
    notify_telegram_id: str | None = None
    public_url: str = ""

    @field_validator("smtp_url")
    @classmethod
    def _is_a_server(cls, url: SecretStr | None) -> SecretStr | None:
        parts = urlsplit(url.get_secret_value()) if url else None
        if parts and (parts.scheme not in SMTP_PORTS or not parts.hostname):
            raise ValueError("is not of the form smtp://host:port, smtps://… or smtp+starttls://…")
        return url

    @field_validator("nagios_password")
    @classmethod
    def _fits_into_a_line(cls, password: SecretStr | None) -> SecretStr | None:
        if password and (not password.get_secret_value().isprintable() or len(password.get_secret_value()) > 72):
            raise ValueError("has to be one line of at most 72 characters")
        return password

    @model_validator(mode="after")
    def _ports_are_ports(self) -> Self:
        self.smtp_server  # noqa: B018 - raises where the port of SMTP_URL is none
        return self

    @property
    def catcher(self) -> str | None:
        """The page of the mail catcher, if mails go there."""
        return None if self.smtp_url else "http://mail:1080"

    @property
    def contact(self) -> str | None:
        """Who is told. Where mails go to the mail catcher there is always someone."""
        return self.nagios_contact_email or ("monitoramento@minharede.example" if self.catcher else None)

    @property
    def smtp_server(self) -> tuple[str, str, int]:
        """Scheme, host and port."""
        parts = urlsplit(self.smtp_url.get_secret_value() if self.smtp_url else "smtp://mail:1025")
        return parts.scheme, str(parts.hostname), parts.port or SMTP_PORTS[parts.scheme]

    @property
    def smtp_login(self) -> tuple[str, str] | None:
        parts = urlsplit(self.smtp_url.get_secret_value()) if self.smtp_url else None
        return (unquote(parts.username), unquote(parts.password or "")) if parts and parts.username else None
