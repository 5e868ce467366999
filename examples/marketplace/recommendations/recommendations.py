"""Recommends books over gRPC, on port 50051: python recommendations.py. SIGTERM ends it, after the calls under way."""

import logging
import random
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from recommendations_pb2 import BookCategory, BookRecommendation, RecommendationRequest, RecommendationResponse
from recommendations_pb2_grpc import RecommendationsServicer, add_RecommendationsServicer_to_server
from statuses import ExceptionToStatus, InvalidArgument, NotFound

PORT = 50051
SERVICE = "Recommendations"
THREADS = 10
GRACE_SECONDS = 5
# A client that comes back asks for the addresses anew, and so finds replicas that were added.
OPTIONS = [("grpc.max_connection_age_ms", 30_000), ("grpc.max_connection_age_grace_ms", GRACE_SECONDS * 1000)]

BOOKS = {
    BookCategory.MYSTERY: {
        1: "The Hound of the Baskervilles",
        2: "Murder on the Orient Express",
        3: "The Maltese Falcon",
        4: "The Moonstone",
        5: "The Murders in the Rue Morgue",
        6: "The Name of the Rose",
    },
    BookCategory.SCIENCE_FICTION: {
        7: "The Time Machine",
        8: "Twenty Thousand Leagues Under the Sea",
        9: "The Left Hand of Darkness",
        10: "The Hitchhiker’s Guide to the Galaxy",
        11: "Solaris",
        12: "Dune",
    },
    BookCategory.SELF_HELP: {
        13: "Meditations",
        14: "Letters from a Stoic",
        15: "Man’s Search for Meaning",
        16: "How to Win Friends and Influence People",
        17: "The 7 Habits of Highly Effective People",
        18: "Walden",
    },
}


class RecommendationService(RecommendationsServicer):
    """Chooses books at random. `replica` is told with every answer: by default, the name of this machine."""

    def __init__(self, replica: str | None = None) -> None:
        self.replica = replica or socket.gethostname()

    def Recommend(  # noqa: N802 - the name in the proto
        self, request: RecommendationRequest, context: grpc.ServicerContext
    ) -> RecommendationResponse:
        """Return up to `max_results` different books of a category.

        Raises NotFound for a category without books, InvalidArgument for a negative number of results.
        """
        if request.category not in BOOKS:
            raise NotFound("Category not found")
        if request.max_results < 0:
            raise InvalidArgument("max_results must not be negative")
        books = BOOKS[request.category]
        chosen = random.sample(sorted(books), min(request.max_results, len(books)))
        return RecommendationResponse(
            recommendations=[BookRecommendation(id=number, title=books[number]) for number in chosen],
            replica=self.replica,
        )


class Server:
    """The service and its health, at an address such as `[::]:50051`; port 0 takes a free one."""

    def __init__(self, address: str, service: RecommendationsServicer) -> None:
        self._health = health.HealthServicer()
        self._server = grpc.server(ThreadPoolExecutor(THREADS), interceptors=[ExceptionToStatus()], options=OPTIONS)
        add_RecommendationsServicer_to_server(service, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self.port = int(self._server.add_insecure_port(address))
        for name in ("", SERVICE):
            self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        self._server.start()

    def stop(self) -> None:
        """Take no more calls, finish those under way within GRACE_SECONDS, and end."""
        self._health.enter_graceful_shutdown()
        self._server.stop(GRACE_SECONDS).wait()


def main() -> None:
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    stopped = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    server = Server(f"[::]:{PORT}", RecommendationService())
    logging.info("Recommending books on port %d", server.port)
    stopped.wait()
    server.stop()


if __name__ == "__main__":
    main()
