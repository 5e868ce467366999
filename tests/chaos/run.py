"""`make chaos`: breaks the suite that runs in containers, under load, and accounts for every item.

SEED draws when and what; it is printed, and the same seed breaks the same things at the same pauses. FAULT names one
row, SHORT=1 breaks each thing once or twice. The suite runs already, as tests/compose/run-chaos starts it.
"""

import json
import os
import random
import sys
import time
from dataclasses import asdict, dataclass

from suite_fixtures import ROOT, Suite, eventually

from . import faults, found_out
from .account import Account, account
from .faults import OURS, Fault, Scene
from .load import Load
from .observe import dead_letters, settled, unexpected

SHORT = bool(os.environ.get("SHORT"))
CALM_SECONDS = 3 if SHORT else 5
"""Load before and after the fault."""
HEAD = """\
| fault | times | accepted | finished | lost | doubled | wrong | first result after |
|---|---|---|---|---|---|---|---|"""


def times(long: int, short: int) -> int:
    return short if SHORT else long


FAULTS = [
    *(Fault(f"SIGKILL of {service}", times(50, 2), faults.kill(service)) for service in OURS),
    Fault("SIGTERM of each service in turn", times(20, len(OURS)), faults.terminate(*OURS)),
    Fault("rotate-worker scaled 1 → 3 → 1", times(3, 1), faults.scale("rotate-worker", 3)),
    Fault("notifier scaled 1 → 3 → 1", times(3, 1), faults.scale("notifier", 3)),
    Fault("rotate-worker stands still", times(3, 1), faults.freeze("rotate-worker", 60)),
    Fault("notifier stands still", times(3, 1), faults.freeze("notifier", 60)),
    Fault("SIGKILL of broker", times(5, 1), faults.kill("broker")),
    Fault("SIGKILL of zookeeper", times(5, 1), faults.kill("zookeeper")),
    Fault("SIGKILL of broker and zookeeper", times(3, 1), faults.kill_together("zookeeper", "broker")),
    Fault("broker stands still", times(3, 1), faults.freeze("broker", 30)),
    Fault("grayscale-worker without network", times(3, 1), faults.cut_off("grayscale-worker", 60)),
    Fault("chatbot hears nothing, one way", times(3, 1), faults.one_way("chatbot", 60)),
    Fault("300 ms of delay and 5 % loss at the broker", 1, faults.slow_network("broker", times(300, 30), 300, 5)),
    Fault("mail server stands still", 1, faults.freeze("mail", times(300, 30))),
    Fault("caption-worker cannot write", times(3, 1), faults.read_only_store("caption-worker", 20)),
    Fault("poison records", times(100, 20), faults.poison),
    Fault("uploads announced again, in any order", times(200, 40), faults.repeat_uploads),
    Fault(
        "a mixture",
        times(30, 6),
        faults.any_of(
            [
                *(faults.kill(service) for service in (*OURS, "broker", "zookeeper")),
                faults.freeze("caption-worker", 8),
                faults.freeze("broker", 8),
                faults.cut_off("sentiment-consumer", 10),
                faults.terminate("notifier"),
            ]
        ),
    ),
]


@dataclass(frozen=True)
class Row:
    fault: str
    times: int
    seed: int
    seconds: float
    account: Account
    recovered_seconds: float
    """From the end of the fault to all results of a picture that is sent then."""

    def line(self) -> str:
        one = self.account
        cells = [
            self.fault,
            self.times,
            f"{one.accepted} in {self.seconds:.0f} s",
            one.finished,
            len(one.lost),
            len(one.doubled),
            len(one.wrong),
            f"{self.recovered_seconds:.1f} s",
        ]
        return f"| {' | '.join(map(str, cells))} |"


def suffer(suite: Suite, fault: Fault, seed: int) -> Row:
    """One row of the table: the load, the fault, the account."""
    chance = random.Random(f"{seed} {fault.name}")
    eventually(suite.ready, 180, every=0.5)
    before = dead_letters(suite)
    load = Load(suite, chance)
    began = time.monotonic()
    load.start()
    try:
        time.sleep(CALM_SECONDS)
        fault.inject(fault.times, Scene(suite, load, chance))
        recovered = _recovered(suite, load)
        time.sleep(CALM_SECONDS)
    finally:
        load.stop()
    seconds = time.monotonic() - began
    return Row(fault.name, fault.times, seed, seconds, account(load.accepted, settled(suite, load, before)), recovered)


def _recovered(suite: Suite, load: Load) -> float:
    began = time.monotonic()
    suite.finished(load.send_picture(), 300)
    return time.monotonic() - began


def main() -> int:
    wanted = os.environ.get("FAULT", "")
    rows = [fault for fault in FAULTS if wanted in fault.name]
    if not rows:
        print(f"FAULT: none of {', '.join(fault.name for fault in FAULTS)}", file=sys.stderr)
        return 2
    seed = int(os.environ.get("SEED") or random.SystemRandom().randrange(10**6))
    suite = Suite(os.environ["SUITE_URL"], os.environ["SUITE_BROKER"], token=os.environ["ATTENDANT_TOKEN"])
    if not wanted:
        found_out.check(suite)
    print(f"Seed {seed}. Two replicas of the chatbot.\n")
    print(HEAD)
    failed = False
    report = ROOT / ".run/chaos.jsonl"
    report.parent.mkdir(exist_ok=True)
    with report.open("a") as log:
        for fault in rows:
            row = suffer(suite, fault, seed)
            print(row.line(), flush=True)
            log.write(json.dumps({"at": time.strftime("%F %T"), **asdict(row)}) + "\n")
            log.flush()
            if not row.account.clean:
                failed = True
                for what in (row.account.lost, row.account.doubled, row.account.wrong):
                    if what:
                        print(f"  {unexpected(what)}", file=sys.stderr, flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
