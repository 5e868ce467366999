"""Mails on changes of state. Nagios hands each over once, so they wait in a folder until a mail server takes them.

python -m monitoring.mail TYPE HOST SERVICE STATE OUTPUT        what Nagios calls: puts a mail into the folder
"""

import os
import smtplib
import sys
import time
from dataclasses import dataclass
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid
from pathlib import Path

from service.mail import connect

from .paths import OUTBOX
from .settings import MonitoringSettings

TIMEOUT_SECONDS = 10.0
MAX_WAITING = 500
"""Mails in the folder, at most: of more the oldest are dropped."""
HAPPENED = {
    "PROBLEM": "passou a {state}",
    "RECOVERY": "voltou a {state}",
    "ACKNOWLEDGEMENT": "está em {state}, e alguém já cuida disso",
}


@dataclass(frozen=True)
class Change:
    """What Nagios tells of a change of state; `kind` is its type of notification."""

    kind: str
    host: str
    service: str
    state: str
    output: str


def compose(change: Change, settings: MonitoringSettings) -> EmailMessage:
    """The mail about a change of state."""
    happened = HAPPENED.get(change.kind, "está em {state} ({kind})").format_map(vars(change))
    mail = EmailMessage(SMTP)
    mail["Subject"] = Header(f"{change.state}: {change.host} – {change.service}", "utf-8").encode(maxlinelen=0)
    mail["From"] = settings.mail_from
    mail["To"] = settings.contact
    mail["Date"] = formatdate(localtime=True)
    mail["Message-ID"] = make_msgid(domain=settings.mail_from.rpartition("@")[2])
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office replies
    mail.set_content(
        f"O serviço {change.service} de {change.host} {happened} em {time.strftime('%d/%m/%Y, às %H:%M:%S')}.\n\n"
        f"{change.output}\n\nhttp://localhost:{settings.nagios_port}/\n"
    )
    return mail


def put(mail: EmailMessage, folder: Path = OUTBOX) -> None:
    """Add a mail to those that wait; whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{time.time_ns():020}-{os.getpid()}"
    temporary = folder / f"{name}.tmp"
    temporary.write_bytes(mail.as_bytes())
    temporary.rename(folder / f"{name}.eml")
    for old in _waiting(folder)[:-MAX_WAITING]:
        old.unlink(missing_ok=True)


def send_waiting(settings: MonitoringSettings, folder: Path = OUTBOX) -> str | None:
    """Send the mails that wait, oldest first; what the server refuses for good is dropped.

    Returns a sentence when something went wrong; the rest waits for the next call.
    """
    problem = None
    for path in _waiting(folder):
        try:
            with connect(settings, TIMEOUT_SECONDS) as server:
                server.sendmail(settings.mail_from, [str(settings.contact)], path.read_bytes())
        except smtplib.SMTPRecipientsRefused as error:
            (code, _answer), *_ = error.recipients.values()
            problem = f"NAGIOS_CONTACT_EMAIL: the mail server refuses the recipient ({code})"
            if code < 500:
                return problem
        except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
            problem = f"the mail server refuses the mail ({error.smtp_code})"
            if error.smtp_code < 500:
                return problem
        except (OSError, smtplib.SMTPException) as error:
            return f"SMTP_URL: the mail server does not take mails: {type(error).__name__}"
        path.unlink(missing_ok=True)
    return problem


def _waiting(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.eml"))


def main() -> None:
    put(compose(Change(*sys.argv[1:]), MonitoringSettings.load()))


if __name__ == "__main__":
    main()
