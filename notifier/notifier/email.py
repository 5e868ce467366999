"""The e-mail channel."""

import re
import smtplib
import uuid
from email.header import Header
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import formatdate
from typing import Any

from bus import PermanentError, RetryableError
from email_validator import EmailNotValidError
from service.mail import connect

from .channels import Message, RecipientDeferred
from .settings import NotifierSettings, one_address

TIMEOUT_SECONDS = 5.0
TRANSIENT_CODES = range(400, 500)
SERVICE_UNAVAILABLE = 421
"""The only transient reply that always concerns the server, not the recipient."""
PARAMETER_NOT_IMPLEMENTED = 504
"""What mail servers answer to a name that is not fully qualified, such as that of a container."""
MAX_LINE_CHARACTERS = 78


class Policy(EmailPolicy):
    """Encodes a subject as a whole, spaces included.

    Python 3.11 encodes word by word, and then loses the space between two encoded words, or puts it outside of both,
    where readers must drop it (python/cpython#92081); some versions join words into what mail servers refuse (#144156).
    """

    def fold_binary(self, name: str, value: Any) -> bytes:
        if name.lower() != "subject":
            return super().fold_binary(name, value)
        line = f"{name}: {value}"
        if not line.isascii() or len(line) > MAX_LINE_CHARACTERS or "=?" in line:
            line = f"{name}: {Header(value, 'utf-8', header_name=name).encode(linesep=self.linesep)}"
        return (line + self.linesep).encode("ascii")


class Email:
    """Sends mails by SMTP."""

    def __init__(self, settings: NotifierSettings):
        self._settings = settings

    def send(self, address: str, message: Message, event_id: str) -> None:
        """Send one mail to one address. Transient replies (4xx) and unreachable servers are retryable, 5xx are not.

        A transient reply to the recipient or to the message, which has only one recipient, is RecipientDeferred. What
        the server has against this client, such as its name in EHLO, is retryable, whatever the code.
        """
        try:
            mail = self._compose(one_address(address), message, event_id)
        except EmailNotValidError:
            raise PermanentError("this is not an e-mail address") from None
        try:
            with connect(self._settings, TIMEOUT_SECONDS) as server:
                server.send_message(mail, to_addrs=[mail["To"]])
        except smtplib.SMTPRecipientsRefused as error:
            (refusal,) = error.recipients.values()
            raise _error_for(*refusal, "the mail server refuses the recipient", RecipientDeferred) from None
        except (smtplib.SMTPConnectError, smtplib.SMTPHeloError) as error:
            raise RetryableError(f"SMTP_URL, SMTP_EHLO_NAME: the mail server refuses us ({error.smtp_code})") from None
        except smtplib.SMTPAuthenticationError as error:
            raise RetryableError(f"SMTP_URL: the mail server refuses the login ({error.smtp_code})") from None
        except smtplib.SMTPDataError as error:
            code, answer = error.smtp_code, error.smtp_error
            raise _error_for(code, answer, "the mail server refuses the message", RecipientDeferred) from None
        except smtplib.SMTPResponseException as error:
            code, answer = error.smtp_code, error.smtp_error
            raise _error_for(code, answer, "the mail server refuses the message") from None
        except smtplib.SMTPNotSupportedError as error:
            raise PermanentError(f"the mail server does not support this mail: {error}") from None
        except (OSError, smtplib.SMTPException) as error:
            raise RetryableError(f"the mail server is not responding: {type(error).__name__}") from None

    def _compose(self, address: str, message: Message, event_id: str) -> EmailMessage:
        mail = EmailMessage(Policy())
        mail["Subject"] = Header(message.text, "utf-8").encode(maxlinelen=0)  # else what looks encoded is decoded
        mail["From"] = self._settings.mail_from
        mail["To"] = address
        mail["Date"] = formatdate(localtime=True)
        # The same for every delivery of the event, so that mail systems drop duplicates.
        domain = self._settings.mail_from.rpartition("@")[2]
        mail["Message-ID"] = f"<{uuid.uuid5(uuid.NAMESPACE_URL, f'{event_id}/{address}')}@{domain}>"
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office replies
        mail.set_content(f"{message.text}\n\n{self._settings.public_url}{message.page}\n")
        if message.thumbnail:
            mail.add_attachment(message.thumbnail, maintype="image", subtype="jpeg", filename="thumbnail.jpeg")
        return mail


def _error_for(
    code: int, answer: bytes | str, message: str, transient: type[RetryableError] = RetryableError
) -> PermanentError | RetryableError:
    if _is_about_our_name(code, answer):
        return RetryableError(f"SMTP_EHLO_NAME: the mail server refuses the name of this client ({code})")
    if code == SERVICE_UNAVAILABLE:
        transient = RetryableError
    return (transient if code in TRANSIENT_CODES else PermanentError)(f"{message} ({code})")


def _is_about_our_name(code: int, answer: bytes | str) -> bool:
    """Whether a reply concerns the name in EHLO, which many servers check no sooner than at the recipient."""
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    if re.search(r"\b(recipient|sender) address rejected\b", text, re.IGNORECASE):
        return False
    return code == PARAMETER_NOT_IMPLEMENTED or bool(re.search(r"\b(helo|ehlo)\b", text, re.IGNORECASE))
