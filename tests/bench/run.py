"""`make bench`: the figures, measured here and now, as Markdown. Needs Linux. BENCH_QUICK=1 only tries it out.

A consumer as courses teach it (reference.py) and this suite's workers get the same photos from the same embedded
broker, in turns. Both are held to one core; broker and measuring have the other.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from io import BytesIO
from itertools import count
from math import inf, log10
from pathlib import Path
from statistics import median, quantiles
from threading import Event, Thread, Timer

import kafka
import PIL
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from pictures import lossless
from PIL import Image, ImageChops, ImageOps
from suite_fixtures import Broker

from .photos import photo

HERE = Path(__file__).resolve().parent
QUICK = bool(os.environ.get("BENCH_QUICK"))
PARTITIONS = 2
SIZES = {"2 MP": (1600, 1200), "12 MP": (4032, 3024)}
DIFFERENT = 1 if QUICK else 3
"""Photos of each size."""
ROUNDS = 1 if QUICK else 7
OF_A_ROUND = {"2 MP": 4, "12 MP": 3} if QUICK else {"2 MP": 60, "12 MP": 12}
PACED = {"2 MP": 4, "12 MP": 3} if QUICK else {"2 MP": 200, "12 MP": 60}
LOAD = 0.5
"""Of what the reference can do: how fast photos come where the time of each is measured."""
CHILDREN_ROUNDS, OF_CHILDREN = (1, 6) if QUICK else (5, 30)
RUNTIME_ROUNDS, RECORDS = (1, 200) if QUICK else (3, 5_000)
TARGETS = {
    ("rotate", "12 MP"): 1.8,
    ("grayscale", "12 MP"): 1.7,
    ("grayscale", "2 MP"): 1.3,
    "children": 1.6,
    "runtime": 1.0,
}
PATIENCE = 120
MODULES = {"rotate": "rotate_worker", "grayscale": "grayscale_worker"}


@contextmanager
def on_cores(cores: set[int]) -> Iterator[None]:
    """Let what is started in the block have these cores alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


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


class Bench:
    """The broker, the store and the photos that all share."""

    def __init__(self, folder: Path, broker: str, cores: Sequence[int]):
        self.folder = folder
        self.broker = broker
        self.cores = cores
        self.photos: dict[str, list[Path]] = {}
        self.producer = KafkaProducer(bootstrap_servers=broker)
        self.admin = KafkaAdminClient(bootstrap_servers=broker)
        for name in ("uploads", "photos", *(f"processed/{operation}" for operation in MODULES)):
            (folder / name).mkdir(parents=True)

    def make_photos(self) -> None:
        for size, pixels in SIZES.items():
            for number in range(DIFFERENT):
                path = self.folder / f"photos/{pixels[0]}-{number}.jpeg"
                path.write_bytes(photo(pixels, seed=number))
                self.photos.setdefault(size, []).append(path)

    def new_upload(self, size: str, number: int) -> str:
        """Another name in the store for one of the photos."""
        new_file = f"{uuid.uuid4().hex}.jpeg"
        os.link(self.photos[size][number % DIFFERENT], self.folder / "uploads" / new_file)
        return new_file

    def original(self, new_file: str) -> Path:
        return self.folder / "uploads" / new_file

    def tidy(self) -> None:
        for path in (self.folder / "uploads", *(self.folder / "processed").iterdir()):
            for file in path.iterdir():
                file.unlink()

    def create_topics(self, *names: str) -> None:
        for name in names:
            self.admin.create_topics({name: {"num_partitions": PARTITIONS, "replication_factor": 1}})
        self.admin.wait_for_topics(list(names))

    def environment(self, prefix: str) -> dict[str, str]:
        return os.environ | {
            "KAFKA_BOOTSTRAP_SERVERS": self.broker,
            "KAFKA_TOPIC_PREFIX": prefix,
            "KAFKA_GROUP_PREFIX": prefix,
            "KAFKA_PARTITIONS": str(PARTITIONS),
            "KAFKA_SESSION_TIMEOUT_MS": "6000",  # Tansu lets a first member wait in proportion
            "KAFKA_FETCH_MAX_WAIT_MS": "50",  # Tansu answers an idle fetch only when this is over
            "STORE_URL": self.folder.as_uri(),
            "RUN_DIR": str(self.folder),
            "LOG_LEVEL": "warning",
            "PYTHONWARNINGS": "ignore",
        }


class Program:
    """A program under test: photos go to it, answers come from it."""

    def __init__(self, bench: Bench, name: str, command: Sequence[str], cores: set[int]):
        self.bench = bench
        self.topic, self.answers = f"{name}-image", f"{name}-notification"
        bench.create_topics(self.topic, self.answers)
        arguments = [part.format(topic=self.topic, answers=self.answers) for part in command]
        with on_cores(cores):
            self.process = subprocess.Popen([sys.executable, *arguments], env=bench.environment(f"{name}-"))
        self.consumer = KafkaConsumer(bootstrap_servers=bench.broker, fetch_max_wait_ms=20)
        self.consumer.assign([TopicPartition(self.answers, number) for number in range(PARTITIONS)])
        self.consumer.seek_to_beginning()

    def handle(self, size: str, number: int, every: float = 0.0) -> Answers:
        """Send photos, one `every` so many seconds, and wait for all answers."""
        found = Answers()
        names = [self.bench.new_upload(size, one) for one in range(number)]
        began = time.monotonic()
        for turn, new_file in enumerate(names):
            while (pause := began + turn * every - time.monotonic()) > 0:
                self._hear(found, pause)
            event = json.dumps({"timestamp": time.time(), "new_file": new_file}).encode()
            sent = self.bench.producer.send(self.topic, event, new_file.encode(), partition=turn % PARTITIONS)
            found.sent[new_file] = sent.get(10).timestamp / 1000 if every else time.time()
        deadline = time.monotonic() + PATIENCE
        while len(found.answered) < number:
            self._hear(found, 0.1)
            if self.process.poll() is not None or time.monotonic() > deadline:
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

    def processes(self) -> list[int]:
        """The program and all that came of it."""
        parents = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # ended meanwhile
                parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        found = [self.process.pid]
        for known in found:
            found += [pid for pid, parent in parents.items() if parent == known]
        return found

    def memory(self) -> float:
        """What its processes take now, in MB; a page that several share counts once (PSS)."""
        total = 0
        for pid in self.processes():
            with suppress(OSError):
                lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
                total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        return total * 1024 / 1e6

    def peak(self, size: str) -> float:
        """The most memory that it takes over a round of photos, in MB, looked at every few milliseconds."""
        seen = [self.memory()]
        done = Event()

        def look() -> None:
            while not done.wait(0.005):
                seen.append(self.memory())

        looking = Thread(target=look)
        looking.start()
        self.handle(size, OF_A_ROUND[size])
        done.set()
        looking.join()
        return max(seen)

    def widen(self, cores: set[int]) -> None:
        """Give it more cores than it had when it counted them."""
        for pid in self.processes():
            for task in Path(f"/proc/{pid}/task").iterdir():
                os.sched_setaffinity(int(task.name), cores)

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.consumer.close()


@contextmanager
def running(bench: Bench, **programs: tuple[Sequence[str], set[int]]) -> Iterator[list[Program]]:
    """The programs, after each has answered a photo or two."""
    with ExitStack() as stack:
        started = []
        for name, (command, cores) in programs.items():
            started.append(Program(bench, name.replace("_", "-"), command, cores))
            stack.callback(started[-1].stop)
        for program in started:
            program.handle("2 MP", 2)
        yield started


@dataclass
class Row:
    """A line of the table."""

    what: str
    first: str
    second: str
    ratio: str
    target: str = ""

    def __str__(self) -> str:
        return f"| {self.what} | {self.first} | {self.second} | {self.ratio} | {self.target} |"


def one_core(bench: Bench, operation: str) -> Iterator[Row]:
    """The reference and the worker with one child, in turns, each on the same core."""
    core = {bench.cores[0]}
    reference = [str(HERE / "reference.py"), operation, str(bench.folder), "{topic}", "{answers}"]
    worker = ["-m", MODULES[operation]]
    programs = {f"reference_{operation}": (reference, core), f"suite_{operation}": (worker, core)}
    with running(bench, **programs) as pair:
        for size in SIZES:
            say(f"{operation}, {size}")
            rates = []
            for _ in range(ROUNDS):
                rates.append([program.handle(size, OF_A_ROUND[size]).rate for program in pair])
                bench.tidy()
            theirs, ours = (median(column) for column in zip(*rates, strict=True))
            ratio = median(ours / theirs for theirs, ours in rates)
            target = TARGETS.get((operation, size))
            wanted = "" if target is None else f"≥ {target}× {verdict(ratio >= target)}"
            what = f"{operation}, {size}"
            yield Row(f"{what}: photos a second", f"{theirs:.1f}", f"{ours:.1f}", f"{ratio:.2f}×", wanted)

            latencies: tuple[list[float], list[float]] = ([], [])
            noises = []
            for _ in range(2):
                for program, column in zip(pair, latencies, strict=True):
                    answers = program.handle(size, PACED[size] // 2 + 1, every=1 / (LOAD * theirs))
                    column.extend(answers.latencies)
                    new_file, result = next(iter(answers.results.items()))
                    noises.append(fidelity(bench.original(new_file), bench.folder / result, operation))
                    bench.tidy()
            for name, place in (("p50", 49), ("p99", 98)):
                theirs_ms, ours_ms = (1000 * percentiles(column)[place] for column in latencies)
                times = f"{ours_ms / theirs_ms:.2f}×"
                yield Row(f"{what}: event to result, {name}", f"{theirs_ms:.0f} ms", f"{ours_ms:.0f} ms", times)
            peaks = [program.peak(size) for program in pair]
            bench.tidy()
            less = verdict(peaks[1] <= peaks[0])
            shown = [f"{peak:.0f} MB" for peak in peaks]
            yield Row(f"{what}: most memory", *shown, f"{peaks[1] / peaks[0]:.2f}×", f"no more {less}")
            good = verdict(noises[1] >= noises[0])
            shown = [f"{noise:.1f} dB" for noise in noises[:2]]
            difference = f"{noises[1] - noises[0]:+.1f} dB"
            yield Row(f"{what}: PSNR to the exact result", *shown, difference, f"no less {good}")


def two_children(bench: Bench) -> Iterator[Row]:
    """A worker with one child and a worker with two, in turns, each on two cores."""
    size, worker, both = "12 MP", ["-m", MODULES["rotate"]], set(bench.cores[:2])
    if len(both) < 2:
        yield Row("rotate, 12 MP: two children for one", "", "", "needs two cores")
        return
    say("two children")
    with running(bench, one=(worker, {bench.cores[0]}), two=(worker, both)) as pair:
        pair[0].widen(both)
        rates = []
        for _ in range(CHILDREN_ROUNDS):
            rates.append([program.handle(size, OF_CHILDREN).rate_of_two for program in pair])
            bench.tidy()
    first, second = (median(column) for column in zip(*rates, strict=True))
    ratio, target = median(two / one for one, two in rates), TARGETS["children"]
    wanted = f"≥ {target}× {verdict(ratio >= target)}"
    what = "rotate, 12 MP: photos a second, one child, two children"
    yield Row(what, f"{first:.1f}", f"{second:.1f}", f"{ratio:.2f}×", wanted)


def runtime(bench: Bench) -> Iterator[Row]:
    """The same records to a bare loop, to a handler that does nothing, and to one that answers each."""
    say("runtime")
    kinds = ("loop", "worker", "answering")
    milliseconds: dict[str, list[float]] = {kind: [] for kind in kinds}
    for number in range(RUNTIME_ROUNDS):
        for kind in kinds:
            prefix = f"runtime-{kind}-{number}-"
            bench.create_topics(f"{prefix}image", f"{prefix}notification")
            with_batches = KafkaProducer(bootstrap_servers=bench.broker, linger_ms=50)
            for record in range(RECORDS):
                event = json.dumps({"timestamp": time.time(), "new_file": f"{record}.jpeg", "original_name": "a.jpeg"})
                with_batches.send(f"{prefix}image", event.encode(), partition=record % PARTITIONS)
            with_batches.close()
            with on_cores({bench.cores[0]}):
                command = [sys.executable, HERE / "noop.py", kind, str(RECORDS)]
                process = subprocess.Popen(command, env=bench.environment(prefix), stdout=subprocess.PIPE, text=True)
            assert process.stdout
            too_late = Timer(PATIENCE, process.kill)
            too_late.start()
            told = next((line for line in process.stdout if line.startswith("seconds ")), "seconds nan")
            too_late.cancel()
            milliseconds[kind].append(1000 * float(told.split()[1]) / RECORDS)
            process.terminate()
            process.wait(15)
    loop, *others = (median(milliseconds[kind]) for kind in kinds)
    for name, cost in zip(("does nothing", "answers"), others, strict=True):
        target = TARGETS["runtime"]
        wanted = f"≤ {target:.0f} ms {verdict(cost - loop <= target)}"
        what = f"runtime, time a record: bare loop, handler that {name}"
        yield Row(what, f"{loop:.2f} ms", f"{cost:.2f} ms", f"{cost - loop:+.2f} ms", wanted)


def fidelity(original: Path, result: Path, operation: str) -> float:
    """Peak signal-to-noise ratio, in dB, of a result to what the operation makes of the decoded original."""
    with Image.open(original) as picture:
        exact = picture.transpose(Image.Transpose.ROTATE_180) if operation == "rotate" else ImageOps.grayscale(picture)
    with Image.open(BytesIO(result.read_bytes())) as picture:
        counts = ImageChops.difference(exact, picture).histogram()
    squares = sum(times * (value % 256) ** 2 for value, times in zip(count(), counts, strict=False))
    return 10 * log10(255**2 * sum(counts) / squares) if squares else inf


def percentiles(values: list[float]) -> list[float]:
    return quantiles(values, n=100, method="inclusive")


def verdict(good: bool) -> str:
    return "✓" if good else "✗"


def say(what: str) -> None:
    print(f"{time.strftime('%X')} {what} …", file=sys.stderr, flush=True)


def head(bench: Bench) -> Iterator[str]:
    information = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = next((line.partition(":")[2].strip() for line in information.splitlines() if "model name" in line), "?")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    sample = bench.photos["2 MP"][0].read_bytes()
    used = lossless.transformed(sample, Image.Transpose.ROTATE_180, grey=False, progressive=False) is not None
    yield f"{date.today()}, {os.cpu_count()} cores ({model}), {memory:.0f} GB. "
    yield f"Python {platform.python_version()}, Pillow {PIL.__version__}, kafka-python {kafka.__version__}, "
    yield f"TurboJPEG {'used' if used else 'not found: the workers did without'}.\n\n"
    yield "Photos: JPEG, quality 90, 4:2:0, "
    yield ", ".join(
        f"{width}×{height} ({bench.photos[size][0].stat().st_size / 1e6:.1f} MB)"
        for size, (width, height) in SIZES.items()
    )
    yield f". Medians of {ROUNDS} rounds in turns, ratios of the pairs; one core for each side. Time from event to "
    yield f"result: {PACED['2 MP']} photos of 2 MP, {PACED['12 MP']} of 12 MP, "
    yield f"coming at {LOAD:.0%} of what the reference can do.\n\n"
    yield "| | reference | suite | ratio | target |\n|---|---|---|---|---|\n"


def main() -> None:
    began = time.monotonic()
    cores = sorted(os.sched_getaffinity(0))
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="bench-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        os.sched_setaffinity(0, {cores[-1]})
        broker = Broker()
        stack.callback(broker.stop)
        bench = Bench(folder, broker.address, cores)
        say("photos")
        bench.make_photos()
        rows = [row for operation in MODULES for row in one_core(bench, operation)]
        rows += [*two_children(bench), *runtime(bench)]
        print("".join(head(bench)) + "\n".join(map(str, rows)))
        bench.producer.close()
        bench.admin.close()
    say(f"done in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
