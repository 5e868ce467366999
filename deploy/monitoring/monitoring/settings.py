"""The settings of this room."""

from pydantic import Field, SecretStr, field_validator
from service.mail import MailSettings


class MonitoringSettings(MailSettings):
    nagios_user: str = Field("nagiosadmin", pattern=r"^[A-Za-z0-9._@-]{1,60}$")
    nagios_password: SecretStr | None = None
    """Without it one is made at the first start, and printed once."""
    nagios_contact_email: str | None = Field(None, pattern=r"^[^\s@;]+@[^\s@;]+$")
    """Who is told of every change of state."""
    nagios_port: int = Field(8081, gt=0, lt=65_536)
    nagios_check_seconds: int = Field(300, ge=5, le=86_400)
    """The time between two looks at a service; while it seems to fail, a fifth of it."""
    smtp_url: SecretStr = SecretStr("smtp://mail:1025")
    notify_email: str | None = None
    notify_telegram_id: str | None = None
    public_url: str = ""

    @field_validator("nagios_password")
    @classmethod
    def _fits_into_a_line(cls, password: SecretStr | None) -> SecretStr | None:
        if password and (not password.get_secret_value().isprintable() or len(password.get_secret_value()) > 72):
            raise ValueError("has to be one line of at most 72 characters")
        return password

    @property
    def catcher(self) -> str | None:
        """The page of the mail catcher, if mails go there."""
        return None if "smtp_url" in self.model_fields_set else "http://mail:1080"

    @property
    def contact(self) -> str | None:
        """Who is told. Where mails go to the mail catcher there is always someone."""
        return self.nagios_contact_email or ("monitoramento@minharede.example" if self.catcher else None)
