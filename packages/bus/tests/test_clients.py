"""How long a client is waited for, and when that is of no use: the broker's last word is heard."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from bus.clients import retry_until_connected
from bus.settings import KafkaSettings
from kafka.errors import KafkaTimeoutError, SaslAuthenticationFailedError
from kafka.net.connection import KafkaConnection
from service import EXIT_CONFIG


def refused() -> None:
    """What creating a client does where the broker refuses the login."""
    KafkaConnection(None).connection_lost(SaslAuthenticationFailedError())
    raise KafkaTimeoutError("Unable to bootstrap")


def told_at(call: int) -> Callable[[], bool]:
    """Says from that call on that the process shall stop."""
    answers = iter([False] * (call - 1))
    return lambda: next(answers, True)


def test_a_refused_login_ends_the_process_with_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        retry_until_connected(refused, KafkaSettings())
    assert ended.value.code == EXIT_CONFIG
    (line,) = capfd.readouterr().err.splitlines()
    assert "KAFKA_SASL_PASSWORD" in line


def test_threads_whose_login_is_refused_at_once_print_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    together = threading.Barrier(8)

    def refused_together() -> None:
        together.wait()
        refused()

    def connect(_: int) -> int:
        with pytest.raises(SystemExit) as ended:
            retry_until_connected(refused_together, KafkaSettings(kafka_bootstrap_servers="shared:9092"))
        return int(ended.value.code or 0)

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(connect, range(8))) == {EXIT_CONFIG}
    (line,) = capfd.readouterr().err.splitlines()
    assert "shared:9092" in line


def test_who_is_told_to_stop_meanwhile_stops_and_no_more(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InterruptedError):
        retry_until_connected(refused, KafkaSettings(), told_at(2))
    assert capfd.readouterr().err == ""
