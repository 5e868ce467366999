"""The shop and its recommendations over gRPC: who answers, deadlines, retries, statuses, health, the page alone."""

import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import marketplace
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from marketplace import BOOKS, WORDS, Recommendations, create_app
from recommendations import SERVICE, RecommendationService, Server
from recommendations_pb2 import BookCategory, RecommendationRequest
from recommendations_pb2_grpc import RecommendationsStub
from statuses import NotFound
from suite_fixtures import eventually, free_port

Start = Callable[..., Server]


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a slow machine an answer may take longer than a reader of the shop would wait."""
    monkeypatch.setattr(marketplace, "DEADLINE_SECONDS", 60)


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a server with a service, at any free port or a given one, and stops it in the end."""
    servers = []

    def start(service: Any, port: int = 0) -> Server:
        servers.append(Server(f"127.0.0.1:{port}", service))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def page_of(*ports: int, path: str = "/", language: str = "en") -> str:
    return shop(*ports)(path, language)


def shop(*ports: int) -> Callable[[str, str], str]:
    """A shop that has found these servers under one name, as a function from a path and a language to a page."""
    client = create_app(Recommendations(addresses(*ports))).test_client()

    def page(path: str = "/", language: str = "en") -> str:
        response = client.get(path, headers={"Accept-Language": language})
        assert response.status_code == 200
        return response.text

    return page


def addresses(*ports: int) -> str:
    return "ipv4:" + ",".join(f"127.0.0.1:{port}" for port in ports)


def test_the_page_shows_three_books_and_who_answered(start: Start) -> None:
    page = page_of(start(RecommendationService("replica-1")).port)
    assert "<title>Online Books For You</title>" in page
    assert page.count("<li>") == 3
    assert "recommendations <code>replica-1</code>" in page


def test_the_page_loads_nothing_from_elsewhere_and_lets_itself_be_framed_by_none() -> None:
    headers = create_app(Recommendations(addresses(free_port()))).test_client().get("/").headers
    assert headers["Content-Security-Policy"] == "default-src 'self'; frame-ancestors 'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Vary"] == "Accept-Language"


@pytest.mark.parametrize("category", BookCategory.keys())
def test_each_category_has_its_page(start: Start, category: str) -> None:
    service = RecommendationService()
    asked = []
    service.Recommend = lambda request, context: (  # type: ignore[method-assign]
        asked.append(request), RecommendationService.Recommend(service, request, context)
    )[1]  # fmt: skip
    page = page_of(start(service).port, path=f"/{category.lower()}")
    assert page.count("<li>") == 3
    assert f'aria-current="page">{WORDS["en"][category]}</a>' in page
    assert [(request.category, request.max_results) for request in asked] == [(BookCategory.Value(category), BOOKS)]


def test_no_other_category_has_one() -> None:
    assert create_app(Recommendations(addresses(free_port()))).test_client().get("/poetry").status_code == 404


@pytest.mark.parametrize(
    ("language", "tag", "heading"),
    [
        ("pt-BR", "pt-BR", "Livros que podem agradar a você"),
        ("en-GB,en;q=0.9", "en", "Books you may like"),
        ("de", "pt-BR", "Livros que podem agradar a você"),
    ],
)
def test_the_page_is_in_the_language_of_the_reader(start: Start, language: str, tag: str, heading: str) -> None:
    page = page_of(start(RecommendationService()).port, language=language)
    assert f'<html lang="{tag}">' in page
    assert f"<h2>{heading}</h2>" in page


@pytest.mark.parametrize(
    ("language", "sentence"),
    [("pt", "As recomendações não estão disponíveis agora."), ("en", "Recommendations are not available right now.")],
)
def test_the_page_stays_up_while_recommendations_are_away(language: str, sentence: str) -> None:
    page = page_of(free_port(), language=language)
    assert sentence in page
    assert "<li>" not in page


def test_the_books_are_there_again_when_recommendations_come_back(start: Start) -> None:
    port = free_port()
    page = shop(port)
    assert WORDS["en"]["away"] in page("/", "en")
    start(RecommendationService(), port)
    eventually(lambda: page("/", "en").count("<li>") == 3)


def test_a_name_that_was_not_known_is_asked_for_again_with_each_page(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    connect = grpc.insecure_channel
    monkeypatch.setattr(
        grpc, "insecure_channel", lambda target, **more: asked.append(target) or connect(target, **more)
    )
    page = create_app(Recommendations("dns:///nowhere.invalid:50051")).test_client().get
    for _ in range(3):
        assert WORDS["pt"]["away"] in page("/").text
    assert asked == ["dns:///nowhere.invalid:50051"] * 4


def test_a_connection_that_works_is_kept(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    page = shop(start(Faulty(1, grpc.StatusCode.FAILED_PRECONDITION)).port)
    monkeypatch.setattr(grpc, "insecure_channel", None)
    assert WORDS["en"]["away"] in page("/", "en")
    assert "<code>recovered</code>" in page("/", "en")


def test_calls_go_round_all_servers(start: Start) -> None:
    replicas = {"a", "b", "c"}
    recommendations = Recommendations(addresses(*(start(RecommendationService(name)).port for name in replicas)))

    def answered() -> str:
        answer = recommendations.of(BookCategory.MYSTERY)
        assert answer
        return str(answer.replica)

    eventually(lambda: {answered() for _ in range(3)} == replicas)  # all are connected
    assert Counter(answered() for _ in range(9)) == dict.fromkeys(replicas, 3)


def test_without_the_policy_all_calls_of_a_connection_go_to_one(start: Start) -> None:
    ports = [start(RecommendationService(name)).port for name in ("a", "b", "c")]
    recommendations = Recommendations(addresses(*ports), options=[])
    assert len({recommendations.of(BookCategory.MYSTERY).replica for _ in range(9)}) == 1  # type: ignore[union-attr]


def test_a_server_that_ends_gets_no_more_calls_and_none_is_lost(start: Start) -> None:
    leaving, staying = start(RecommendationService("leaving")), start(RecommendationService("staying"))
    page = shop(leaving.port, staying.port)
    eventually(lambda: "leaving" in page("/", "en"))
    eventually(lambda: "staying" in page("/", "en"))
    leaving.stop()
    for _ in range(6):
        assert "recommendations <code>staying</code>" in page("/", "en")


class Faulty(RecommendationService):
    """Fails as often as it is told, then answers."""

    def __init__(self, failures: int, code: grpc.StatusCode) -> None:
        super().__init__("recovered")
        self.calls = 0
        self._failures, self._code = failures, code

    def Recommend(self, request: Any, context: Any) -> Any:  # noqa: N802 - the name in the proto
        self.calls += 1
        if self.calls <= self._failures:
            context.abort(self._code, "not now")
        return super().Recommend(request, context)


def test_a_call_that_may_succeed_later_is_tried_again(start: Start) -> None:
    service = Faulty(2, grpc.StatusCode.UNAVAILABLE)
    assert "<code>recovered</code>" in page_of(start(service).port)
    assert service.calls == 3


def test_a_call_that_cannot_succeed_is_not_tried_again(start: Start) -> None:
    service = Faulty(1, grpc.StatusCode.FAILED_PRECONDITION)
    assert WORDS["en"]["away"] in page_of(start(service).port)
    assert service.calls == 1


def test_a_page_waits_for_no_server_that_hangs(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marketplace, "DEADLINE_SECONDS", 2)
    released, hanging = threading.Event(), RecommendationService()
    hanging.Recommend = lambda *_: released.wait(600)  # type: ignore[method-assign]
    try:
        assert WORDS["en"]["away"] in page_of(start(hanging).port)
        assert not released.is_set()
    finally:
        released.set()


@pytest.mark.parametrize(
    ("request_", "status", "sentence"),
    [
        (RecommendationRequest(category=7, max_results=1), grpc.StatusCode.NOT_FOUND, "Category not found"),
        (
            RecommendationRequest(max_results=-1),
            grpc.StatusCode.INVALID_ARGUMENT,
            "max_results must not be negative",
        ),
    ],
)
def test_a_fault_of_the_caller_has_its_status(
    start: Start, request_: RecommendationRequest, status: grpc.StatusCode, sentence: str
) -> None:
    assert refused(start(RecommendationService()).port, request_) == (status, sentence)


@pytest.mark.parametrize(
    ("raised", "status", "sentence"),
    [
        (NotFound("no such shelf"), grpc.StatusCode.NOT_FOUND, "no such shelf"),
        (ValueError("password=secret"), grpc.StatusCode.INTERNAL, "The service failed"),
    ],
)
def test_an_exception_becomes_a_status(
    start: Start, caplog: pytest.LogCaptureFixture, raised: Exception, status: grpc.StatusCode, sentence: str
) -> None:
    def fail(*_: object) -> None:
        raise raised

    service = RecommendationService()
    service.Recommend = fail  # type: ignore[method-assign, assignment]
    assert refused(start(service).port, RecommendationRequest()) == (status, sentence)
    assert ("password=secret" in caplog.text) == (status is grpc.StatusCode.INTERNAL)


def test_a_status_that_the_service_sets_itself_is_kept(start: Start) -> None:
    service = Faulty(1, grpc.StatusCode.RESOURCE_EXHAUSTED)
    assert refused(start(service).port, RecommendationRequest()) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "not now")


def refused(port: int, request_: RecommendationRequest) -> tuple[grpc.StatusCode, str]:
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel, pytest.raises(grpc.RpcError) as refusal:
        RecommendationsStub(channel).Recommend(request_, timeout=60)
    return refusal.value.code(), refusal.value.details()


@pytest.mark.parametrize("service", ["", SERVICE])
def test_the_health_service_says_that_it_serves(start: Start, service: str) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{start(RecommendationService()).port}") as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=service), timeout=60)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


SLOW_SERVER = """
import time, recommendations
class Slow(recommendations.RecommendationService):
    def Recommend(self, request, context):
        print("asked", flush=True)
        time.sleep(1)
        return super().Recommend(request, context)
recommendations.RecommendationService, recommendations.PORT = Slow, {port}
recommendations.main()
"""


def test_sigterm_ends_the_service_with_status_0_after_the_call_under_way() -> None:
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-c", SLOW_SERVER.format(port=port)],
        env={"PYTHONPATH": ":".join(sys.path)}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            request = RecommendationRequest(max_results=1)
            answer = RecommendationsStub(channel).Recommend.future(request, timeout=60, wait_for_ready=True)
            assert server.stdout
            assert server.stdout.readline() == "asked\n"
            server.send_signal(signal.SIGTERM)
            assert len(answer.result().recommendations) == 1
        assert server.wait(60) == 0
    finally:
        server.kill()
        server.wait()
