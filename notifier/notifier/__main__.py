"""Tells people what became of their pictures: consumes `notification`, sends e-mail and Telegram messages."""

from bus import Final, Memory, OperationFinished, Passing, Worker, load
from pictures import PictureSettings

from .channels import Channel, Contact, addresses
from .email import Email
from .sentences import sentence
from .settings import NotifierSettings
from .telegram import Telegram
from .thumbnails import Thumbnails

settings = load(NotifierSettings)
thumbnails = Thumbnails(load(PictureSettings).store)
channels: dict[str, Channel] = {"email": Email(settings), "telegram": Telegram(settings)}
fixed = Contact(settings.notify_email, settings.notify_telegram_id)
worker = Worker("notifier")


@worker.on("notification", side_by_side=4)
def notify(finished: OperationFinished, told: Memory) -> None:
    """Tell each address once. One that never can be told is no reason not to tell the other."""
    failures: list[Final | Passing] = []
    for name, address in addresses(finished, fixed):
        if name in told:
            continue
        try:
            channels[name].send(address, sentence(finished), thumbnails.of(finished.result), told.event_id)
        except (Final, Passing) as error:
            failures.append(error)
            if isinstance(error, Passing):
                continue
        told.add(name)
    for failure in sorted(failures, key=lambda error: isinstance(error, Final)):
        raise failure


if __name__ == "__main__":
    worker.run()
