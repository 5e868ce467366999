"""The mail catcher of `make run`: Sendria, a mail server that delivers nothing and shows mails on a page.

It also writes each mail into a file in RUN_DIR/mail/, for programs and tests.
"""

import os
import sys
import time
from email.message import Message
from pathlib import Path

import sendria.smtp
from sendria.cli import main

RUN_DIR = Path(os.environ["RUN_DIR"])
MAIL_FOLDER = RUN_DIR / "mail"


class MailWriter(sendria.smtp.AsyncMessage):
    """Writes each mail into a file, atomically, before Sendria shows it."""

    async def handle_message(self, email: Message) -> None:
        path = MAIL_FOLDER / f"{time.time_ns()}.eml"
        temporary = path.with_suffix(".tmp")
        temporary.write_bytes(email.as_bytes())
        temporary.rename(path)
        await super().handle_message(email)


if __name__ == "__main__":
    MAIL_FOLDER.mkdir(exist_ok=True)
    sendria.smtp.AsyncMessage = MailWriter
    sys.argv[1:] = [
        *("--foreground", "--no-quit", "--db", str(RUN_DIR / "mail.sqlite")),
        *("--smtp-port", os.environ["MAIL_SMTP_PORT"], "--http-port", os.environ["MAIL_PORT"]),
    ]
    main()
