"""The sentiment consumer's figures: python -m bench.sentiment [FOLDER with dev.csv]. BENCH_QUICK=1 only tries it out.

A consumer as courses teach it (sentiment_reference.py) and the suite's get the same messages from the same broker,
in turns, each with all cores. Both have the same weights: the size of BERT-base, drawn by chance, since speed
does not ask what they say. How quick the suite's is depends on what the processor has for whole numbers: what it has
is printed, and where it has more than AVX2, both are measured again as if it had not.
"""

import csv
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from kafka import KafkaConsumer, TopicPartition

from . import processor
from .bench import Bench
from .broker import running_broker
from .scope import QUICK, say, wanted
from .table import Row, percentiles, verdict

REFERENCE = Path(__file__).with_name("sentiment_reference.py")
PARTITIONS = 2
ROUNDS = 1 if QUICK else 3
OF_A_ROUND = (4, 64) if QUICK else (30, 600)
"""Messages for the reference, and for the suite."""
ALONE = 4 if QUICK else 40
"""Messages that come one at a time, each when the one before is answered."""
PATIENCE = 300
"""Seconds until answers count as lost."""
TARGETS = {"rate": 9, "latency": 6, "MB": 900, "labels": 0.99}
TARGETS_WITH_VNNI = TARGETS | {"rate": 20, "latency": 9}
FEATURES = ("asimddp", "i8mm", "avx2", "avx_vnni", "avx512f", "avx512_vnni", "amx_int8")
"""What processors may have for many numbers at a time, by its name in /proc/cpuinfo."""
AVX2_ALONE = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "FBGEMM_ENABLE_INSTRUCTIONS": "AVX2"}
"""Makes torch, oneDNN and fbgemm think that this processor has no more."""
LABELS = ("negative", "neutral", "positive")


def vocabulary() -> list[str]:
    """30,000 words without sense, as many as BERT has."""
    syllables = [a + b for a in "bcdfghjlmnpqrstvxz" for b in ("a", "e", "i", "o", "u", "ão", "es")]
    chance, words = random.Random(1), set()
    while len(words) < 29_900:
        words.add("".join(chance.choices(syllables, k=chance.randint(1, 3))))
    return sorted(words)


def messages(number: int, seed: int) -> list[str]:
    """As people write in a chat: most have less than ten words, some have a hundred."""
    chance, words = random.Random(seed), vocabulary()
    lengths = [min(150, 1 + int(chance.lognormvariate(1.9, 0.8))) for _ in range(number)]
    return [" ".join(chance.choices(words, k=length)) for length in lengths]


def make_model(folder: Path) -> None:
    """A BERT of 12 layers, 768 wide, with a tokenizer for these messages."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    torch.manual_seed(1)
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *vocabulary()]
    words = Tokenizer(models.WordPiece({piece: at for at, piece in enumerate(pieces)}, unk_token="[UNK]"))
    words.normalizer = normalizers.BertNormalizer(strip_accents=False)
    words.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    ends = [("[CLS]", 2), ("[SEP]", 3)]
    words.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=words, model_max_length=512, **names).save_pretrained(folder)
    named = dict(enumerate(LABELS))
    BertForSequenceClassification(BertConfig(vocab_size=len(pieces), id2label=named)).save_pretrained(folder)


class Consumer:
    """A program under test: messages go to it, answers come from it."""

    def __init__(self, bench: Bench, name: str, command: Sequence[str], model: Path, cap: Mapping[str, str]):
        self.bench = bench
        self.topic, self.answers = f"{name}-chatbot", f"{name}-sentiment"
        bench.create_topics(self.topic, self.answers, f"{name}-handoff", partitions=PARTITIONS)
        environment = (
            bench.environment(f"{name}-", PARTITIONS)
            | cap
            | {
                "SENTIMENT_MODEL": str(model),
                "KAFKA_FETCH_MAX_WAIT_MS": "10",  # an idle fetch from this broker takes so long, from others no time
                "OMP_WAIT_POLICY": "passive",  # as the suite's does; on a busy machine it spares the reference seconds
            }
        )
        arguments = [part.format(topic=self.topic, answers=self.answers, model=model) for part in command]
        self.process = subprocess.Popen(
            [sys.executable, *arguments], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.consumer = KafkaConsumer(bootstrap_servers=bench.broker.address, fetch_max_wait_ms=10)
        self.consumer.assign([TopicPartition(self.answers, number) for number in range(PARTITIONS)])
        self.consumer.seek_to_beginning()

    def answer(self, texts: Sequence[str]) -> tuple[dict[str, float], dict[str, float]]:
        """Send messages; when each was sent, and when it was answered, in seconds."""
        sent: dict[str, float] = {}
        for number, text in enumerate(texts):
            session = str(uuid.uuid4())
            event = {"sessao": session, "nome": "Ana", "pergunta": text, "resposta": ""}
            record = self.bench.producer.send(self.topic, json.dumps(event).encode(), partition=number % PARTITIONS)
            sent[session] = record.get(10).timestamp / 1000 if len(texts) == 1 else time.time()
        answered: dict[str, float] = {}
        deadline = time.monotonic() + PATIENCE
        while len(answered) < len(sent):
            for records in self.consumer.poll(timeout_ms=50).values():
                found = {json.loads(record.value)["sessao"]: record.timestamp / 1000 for record in records}
                answered |= {session: at for session, at in found.items() if session in sent}
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{self.topic}: {len(answered)} of {len(sent)} messages were answered")
        return sent, answered

    def rate(self, texts: Sequence[str]) -> float:
        """Messages a second, from the first that is sent to the last that is answered."""
        sent, answered = self.answer(texts)
        return len(texts) / (max(answered.values()) - min(sent.values()))

    def latency(self, text: str) -> float:
        """Seconds from the message to its answer, with nothing else to do."""
        sent, answered = self.answer([text])
        ((session, at),) = answered.items()
        return at - sent[session]

    @property
    def peak(self) -> float:
        """The most memory that it had, in MB."""
        text = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmHWM")) * 1024 / 1e6

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.consumer.close()


def features() -> list[str]:
    """Which of FEATURES this processor has."""
    found = processor.features()
    return [feature for feature in FEATURES if feature in found]


def has_vnni() -> bool:
    return any(feature.endswith("vnni") for feature in features())


def sentiment(bench: Bench, data: Path | None = None) -> Iterator[Row]:
    """The lines of the table; with a folder that holds dev.csv, how alike the labels are too."""
    model = bench.folder / "bert-base"
    say("sentiment, weights")
    make_model(model)
    yield from _pair(bench, model, "sentiment", {}, TARGETS_WITH_VNNI if has_vnni() else TARGETS)
    if {"avx2"} < set(features()):
        yield from _pair(bench, model, "sentiment, AVX2 alone", AVX2_ALONE, TARGETS)
    if data:
        yield from _agreements(data)


def _pair(bench: Bench, model: Path, what: str, cap: Mapping[str, str], targets: Mapping[str, float]) -> Iterator[Row]:
    """The lines of the reference beside the suite."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(bench.cores))  # inherited by both programs
    with ExitStack() as stack:
        stack.callback(os.sched_setaffinity, 0, cores)
        commands = {
            "reference": [str(REFERENCE), "{model}", "{topic}", "{answers}"],
            "suite": ["-m", "sentiment_consumer"],
        }
        pair = []
        for name, command in commands.items():
            pair.append(Consumer(bench, f"{name}-feel{len(cap)}", command, model, cap))
            stack.callback(pair[-1].stop)
        for program in pair:
            program.answer(messages(2, seed=0))
        yield _rates(pair, what, targets)
        yield from _latencies(pair, what, targets)
        peaks = [program.peak for program in pair]
        shown = [f"{peak:.0f} MB" for peak in peaks]
        wanted = f"≤ {targets['MB']} MB {verdict(peaks[1] <= targets['MB'])}"
        yield Row(f"{what}: peak memory", *shown, f"{peaks[1] / peaks[0]:.2f}×", wanted)


def _rates(pair: list[Consumer], what: str, targets: Mapping[str, float]) -> Row:
    say(f"{what}, under load")
    rates = []
    for turn in range(ROUNDS):
        texts = messages(max(OF_A_ROUND), seed=turn + 1)
        rates.append([program.rate(texts[:number]) for program, number in zip(pair, OF_A_ROUND, strict=True)])
    theirs, ours = (median(column) for column in zip(*rates, strict=True))
    ratio = median(our / their for their, our in rates)
    wanted = f"≥ {targets['rate']}× {verdict(ratio >= targets['rate'])}"
    return Row(f"{what}: messages a second", f"{theirs:.1f}", f"{ours:.1f}", f"{ratio:.1f}×", wanted)


def _latencies(pair: list[Consumer], what: str, targets: Mapping[str, float]) -> Iterator[Row]:
    say(f"{what}, one at a time")
    texts = messages(ALONE, seed=99)
    times = [[program.latency(text) for text in texts] for program in pair]
    for name, place in (("p50", 49), ("p99", 98)):
        theirs, ours = (1000 * percentiles(column)[place] for column in times)
        wanted = f"≥ {targets['latency']}× less {verdict(theirs / ours >= targets['latency'])}" if name == "p50" else ""
        yield Row(
            f"{what}: message to answer, {name}",
            f"{theirs:.0f} ms",
            f"{ours:.0f} ms",
            f"{theirs / ours:.1f}× less",
            wanted,
        )


def _agreements(data: Path) -> Iterator[Row]:
    """How often the shipped model gives the same label by each way of this processor as with fractions of 32 bits."""
    from sentiment_consumer.model import Model
    from sentiment_consumer.network import UnusableModel
    from sentiment_consumer.settings import SHIPPED
    from sentiment_consumer.ways import WAYS, int_mm

    with (data / "dev.csv").open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)][: 64 if QUICK else None]
    expected: list[str] = []
    for name, way in WAYS.items():
        if way is int_mm and not has_vnni():
            continue  # it takes an hour, and never wins
        say(f"sentiment, labels, {name}")
        try:
            readings = Model(str(SHIPPED), {name: way})(texts)
        except UnusableModel:  # this processor or this torch has no such way
            continue
        found = [max(LABELS, key=reading.__getitem__) for reading in readings]
        expected = expected or found
        alike = sum(one == other for one, other in zip(expected, found, strict=True)) / len(texts)
        wanted = f"≥ {TARGETS['labels']:.0%} {verdict(alike >= TARGETS['labels'])}"
        yield Row(f"sentiment: labels, {name}, as with 32 bits, {len(texts):,} texts", "", f"{alike:.2%}", "", wanted)


def main() -> None:
    if not wanted("sentiment"):
        return
    data = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    cores = sorted(os.sched_getaffinity(0))
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="bench-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        broker = stack.enter_context(running_broker(set(cores)))
        bench = stack.enter_context(Bench(folder, broker, cores))
        print(f"This processor has {', '.join(features()) or 'none of ' + ', '.join(FEATURES)}.\n")
        print("| | reference | suite | ratio | target |\n|---|---|---|---|---|")
        for row in sentiment(bench, data):
            print(row, flush=True)


if __name__ == "__main__":
    main()
