"""Each way that this processor and this torch have multiplies as exactly as 8 bits allow."""

import warnings

import pytest
import torch
from sentiment_consumer import ways
from sentiment_consumer.network import load
from sentiment_consumer.ways import EitherLinear, Way, exact, layers, packed, runs, take
from torch import Tensor, nn


def is_here(way: Way) -> bool:
    try:
        way(nn.Linear(64, 64))(torch.ones(2, 64))
    except Exception:
        return False
    return True


HERE = {name: way for name, way in ways.WAYS.items() if is_here(way)}
each = pytest.mark.parametrize("way", HERE.values(), ids=HERE.keys())


def test_there_is_a_way_in_8_bits() -> None:
    assert len(HERE) > 1


@each
def test_a_product_is_close_to_the_exact_one(way: Way) -> None:
    torch.manual_seed(3)
    layer = nn.Linear(96, 128)
    rows = torch.randn(18, 96) * torch.rand(18, 1) * 30
    with torch.inference_mode():
        assert error(way(layer)(rows), layer(rows)) < 0.025
        assert torch.allclose(way(layer)(torch.zeros(1, 96)), layer.bias[None], atol=1e-6)


@each
def test_large_weights_and_inputs_do_not_overflow(way: Way) -> None:
    layer = nn.Linear(768, 64, bias=False)
    with torch.inference_mode():
        layer.weight.fill_(1.0)[:, ::3] = -1.0
        rows = torch.ones(4, 768)
        rows[1:] *= torch.tensor([-5.0, 0.01, 1e6])[:, None]
        assert error(way(layer)(rows), layer(rows)) < 0.02


@each
def test_a_row_of_small_numbers_is_as_exact_beside_one_of_large_numbers(way: Way) -> None:
    torch.manual_seed(3)
    layer, small, large = nn.Linear(96, 64, bias=False), torch.randn(1, 96) / 1000, torch.randn(1, 96) * 1000
    with torch.inference_mode():
        assert error(way(layer)(torch.cat([small, large]))[:1], layer(small)) < 0.03


@each
def test_a_row_does_not_depend_on_the_others(way: Way) -> None:
    torch.manual_seed(3)
    layer, rows = nn.Linear(96, 64), torch.rand(9, 96)
    rows[5] -= 0.5
    with torch.inference_mode():
        multiply = way(layer)
        assert torch.allclose(multiply(rows)[:1], multiply(rows[:1]), atol=1e-5)


def error(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize(
    "missing", ["linear_prepack", "linear_dynamic", "linear_with_input_q_dq_qweight_dq_output_fp32"]
)
def test_operations_that_torch_has_no_more_are_no_way(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    class Fewer:
        def __getattr__(self, name: str) -> object:
            if name == missing:
                raise AttributeError(name)
            return getattr(operations, name)

    operations = torch.ops.quantized
    monkeypatch.setattr(torch.ops, "quantized", Fewer())
    lost = [name for name, way in HERE.items() if not is_here(way)]
    assert lost
    assert is_here(exact)
    assert is_here(ways.int_mm)


def test_an_unknown_engine_is_no_way_and_torch_keeps_its_own() -> None:
    before = torch.backends.quantized.engine
    with pytest.raises(RuntimeError):
        packed("abacus", nn.Linear(64, 64))
    for name in ways.ENGINES:
        is_here(ways.WAYS[f"8 bits by {name}"])
    assert torch.backends.quantized.engine == before


def test_packing_warns_nobody() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for way in HERE.values():
            way(nn.Linear(64, 64))


def times(factor: float) -> Way:
    return lambda _layer: lambda rows: rows.new_full((len(rows), 64), factor)


@pytest.mark.parametrize(("shape", "factor"), [((1, 12, 64), 2), ((47, 64), 2), ((48, 64), 3), ((4, 60, 64), 3)])
def test_few_tokens_go_one_way_and_many_another(shape: tuple[int, ...], factor: float) -> None:
    network = nn.Sequential(nn.Linear(64, 64))
    take(network, times(2), times(3))
    found = network(torch.ones(shape))
    assert found.shape == (*shape[:-1], 64)
    assert (found == factor).all()


def test_all_layers_but_the_classifier_change(tiny_model: str) -> None:
    _tokenizer, network = load(str(tiny_model))
    before = [name for name, module in network.named_modules() if type(module) is nn.Linear]
    take(network, exact, exact)
    assert [name for name, module in network.named_modules() if type(module) is nn.Linear] == before
    take(network, ways.int_mm, ways.int_mm)
    changed = [name for name, module in network.named_modules() if isinstance(module, EitherLinear)]
    assert sorted([*changed, "classifier"]) == sorted(before)
    assert layers(network) == []
    assert network.bert.encoder.layer[0].intermediate.dense.weight.dtype is torch.int8


def test_each_size_is_raced_as_often_as_it_is_there() -> None:
    """In a network of two blocks like those of BERT, with a projection before them."""

    def blocks() -> list[nn.Linear]:
        sizes = [*[(64, 64)] * 4, (64, 128), (128, 64)] * 2
        return [nn.Linear(inputs, outputs) for inputs, outputs in sizes]

    def way(layer: nn.Linear) -> ways.Multiply:
        return lambda rows: raced.append((len(rows), *layer.weight.shape)) or rows

    raced: list[tuple[int, ...]] = []
    runs({"way": way}, nn.Sequential(*blocks()))["way"](5)
    assert raced == [*[(5, 64, 64)] * 4, (5, 128, 64), (5, 64, 128)]
    raced.clear()
    runs({"way": way}, nn.Sequential(nn.Linear(32, 64), *blocks()))["way"](5)
    assert raced == [(5, 64, 32), *[(5, 64, 64)] * 4, *[(5, 128, 64)] * 2, *[(5, 64, 128)] * 2]
