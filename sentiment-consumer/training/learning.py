"""How the model learns: from rows, in batches of texts of like length."""

# mypy: allow-untyped-calls

import random
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812
from torch.nn.utils.rnn import pad_sequence
from transformers import BertForSequenceClassification

from .rows import LABELS, Row

_PAD = 1
_SURE = 0.9  # of the probability is that of the label, the rest that of any: labels err
_SAY = 100  # steps from one line to the next


class Lesson(NamedTuple):
    """What there is to learn: the tokens of each text, its label, and how much it counts."""

    tokens: list[Tensor]
    labels: Tensor
    weights: Tensor

    @classmethod
    def of(cls, tokens: Sequence[Sequence[int]], rows: Sequence[Row]) -> "Lesson":
        numbers = [torch.tensor(of_text, dtype=torch.int32) for of_text in tokens]
        labels = torch.tensor([LABELS.index(row.label) for row in rows])
        return cls(numbers, labels, torch.tensor([row.weight for row in rows]))


class Pace(NamedTuple):
    """How fast a model learns, and from how many texts at a time."""

    rate: float
    batch: int


def learn(model: BertForSequenceClassification, lesson: Lesson, pace: Pace, seed: int) -> None:
    """Teach the model the lesson, at a rate that goes up to that of the pace and down to nothing."""
    lengths = [len(tokens) for tokens in lesson.tokens]
    order = batches(lengths, pace.batch, seed)
    steps = len(order)
    fewer_bits = torch.ops.mkldnn._is_mkldnn_bf16_supported()  # where the CPU has no such numbers they are slower
    optimizer = torch.optim.AdamW(model.parameters(), lr=pace.rate, weight_decay=0.01)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(step / (0.06 * steps), 1 - step / steps))
    torch.manual_seed(seed)
    model.train()
    total, start = 0.0, time.monotonic()
    for step, chosen in enumerate(order, 1):
        index = torch.tensor(chosen)
        ids = pad_sequence([lesson.tokens[i] for i in chosen], batch_first=True, padding_value=_PAD).long()
        with torch.autocast("cpu", torch.bfloat16, enabled=fewer_bits):
            logits = model(ids, attention_mask=(ids != _PAD).long()).logits.float()
        losses = F.cross_entropy(logits, lesson.labels[index], reduction="none", label_smoothing=1 - _SURE)
        loss = (losses * lesson.weights[index]).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
        total += loss.item()
        if step % _SAY == 0 or step == steps:
            loss_now, seconds = total / (step % _SAY or _SAY), time.monotonic() - start
            print(f"  step {step} of {steps}, loss {loss_now:.3f}, {seconds:.0f} s", flush=True)
            total = 0.0
    model.eval()


def batches(lengths: Sequence[int], size: int, seed: int) -> list[list[int]]:
    """Return the indices of each batch: at random, but texts of like length together, which saves padding."""
    chance = random.Random(seed)  # noqa: S311
    order = list(range(len(lengths)))
    chance.shuffle(order)
    found = [
        batch for some in _slices(order, 64 * size) for batch in _slices(sorted(some, key=lambda i: lengths[i]), size)
    ]
    chance.shuffle(found)
    return found


def _slices(indices: list[int], size: int) -> Iterator[list[int]]:
    return (indices[start : start + size] for start in range(0, len(indices), size))
