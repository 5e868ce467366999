"""Tells how every message to the chatbot sounds: consumes `chatbot`, publishes `sentiment` and `handoff`."""

import os
import signal
import sys
from functools import cache
from typing import TYPE_CHECKING

from bus import EXIT_CONFIG, Event, KafkaSettings, Worker, load, log
from bus.conversation import ChatExchanged

from .sentences import called, said, tell
from .settings import SentimentSettings

if TYPE_CHECKING:
    from .model import Model, Probabilities

settings = load(SentimentSettings)
worker = Worker("sentiment-consumer")


@worker.on("chatbot", publishes=("sentiment", "handoff"))
def classify(exchanges: list[ChatExchanged]) -> list[list[Event]]:
    readings = model()([exchange.pergunta for exchange in exchanges])
    return [answers(exchange, reading) for exchange, reading in zip(exchanges, readings, strict=True)]


def answers(exchange: ChatExchanged, reading: "Probabilities") -> list[Event]:
    """How the message sounds, and the call for a human where that is negative enough."""
    classified = exchange.classified(reading)
    found = classified.model_dump(include={"sessao", "sentimento", "confianca"})
    tell(said(classified), **found)
    if classified.sentimento != "negative" or classified.confianca < settings.handoff_threshold:
        return [classified]
    raised = exchange.raised(classified.confianca)
    tell(called(raised), **found)
    return [classified, raised]


@cache
def model() -> "Model":
    """Loads it at the first call; where it cannot be used, that is the end: status 78, and one line."""
    tell("Carregando modelo...")
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # threads that wait leave the core to the broker
    from .model import Model  # noqa: PLC0415 - torch takes seconds; a signal is heard before
    from .network import Unusable  # noqa: PLC0415

    try:
        loaded = Model(settings.sentiment_model)
    except Unusable as error:
        print(f"wrong setting: SENTIMENT_MODEL: {error}", file=sys.stderr, flush=True)
        raise SystemExit(EXIT_CONFIG) from None
    tell("Modelo carregado!")
    return loaded


def main() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))  # torch swallows what is raised while it is loaded
    log.configure(worker.name)
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    KafkaSettings.load()  # what is wrong there is told before the model is loaded
    model()
    try:
        worker.run()
    except SystemExit as end:
        sys.stdout.flush()
        os._exit(int(end.code or 0))  # all is in order: Python takes seconds to take torch down


if __name__ == "__main__":
    main()
