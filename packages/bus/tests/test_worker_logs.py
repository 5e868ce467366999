"""Lines about a record say in JSON which event and which trace it is, those of its handler too."""

import json
import os
import subprocess
import sys
from typing import Any

PROGRAM = """
import sys
from bus import PermanentError, Worker
from bus.mirror import Mirror
from bus.testing import Broker
from events import ImageUploaded
from service import log

log.configure("example")
worker = Worker("example")

@worker.on("image")
def handle(upload: ImageUploaded) -> None:
    log.get_logger("handler").info("looked at", name=upload.new_file)
    raise PermanentError("never")

def heard(topic, record):
    raise ValueError("not understood")

broker = Broker(partitions=1)
mirror = Mirror(broker, ["image"], heard, from_start=True)
broker.publish("image", ImageUploaded(new_file="a"))
broker.append("image", b"no JSON")
with broker.running(worker):
    broker.wait_until_handled(worker)
mirror.start()
mirror.caught_up.wait(60)
headers = dict(broker.records("image")[0].headers)
print("ids", headers["ce_id"].decode(), headers["traceparent"].decode())
"""


def printed(form: str) -> list[str]:
    env = os.environ | {"LOG_FORMAT": form}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_lines_of_machines_say_which_record_they_are_about() -> None:
    lines = printed("json")
    (ids,) = [line.split() for line in lines if line.startswith("ids")]
    logged: list[dict[str, Any]] = [json.loads(line) for line in lines if line.startswith("{")]

    def found(event: str) -> list[tuple[str | None, str | None]]:
        return [(one.get("event_id"), one.get("trace_id")) for one in logged if one["event"] == event]

    known, unknown = (ids[1], ids[2].split("-")[1]), ("image/0/1", None)
    assert found("looked at") == [known]
    assert sorted(found("dead letter"), key=str) == sorted([known, unknown], key=str)
    assert found("a record was not understood") == [known, unknown]
    assert found("partitions") == [(None, None)]


def test_lines_for_people_stay_as_they_are() -> None:
    (line,) = [line for line in printed("text") if "looked at" in line]
    assert line.split()[1:] == ["[info]", "looked", "at", "name=a", "service=example"]
