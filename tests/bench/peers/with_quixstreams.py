"""The same handlers on Quix Streams, at least once: it flushes answers, then commits."""

from tempfile import TemporaryDirectory
from typing import Any

from bench.handled import ANSWERING, COMMIT_EVERY_SECONDS, Given, answer, tell_first
from quixstreams import Application

with TemporaryDirectory() as state:
    app = Application(
        Given.servers,
        consumer_group=Given.group,
        auto_offset_reset="earliest",
        commit_interval=COMMIT_EVERY_SECONDS,
        consumer_poll_timeout=COMMIT_EVERY_SECONDS,
        state_dir=state,
        auto_create_topics=False,
        loglevel="ERROR",
    )
    uploads = app.dataframe(app.topic(Given.records))

    def handle(upload: dict[str, Any]) -> dict[str, Any] | None:
        tell_first()
        return answer(upload) if ANSWERING else None

    answers = uploads.apply(handle)
    if ANSWERING:
        answers.to_topic(app.topic(Given.answers))
    app.run()
