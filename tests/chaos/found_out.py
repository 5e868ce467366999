"""Tries the account itself: a worker that loses and one that tells twice, in place of a good one, are found out."""

import random
import sys

from containers import compose, docker
from suite_fixtures import ROOT, Suite, eventually

from .account import Account, account
from .load import Load
from .observe import dead_letters, settled

PICTURES = 20
KEEPS_DYING = "while :; do python /bad_worker.py {how}; done"


def with_bad_worker(suite: Suite, how: str) -> Account:
    """The account of a few pictures that a bad worker has handled."""
    eventually(suite.ready, 180, every=0.5)
    before = dead_letters(suite)
    load = Load(suite, random.Random(how))
    compose("stop", "grayscale-worker")
    program = f"{ROOT}/tests/chaos/bad_worker.py:/bad_worker.py:ro"
    command = ["sh", "-c", KEEPS_DYING.format(how=how)]
    bad = compose("run", "--detach", "--no-deps", "--rm", "--volume", program, "grayscale-worker", *command)
    try:
        for _ in range(PICTURES):
            load.send_picture()
        return account(load.accepted, settled(suite, load, before, within_seconds=60))
    finally:
        docker("rm", "--force", bad.splitlines()[-1])
        compose("start", "grayscale-worker")


def check(suite: Suite) -> None:
    """Raises SystemExit where the account notices nothing."""
    lossy, telling_twice = with_bad_worker(suite, "lossy"), with_bad_worker(suite, "telling-twice")
    if not lossy.lost:
        sys.exit("chaos: a worker that commits before it works was not found out")
    if not telling_twice.doubled:
        sys.exit("chaos: a worker that tells each result twice was not found out")
    print(f"Found out: {len(lossy.lost)} losses of a lossy worker, {len(telling_twice.doubled)} doubles of one that "
          "tells twice.\n", flush=True)  # fmt: skip
