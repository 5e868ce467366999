"""E-mail, by the standard library."""

import smtplib
import ssl
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.utils import formatdate

from bus import Final, Passing
from email_validator import EmailNotValidError, validate_email

from .channels import Message, PutOff
from .settings import NotifierSettings

SECONDS = 5.0
TEMPORARY = range(400, 500)
CLOSING = 421
"""The one temporary answer that is of the server whatever it answers to."""


class Email:
    def __init__(self, settings: NotifierSettings):
        self._settings = settings

    def send(self, address: str, message: Message, event_id: str) -> None:
        """Send one mail to one address. A temporary answer (4xx) and a server away may pass, 5xx is final.

        A temporary answer to the recipient, or to the mail that has no other, is PutOff.
        """
        mail = self._composed(_one_address(address), message, event_id)
        try:
            with self._server() as server:
                server.send_message(mail, to_addrs=[mail["To"]])
        except smtplib.SMTPRecipientsRefused as error:
            ((code, _answer),) = error.recipients.values()
            raise _sorted(code, "the mail server refuses the recipient", PutOff) from None
        except smtplib.SMTPAuthenticationError as error:
            raise Passing(f"SMTP_URL: the mail server refuses the login ({error.smtp_code})") from None
        except smtplib.SMTPDataError as error:
            raise _sorted(error.smtp_code, "the mail server refuses the message", PutOff) from None
        except smtplib.SMTPResponseException as error:
            raise _sorted(error.smtp_code, "the mail server refuses the message") from None
        except smtplib.SMTPNotSupportedError as error:
            raise Final(f"the mail server cannot take it: {error}") from None
        except (OSError, smtplib.SMTPException) as error:
            raise Passing(f"the mail server does not answer: {type(error).__name__}") from None

    def _composed(self, address: str, message: Message, event_id: str) -> EmailMessage:
        mail = EmailMessage()
        mail["Subject"] = message.text
        mail["From"] = self._settings.mail_from
        mail["To"] = address
        mail["Date"] = formatdate(localtime=True)
        # The same for every delivery of the event: mail systems drop a second one.
        domain = self._settings.mail_from.rpartition("@")[2]
        mail["Message-ID"] = f"<{uuid.uuid5(uuid.NAMESPACE_URL, f'{event_id}/{address}')}@{domain}>"
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office replies
        mail.set_content(f"{message.text}\n\n{self._settings.public_url}{message.page}\n")
        if message.thumbnail:
            mail.add_attachment(message.thumbnail, maintype="image", subtype="jpeg", filename="thumbnail.jpeg")
        return mail

    @contextmanager
    def _server(self) -> Iterator[smtplib.SMTP]:
        scheme, host, port = self._settings.smtp_server
        if scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, port, timeout=SECONDS, context=ssl.create_default_context())
        else:
            server = smtplib.SMTP(host, port, timeout=SECONDS)
        with server:
            if scheme == "smtp+starttls":
                server.starttls(context=ssl.create_default_context())
            if self._settings.smtp_login:
                server.login(*self._settings.smtp_login)
            yield server


def _one_address(address: str) -> str:
    """One plain address, or Final: events may come from anyone, and a list of addresses is a relay for spam."""
    try:
        return str(validate_email(address, check_deliverability=False, test_environment=True).normalized)
    except EmailNotValidError:
        raise Final("this is not an e-mail address") from None


def _sorted(code: int, message: str, temporary: type[Passing] = Passing) -> Final | Passing:
    if code == CLOSING:
        temporary = Passing
    return (temporary if code in TEMPORARY else Final)(f"{message} ({code})")
