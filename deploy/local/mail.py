"""The mail catcher of `make run`: Sendria, a mail server with a page that delivers nothing.

Each mail is also a file in RUN_DIR/mail/, for programs and tests to read.
"""

import os
import sys
import time
from email.message import Message
from pathlib import Path

import sendria.smtp
from sendria.cli import main

RUN_DIR = Path(os.environ["RUN_DIR"])
MAILS = RUN_DIR / "mail"


class Keeping(sendria.smtp.AsyncMessage):
    """Writes each mail down, whole or not at all, before Sendria shows it."""

    async def handle_message(self, email: Message) -> None:
        path = MAILS / f"{time.time_ns()}.eml"
        unfinished = path.with_suffix(".tmp")
        unfinished.write_bytes(email.as_bytes())
        unfinished.rename(path)
        await super().handle_message(email)


if __name__ == "__main__":
    MAILS.mkdir(exist_ok=True)
    sendria.smtp.AsyncMessage = Keeping
    sys.argv[1:] = [
        *("--foreground", "--no-quit", "--db", str(RUN_DIR / "mail.sqlite")),
        *("--smtp-port", os.environ["MAIL_SMTP_PORT"], "--http-port", os.environ["MAIL_PORT"]),
    ]
    main()
