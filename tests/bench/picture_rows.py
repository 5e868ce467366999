"""The workers of pictures beside a loop as courses teach it (reference.py): rates, latencies, memory, fidelity."""

import json
import os
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from itertools import count
from math import inf, log10
from pathlib import Path
from statistics import median
from threading import Event, Thread

from kafka import KafkaConsumer, TopicPartition
from pictures import lossless
from PIL import Image, ImageChops, ImageOps

from .bench import Bench
from .photos import photo
from .programs import Program
from .scope import QUICK, say
from .table import Row, at_least, at_most, percentiles, verdict

REFERENCE = Path(__file__).with_name("reference.py")
MODULES = {"rotate": "rotate_worker", "grayscale": "grayscale_worker"}
PARTITIONS = 2
SIZES = {"2 MP": (1600, 1200), "12 MP": (4032, 3024)}
DIFFERENT = 1 if QUICK else 3
"""Photos of each size."""
ROUNDS = 1 if QUICK else 5
OF_A_ROUND = {"2 MP": 4, "12 MP": 2} if QUICK else {"2 MP": 60, "12 MP": 12}
PACED = {"2 MP": 2, "12 MP": 1} if QUICK else {"2 MP": 200, "12 MP": 40}
LOAD = 0.5
"""Of what the reference can do: how fast photos come where the time of each is measured."""
CHILDREN_ROUNDS, OF_CHILDREN = (1, 4) if QUICK else (5, 30)
PATIENCE_SECONDS = 120
LEAST_RATE = {"2 MP": 1.4, ("rotate", "12 MP"): 1.8, ("grayscale", "12 MP"): 1.7}
LEAST_RATE_WITHOUT_TURBOJPEG = 1.0
LEAST_RATE_OF_TWO_CHILDREN = 1.6
MOST_LATENCY = 1.0
MOST_PARENT_CPU_MS = 2

WITHOUT_TURBOJPEG = """
import runpy, sys
from pictures import lossless
lossless._library = lambda: None
runpy.run_module(sys.argv[1], run_name="__main__", alter_sys=True)
"""
"""Runs a worker as on a machine that lacks libturbojpeg."""


class Photos:
    """The store of a bench, with photos that are uploaded under ever new names."""

    def __init__(self, folder: Path):
        self.folder = folder
        for name in ("uploads", "photos", *(f"processed/{operation}" for operation in MODULES)):
            (folder / name).mkdir(parents=True)
        self._made = {size: [self._make(pixels, seed) for seed in range(DIFFERENT)] for size, pixels in SIZES.items()}

    def _make(self, pixels: tuple[int, int], seed: int) -> Path:
        path = self.folder / f"photos/{pixels[0]}-{seed}.jpeg"
        path.write_bytes(photo(pixels, seed))
        return path

    def new_upload(self, size: str, number: int) -> str:
        """Another name in the store for one of the photos."""
        new_file = f"{uuid.uuid4().hex}.jpeg"
        os.link(self._made[size][number % DIFFERENT], self.folder / "uploads" / new_file)
        return new_file

    def described(self) -> str:
        return ", ".join(
            f"{width}×{height} ({self._made[size][0].stat().st_size / 1e6:.1f} MB)"
            for size, (width, height) in SIZES.items()
        )

    def psnr_db(self, new_file: str, result: str, operation: str) -> float:
        """Peak signal-to-noise ratio of a result to what the operation makes of the decoded original."""
        with Image.open(self.folder / "uploads" / new_file) as picture:
            turned = operation == "rotate"
            exact = picture.transpose(Image.Transpose.ROTATE_180) if turned else ImageOps.grayscale(picture)
        with Image.open(BytesIO((self.folder / result).read_bytes())) as picture:
            counts = ImageChops.difference(exact, picture).histogram()
        squares = sum(times * (value % 256) ** 2 for value, times in zip(count(), counts, strict=False))
        return 10 * log10(255**2 * sum(counts) / squares) if squares else inf

    def tidy(self) -> None:
        for path in (self.folder / "uploads", *(self.folder / "processed").iterdir()):
            for file in path.iterdir():
                file.unlink()


@dataclass
class Answers:
    """What came of some photos: when each was sent and when it was answered, in seconds."""

    sent: dict[str, float] = field(default_factory=dict)
    answered: dict[str, float] = field(default_factory=dict)
    results: dict[str, str] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Photos a second, while there was work."""
        times = sorted(self.answered.values())
        return (len(times) - 1) / max(times[-1] - times[0], 1e-3)

    @property
    def rate_of_two(self) -> float:
        """Photos a second, while there was work for two."""
        times = sorted(self.answered.values())[:-1]
        return (len(times) - 1) / max(times[-1] - times[0], 1e-3)

    @property
    def latencies(self) -> list[float]:
        return [self.answered[name] - self.sent[name] for name in self.sent]


class PictureProgram(Program):
    """A program that photos go to, and answers come from."""

    def __init__(self, bench: Bench, photos: Photos, name: str, arguments: Sequence[str], cores: set[int]):
        self.bench = bench
        self.photos = photos
        self.topic, self.answers = f"{name}-image", f"{name}-notification"
        bench.create_topics(self.topic, self.answers, partitions=PARTITIONS)
        arguments = [part.format(topic=self.topic, answers=self.answers) for part in arguments]
        super().__init__(arguments, bench.environment(f"{name}-", PARTITIONS), cores)
        self.consumer = KafkaConsumer(bootstrap_servers=bench.broker.address, fetch_max_wait_ms=20)
        self.consumer.assign([TopicPartition(self.answers, number) for number in range(PARTITIONS)])
        self.consumer.seek_to_beginning()

    def handle(self, size: str, number: int, every: float = 0.0) -> Answers:
        """Send photos, one `every` so many seconds, and wait for all answers."""
        found = Answers()
        names = [self.photos.new_upload(size, one) for one in range(number)]
        began = time.monotonic()
        for turn, new_file in enumerate(names):
            while (pause := began + turn * every - time.monotonic()) > 0:
                self._hear(found, pause)
            event = json.dumps({"timestamp": time.time(), "new_file": new_file}).encode()
            sent = self.bench.producer.send(self.topic, event, new_file.encode(), partition=turn % PARTITIONS)
            found.sent[new_file] = sent.get(10).timestamp / 1000 if every else time.time()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(found.answered) < number:
            self._hear(found, 0.1)
            if self.ended or time.monotonic() > deadline:
                raise SystemExit(f"{self.topic}: {len(found.answered)} of {number} photos were answered")
        return found

    def _hear(self, found: Answers, seconds: float) -> None:
        for records in self.consumer.poll(timeout_ms=int(seconds * 1000)).values():
            for record in records:
                answer = json.loads(record.value)
                if answer["status"] != "done":
                    raise SystemExit(f"{self.topic}: {answer}")
                if answer["new_file"] in found.sent:
                    found.answered[answer["new_file"]] = record.timestamp / 1000
                    found.results[answer["new_file"]] = answer["result"]

    def peak_mb(self, size: str) -> float:
        """The most memory that it takes over a round of photos, looked at every few milliseconds."""
        seen = [self.memory_mb()]
        done = Event()

        def look() -> None:
            while not done.wait(0.005):
                seen.append(self.memory_mb())

        looking = Thread(target=look)
        looking.start()
        self.handle(size, OF_A_ROUND[size])
        done.set()
        looking.join()
        return max(seen)

    def stop(self) -> None:
        super().stop()
        self.consumer.close()


@contextmanager
def running(
    bench: Bench, photos: Photos, programs: dict[str, tuple[Sequence[str], set[int]]]
) -> Iterator[list[PictureProgram]]:
    """The programs, by name with arguments and cores, after each has answered a photo or two."""
    with ExitStack() as stack:
        started = []
        for name, (arguments, cores) in programs.items():
            started.append(PictureProgram(bench, photos, name, arguments, cores))
            stack.callback(started[-1].stop)
        for program in started:
            program.handle("2 MP", 2)
        yield started


def picture_rows(bench: Bench, photos: Photos) -> Iterator[Row]:
    for operation in MODULES:
        yield from _on_one_core(bench, photos, operation)
    yield from _two_children(bench, photos)


def _on_one_core(bench: Bench, photos: Photos, operation: str) -> Iterator[Row]:
    """The reference, the worker with one child and the same without TurboJPEG, in turns, each on the same core."""
    reference = [str(REFERENCE), operation, str(bench.folder), "{topic}", "{answers}"]
    programs = {f"reference-{operation}": reference, f"suite-{operation}": ["-m", MODULES[operation]]}
    if lossless.available():
        programs[f"without-{operation}"] = ["-c", WITHOUT_TURBOJPEG, MODULES[operation]]
    with running(bench, photos, {name: (program, bench.core) for name, program in programs.items()}) as started:
        for size in SIZES:
            say(f"{operation}, {size}")
            rates = []
            parent, cpu_seconds = started[1], 0.0
            for _ in range(ROUNDS):
                rates.append([])
                for program in started:
                    before = program.cpu_seconds()
                    rates[-1].append(program.handle(size, OF_A_ROUND[size]).rate)
                    if program is parent:
                        cpu_seconds += program.cpu_seconds() - before
                photos.tidy()
            yield from _rates(operation, size, rates)
            cpu_ms = 1000 * cpu_seconds / (ROUNDS * OF_A_ROUND[size])
            what = f"{operation}, {size}: CPU time of the worker's parent process, a photo"
            yield Row(what, "", f"{cpu_ms:.1f} ms", "", at_most(MOST_PARENT_CPU_MS, cpu_ms, " ms"))
            every = 1 / (LOAD * median(theirs for theirs, *_ in rates))
            yield from _paced(photos, started[:2], operation, size, every)
            peaks = [program.peak_mb(size) for program in started[:2]]
            photos.tidy()
            shown = [f"{peak:.0f} MB" for peak in peaks]
            less = f"no more {verdict(peaks[1] <= peaks[0])}"
            yield Row(f"{operation}, {size}: most memory", *shown, f"{peaks[1] / peaks[0]:.2f}×", less)


def _rates(operation: str, size: str, rates: list[list[float]]) -> Iterator[Row]:
    """With TurboJPEG and without; where it is not found, the worker's only rates are those without."""
    theirs, *measured = (list(column) for column in zip(*rates, strict=True))
    least = LEAST_RATE.get((operation, size)) or LEAST_RATE[size]
    kinds = [("", least), (", without TurboJPEG", LEAST_RATE_WITHOUT_TURBOJPEG)]
    for (how, target), ours in zip(kinds[-len(measured) :], measured, strict=True):
        ratio = median(our / their for their, our in zip(theirs, ours, strict=True))
        what = f"{operation}, {size}: photos a second{how}"
        shown = [f"{median(column):.1f}" for column in (theirs, ours)]
        yield Row(what, *shown, f"{ratio:.2f}×", at_least(target, ratio))


def _paced(photos: Photos, pair: list[PictureProgram], operation: str, size: str, every: float) -> Iterator[Row]:
    """Photos that come one `every` so many seconds: how long each takes, and how good it is."""
    latencies: tuple[list[float], list[float]] = ([], [])
    noises = []
    for _ in range(2):
        for program, column in zip(pair, latencies, strict=True):
            answers = program.handle(size, PACED[size] // 2 + 1, every)
            column.extend(answers.latencies)
            new_file, result = next(iter(answers.results.items()))
            noises.append(photos.psnr_db(new_file, result, operation))
            photos.tidy()
    for name, place in (("p50", 49), ("p99", 98)):
        theirs, ours = (1000 * percentiles(column)[place] for column in latencies)
        what = f"{operation}, {size}: event to result, {name}"
        times = ours / theirs
        yield Row(what, f"{theirs:.0f} ms", f"{ours:.0f} ms", f"{times:.2f}×", at_most(MOST_LATENCY, times))
    theirs, ours = noises[:2]
    what = f"{operation}, {size}: PSNR to the exact result"
    no_less = f"no less {verdict(ours >= theirs)}"
    yield Row(what, f"{theirs:.1f} dB", f"{ours:.1f} dB", f"{ours - theirs:+.1f} dB", no_less)


def _two_children(bench: Bench, photos: Photos) -> Iterator[Row]:
    """A worker with one child and a worker with two, in turns, each on two cores."""
    size, worker, both = "12 MP", ["-m", MODULES["rotate"]], set(bench.cores[:2])
    if len(both) < 2:
        yield Row("rotate, 12 MP: two children for one", "", "", "needs two cores")
        return
    say("two children")
    with running(bench, photos, {"one": (worker, bench.core), "two": (worker, both)}) as pair:
        pair[0].widen(both)
        rates = []
        for _ in range(CHILDREN_ROUNDS):
            rates.append([program.handle(size, OF_CHILDREN).rate_of_two for program in pair])
            photos.tidy()
    first, second = (median(column) for column in zip(*rates, strict=True))
    ratio = median(two / one for one, two in rates)
    what = "rotate, 12 MP: photos a second, one child, two children"
    target = at_least(LEAST_RATE_OF_TWO_CHILDREN, ratio)
    yield Row(what, f"{first:.1f}", f"{second:.1f}", f"{ratio:.2f}×", target)
