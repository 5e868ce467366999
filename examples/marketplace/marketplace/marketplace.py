"""The shop's page, on port 5000: gunicorn marketplace:app. Its books come over gRPC from RECOMMENDATIONS_HOST."""

import json
import logging
import os
import socket

import grpc
from flask import Flask, Response, render_template, request
from recommendations_pb2 import BookCategory, RecommendationRequest, RecommendationResponse
from recommendations_pb2_grpc import RecommendationsStub

PORT = 50051
BOOKS = 3
USER_ID = 1
DEADLINE_SECONDS = 2

SERVICE_CONFIG = {
    # A connection to every address of the name, and the calls over them in turn. The default keeps to one.
    "loadBalancingConfig": [{"round_robin": {}}],
    # A replica that says that it does not serve gets no calls.
    "healthCheckConfig": {"serviceName": "Recommendations"},
    "methodConfig": [
        {
            "name": [{"service": "Recommendations"}],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.1s",
                "maxBackoff": "0.5s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ],
}
OPTIONS = [
    ("grpc.service_config", json.dumps(SERVICE_CONFIG)),
    # Docker may have given this container a proxy, which knows nothing of the network.
    ("grpc.enable_http_proxy", 0),
    ("grpc.max_reconnect_backoff_ms", 2000),
    ("grpc.dns_min_time_between_resolutions_ms", 5000),
]

WORDS = {
    "pt": {
        "MYSTERY": "Mistério",
        "SCIENCE_FICTION": "Ficção científica",
        "SELF_HELP": "Autoajuda",
        "categories": "Categorias",
        "heading": "Livros que podem agradar a você",
        "away": "As recomendações não estão disponíveis agora. A loja segue aberta: tente de novo em instantes.",
        "answered": "Quem respondeu",
    },
    "en": {
        "MYSTERY": "Mystery",
        "SCIENCE_FICTION": "Science fiction",
        "SELF_HELP": "Self-help",
        "categories": "Categories",
        "heading": "Books you may like",
        "away": "Recommendations are not available right now. The shop stays open: please try again in a moment.",
        "answered": "Who answered",
    },
}

log = logging.getLogger(__name__)


class Recommendations:
    """The service at `target`: a name with its port, or what else gRPC resolves."""

    def __init__(self, target: str, options: list[tuple[str, object]] = OPTIONS) -> None:
        self._target, self._options = target, options
        self._connect()

    def _connect(self) -> None:
        self._stub = RecommendationsStub(grpc.insecure_channel(self._target, options=self._options))

    def of(self, category: int) -> RecommendationResponse | None:
        """Return BOOKS books of the category; None if the service does not answer within DEADLINE_SECONDS."""
        asked = RecommendationRequest(user_id=USER_ID, category=category, max_results=BOOKS)
        stub = self._stub
        try:
            return stub.Recommend(asked, timeout=DEADLINE_SECONDS)
        except grpc.RpcError as error:
            log.warning("No recommendations: %s, %s", error.code().name, error.details())
            if error.code() is grpc.StatusCode.UNAVAILABLE and stub is self._stub:
                # A channel whose name was not known asks for it again after up to two minutes; a new one does at once.
                self._connect()
            return None


def create_app(recommendations: Recommendations) -> Flask:
    """Return the WSGI application."""
    app = Flask(__name__)

    @app.get("/")
    @app.get("/<any(mystery, science_fiction, self_help):category>")
    def homepage(category: str = "mystery") -> str:
        language = request.accept_languages.best_match(["pt", "en"], default="pt")
        return render_template(
            "homepage.html",
            language=language,
            words=WORDS[language],
            categories=BookCategory.keys(),
            category=category.upper(),
            answer=recommendations.of(BookCategory.Value(category.upper())),
            replica=socket.gethostname(),
        )

    @app.get("/healthz")
    def health() -> tuple[str, int, dict[str, str]]:
        return "ok\n", 200, {"Content-Type": "text/plain"}

    @app.after_request
    def guarded(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = "default-src 'self'; frame-ancestors 'none'"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.vary.add("Accept-Language")
        return response

    return app


app = create_app(Recommendations(f"dns:///{os.environ.get('RECOMMENDATIONS_HOST', 'localhost')}:{PORT}"))
