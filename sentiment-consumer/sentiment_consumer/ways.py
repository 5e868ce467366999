"""The ways to multiply by the weights of a linear layer on a CPU: as they are, or in whole numbers of 8 bits.

Which ways there are, and how quick they are, depends on the processor and on how torch was built: `race.py` finds out.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from math import inf
from warnings import catch_warnings

import torch
from sandbox import available_cores
from torch import Tensor, nn

from .race import MANY_TOKENS, Run

MIN_OUTPUTS = 64
"""Smaller layers stay as they are; among them is the classifier."""
MIN_TOKENS_FOR_THREADS = 64
"""For fewer tokens, waking threads on other cores takes longer than they save."""
MIN_MANY_TOKENS = 48
"""From here on the way for many tokens is taken: halfway, as ratios go, between the numbers that are raced."""
ROWS_PER_CHUNK = 32
"""How many rows of weights are quantised at a time."""
LARGEST = 127
"""The largest number of 8 bits, with a sign."""
LARGEST_WEIGHT, LARGEST_INPUT = 90, 180
"""On x86 without VNNI, fbgemm adds two products in 16 bits: they must not exceed 32767."""
SMALLEST = 1e-12
"""Of the numbers that are divided by."""
ENGINES = ("fbgemm", "onednn", "qnnpack")
"""Those of torch for quantised layers: two for x86, one for ARM."""

Multiply = Callable[[Tensor], Tensor]
"""A linear layer as a function of rows: of their own, not of the rest of the batch or of padding."""
Way = Callable[[nn.Linear], Multiply]
"""Prepares a layer. What torch lacks here raises, at the latest when it multiplies."""


def exact(layer: nn.Linear) -> Multiply:
    multiply: Multiply = layer
    return multiply


def int_mm(layer: nn.Linear) -> Multiply:
    """By a product of integers, which oneDNN has for processors with VNNI; without, it is slower than `exact`."""
    scales = _scales(layer.weight, LARGEST)
    weight = torch.empty(layer.weight.shape, dtype=torch.int8)
    for start in range(0, layer.out_features, ROWS_PER_CHUNK):  # small chunks, so that their memory is returned
        chunk = slice(start, start + ROWS_PER_CHUNK)
        weight[chunk] = (layer.weight.detach()[chunk] / scales[chunk]).round_().to(torch.int8)
    columns, scales, bias = weight.t(), scales.flatten(), _bias(layer)

    def multiply(rows: Tensor) -> Tensor:
        scale = _scales(rows, LARGEST)
        products = torch._int_mm((rows / scale).round_().to(torch.int8), columns).float().mul_(scale)
        return torch.addcmul(bias, products, scales)

    return multiply


def packed(engine: str, layer: nn.Linear) -> Multiply:
    """By an engine for quantised layers. It has one scale for all rows, so each is stretched to 0 … 1 first."""
    scales = _scales(layer.weight, LARGEST_WEIGHT if engine == "fbgemm" else LARGEST).flatten().double()
    zeros = torch.zeros(layer.out_features, dtype=torch.long)
    with _engine(engine), catch_warnings(action="ignore"):  # that torch may drop them; then this is a way no more
        weight = torch.quantize_per_channel(layer.weight.detach(), scales, zeros, 0, torch.qint8)
        parameters = torch.ops.quantized.linear_prepack(weight, None)
    sums = (weight.int_repr().sum(1) * scales).float()
    bias = _bias(layer)

    def multiply(rows: Tensor) -> Tensor:
        least, most = torch.aminmax(rows, dim=-1, keepdim=True)
        scale = (most - least).clamp_min_(SMALLEST)
        stretched = (rows - least).div_(scale)
        if engine == "fbgemm":
            products = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32(
                stretched, 1 / LARGEST_INPUT, 0, parameters
            )
        else:  # they look for the range themselves; qnnpack has room for the sums, the other for inputs of 7 bits
            products = torch.ops.quantized.linear_dynamic(stretched, parameters, engine != "qnnpack")
        return products.mul_(scale).addcmul_(least, sums).add_(bias)

    return multiply


REFERENCE = "32 bits"
WAYS: Mapping[str, Way] = {
    REFERENCE: exact,
    **{f"8 bits by {engine}": partial(packed, engine) for engine in ENGINES},
    "8 bits by int_mm": int_mm,
}


class EitherLinear(nn.Module):
    """A linear layer that goes one way for few tokens, and one for many."""

    weight: Tensor

    def __init__(self, few: Multiply, many: Multiply):
        super().__init__()
        self.few, self.many = few, many
        self.register_buffer("weight", torch.empty(0, dtype=torch.int8))  # some networks ask for its type

    def forward(self, values: Tensor) -> Tensor:
        rows = values.reshape(-1, values.shape[-1])
        multiply = self.few if len(rows) < MIN_MANY_TOKENS else self.many
        return multiply(rows).reshape(*values.shape[:-1], -1)


def layers(network: nn.Module) -> list[nn.Linear]:
    """The layers that may go other ways than `exact`."""
    return [module for module in network.modules() if _may_change(module)]


def runs(ways: Mapping[str, Way], network: nn.Module) -> dict[str, Run]:
    """What to race: each way with one layer of each size, as often as the network has it, in proportion."""
    sizes = Counter(layer.weight.shape for layer in layers(network))
    sample = {layer.weight.shape: layer for layer in layers(network)}
    fewest = min(sizes.values())
    shares = [(layer, min(4, sizes[size] // fewest)) for size, layer in sample.items()]  # of BERT, one block
    return {name: _run(way, shares) for name, way in ways.items()}


def take(module: nn.Module, few: Way, many: Way) -> None:
    """Make the layers in `module` go these ways, one at a time, so that the memory of each is freed before the next."""
    if few is many is exact:
        return
    for name, child in module.named_children():
        if _may_change(child):
            prepared = few(child)
            setattr(module, name, EitherLinear(prepared, prepared if many is few else many(child)))
        else:
            take(child, few, many)


def use_threads(tokens: int) -> None:
    torch.set_num_threads(available_cores() if tokens >= MIN_TOKENS_FOR_THREADS else 1)


def _may_change(module: nn.Module) -> bool:
    return type(module) is nn.Linear and module.out_features >= MIN_OUTPUTS


def _run(way: Way, shares: list[tuple[nn.Linear, int]]) -> Run:
    prepared: list[tuple[Multiply, Tensor]] = []

    def run(tokens: int) -> None:
        if not prepared:
            for layer, times in shares:
                prepared.extend([(way(layer), torch.ones(MANY_TOKENS, layer.in_features))] * times)
        use_threads(tokens)
        for multiply, rows in prepared:
            multiply(rows[:tokens])

    return run


def _scales(rows: Tensor, largest: int) -> Tensor:
    """For each row, what its largest number is `largest` times."""
    return torch.linalg.vector_norm(rows.detach(), inf, -1, keepdim=True).div_(largest).clamp_min_(SMALLEST)


def _bias(layer: nn.Linear) -> Tensor:
    return torch.zeros(layer.out_features) if layer.bias is None else layer.bias.detach().clone()


@contextmanager
def _engine(name: str) -> Iterator[None]:
    """Makes torch pack weights for an engine, which it asks of the whole process. Raises where it has no such one."""
    before = torch.backends.quantized.engine
    torch.backends.quantized.engine = name
    try:
        yield
    finally:
        torch.backends.quantized.engine = before
