"""Classifies every message to the chatbot: consumes `chatbot`, publishes `sentiment` and `handoff`."""

import os
import signal
import sys
from functools import cache
from typing import TYPE_CHECKING

from bus import KafkaSettings, Worker
from events import Event
from events.conversation import ChatExchanged
from service import EXIT_CONFIG, load, log

from .memory import give_large_blocks_back
from .sentences import emit, handoff_line, sentiment_line
from .settings import SentimentSettings

if TYPE_CHECKING:
    from .model import Model, Probabilities

settings = load(SentimentSettings)
worker = Worker("sentiment-consumer")
logger = log.get_logger(__name__)


@worker.on("chatbot", publishes=("sentiment", "handoff"))
def classify(exchanges: list[ChatExchanged]) -> list[list[Event]]:
    predictions = model()([exchange.pergunta for exchange in exchanges])
    return [events_for(exchange, prediction) for exchange, prediction in zip(exchanges, predictions, strict=True)]


def events_for(exchange: ChatExchanged, probabilities: "Probabilities") -> list[Event]:
    """The sentiment of a message, and a handoff if it is negative enough."""
    classified = exchange.classified(probabilities)
    details = classified.model_dump(include={"sessao", "sentimento", "confianca"})
    emit(sentiment_line(classified), **details)
    if classified.sentimento != "negative" or classified.confianca < settings.handoff_threshold:
        return [classified]
    raised = exchange.raised(classified.confianca)
    emit(handoff_line(raised), **details)
    return [classified, raised]


@cache
def model() -> "Model":
    """Load the model at the first call; if it is unusable, exit with status 78 and one line."""
    emit("Carregando modelo...")
    give_large_blocks_back()
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # idle threads must not spin on the cores that the broker needs
    from .model import Model  # noqa: PLC0415 - torch takes seconds to import; signal handlers are set before
    from .network import UnusableModel  # noqa: PLC0415
    from .ways import REFERENCE  # noqa: PLC0415

    try:
        loaded = Model(settings.sentiment_model, labels=settings.sentiment_labels)
    except UnusableModel as error:
        print(f"wrong setting: SENTIMENT_MODEL: {error}", file=sys.stderr, flush=True)
        raise SystemExit(EXIT_CONFIG) from None
    emit("Modelo carregado!")
    if loaded.choice:
        few, many = (f"{lead.way}, {lead.times:.1f} times as fast as {REFERENCE}" for lead in loaded.choice)
        logger.info("the quickest ways to multiply here", few_tokens=few, many_tokens=many)
    return loaded


def main() -> None:
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: os._exit(0))  # torch swallows exceptions raised during its import
    log.configure(worker.name)
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    KafkaSettings.load()  # report wrong settings before the model is loaded
    model()
    try:
        worker.run()
    except SystemExit as end:
        sys.stdout.flush()
        os._exit(int(end.code or 0))  # shutdown is complete; Python would take seconds to unload torch


if __name__ == "__main__":
    main()
