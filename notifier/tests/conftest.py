from collections.abc import Iterator

import pytest
from fake_servers import MailServer, TelegramServer
from suite_fixtures import free_port


@pytest.fixture
def mail_port() -> int:
    return free_port()


@pytest.fixture
def mail_server(mail_port: int) -> Iterator[MailServer]:
    server = MailServer(mail_port)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def telegram_server() -> Iterator[TelegramServer]:
    server = TelegramServer()
    yield server
    server.stop()
