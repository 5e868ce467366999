"""The model: batches and quantisation do not change its results; unusable models are refused."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny_models
import torch
from sentiment_consumer.model import Model
from sentiment_consumer.network import UnusableModel, load, max_tokens
from sentiment_consumer.ways import WAYS, EitherLinear, Way, exact, int_mm, take
from torch import Tensor, nn

TEXTS = ["não", "the order is late!", "obrigado", "meu pedido não chegou? " * 5, "thanks", "is late, the order", "zyx"]
SLOW_SECONDS = 0.02


def test_a_batch_has_the_results_of_single_texts(tiny_model: Path) -> None:
    model = Model(str(tiny_model))
    batched = model(TEXTS)
    for text, result in zip(TEXTS, batched, strict=True):
        assert result == pytest.approx(model([text])[0], abs=2e-4)
        assert sum(result.values()) == pytest.approx(1, abs=3e-4)
    assert len({json.dumps(result) for result in batched}) == len(TEXTS)


def test_padding_changes_nothing(tiny_model: Path) -> None:
    tokenizer, network = load(str(tiny_model))
    take(network, int_mm, int_mm)
    with torch.inference_mode():
        bare = network(**tokenizer(["não chegou"], return_tensors="pt")).logits
        padded = network(**tokenizer(["não chegou"], return_tensors="pt", padding="max_length", max_length=60)).logits
    assert torch.allclose(bare, padded, atol=1e-4)


def test_the_order_of_the_labels_does_not_matter(tiny_model: Path, tmp_path: Path) -> None:
    other = tiny_models.save(tmp_path, labels=("5 stars", "3 stars", "2 stars", "1 star", "4 stars"))
    tokenizer, network = load(str(other))
    with torch.inference_mode():
        five = network(**tokenizer(["não"], return_tensors="pt")).logits.softmax(-1)[0].tolist()
    result = Model(str(other))(["não"])[0]
    expected = {"positive": five[0] + five[4], "neutral": five[1], "negative": five[2] + five[3]}
    assert result == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("text", ["", " \t\n", "\u200b", "😡😡", "你好"])
def test_a_text_without_known_tokens_is_neutral(angry_model: Path, text: str) -> None:
    assert Model(str(angry_model))([text, "não"]) == [
        {"negative": 0.0, "neutral": 1.0, "positive": 0.0},
        {"negative": 1.0, "neutral": 0.0, "positive": 0.0},
    ]


def test_long_texts_are_truncated(tiny_model: Path) -> None:
    model = Model(str(tiny_model))
    text = "the order is late " * 40_000
    assert model([text]) == model(["the order is late " * 30])
    assert model([]) == []


class Offset(nn.Module):
    """Like RoBERTa, which counts positions from the one after padding."""

    def __init__(self, positions: int):
        super().__init__()
        self.position_embeddings = nn.Embedding(positions, 4, padding_idx=1)
        self.config = type("Config", (), {"max_position_embeddings": positions})


def test_the_maximum_number_of_tokens(tiny_model: Path) -> None:
    tokenizer, network = load(str(tiny_model))
    assert max_tokens(tokenizer, network) == 64
    assert max_tokens(tokenizer, Offset(514)) == 512
    tokenizer.model_max_length = 20
    assert max_tokens(tokenizer, network) == 20


@pytest.mark.parametrize("name", [name for name in WAYS if name != "32 bits"])
def test_8_bits_change_probabilities_little(tiny_model: Path, name: str) -> None:
    try:
        found = Model(str(tiny_model), {name: WAYS[name]})(TEXTS)
    except UnusableModel:
        pytest.skip("this processor or this torch has no such way")
    for one, other in zip(found, Model(str(tiny_model), {"32 bits": exact})(TEXTS), strict=True):
        assert one == pytest.approx(other, abs=0.1)


def quick(sign: float) -> Way:
    """A way that is done at once in a race, where all inputs are ones; else it multiplies, with this sign."""

    def prepare(layer: nn.Linear) -> Callable[[Tensor], Tensor]:
        return lambda rows: rows if (rows == 1).all() else sign * layer(rows)

    return prepare


@pytest.fixture
def slow_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers that take so long in a race that a busy machine makes no other way slower."""
    forward = nn.Linear.forward

    def slow(layer: nn.Linear, rows: Tensor) -> Tensor:
        if (rows == 1).all():
            time.sleep(SLOW_SECONDS)
        return forward(layer, rows)

    monkeypatch.setattr(nn.Linear, "forward", slow)


def is_changed(model: Model) -> bool:
    return any(isinstance(module, EitherLinear) for module in model._network.modules())


@pytest.mark.usefixtures("slow_layers")
def test_a_quicker_way_with_the_same_labels_is_taken(tiny_model: Path) -> None:
    expected = Model(str(tiny_model), {"32 bits": exact})
    model = Model(str(tiny_model), {"32 bits": exact, "quick": quick(1)})
    assert is_changed(model)
    assert model(TEXTS) == expected(TEXTS)


@pytest.mark.usefixtures("slow_layers")
def test_a_quicker_way_with_other_labels_is_refused(tiny_model: Path) -> None:
    expected = Model(str(tiny_model), {"32 bits": exact})
    model = Model(str(tiny_model), {"32 bits": exact, "wrong": quick(-1)})
    assert not is_changed(model)
    assert model(TEXTS) == expected(TEXTS)


def test_16_bit_weights_are_supported(tiny_model: Path, tmp_path: Path) -> None:
    tokenizer, network = load(str(tiny_model))
    network.half().save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    for one, other in zip(Model(str(tmp_path))(TEXTS), Model(str(tiny_model))(TEXTS), strict=True):
        assert one == pytest.approx(other, abs=0.05)


def test_legacy_weights_are_supported(tiny_model: Path, tmp_path: Path) -> None:
    tokenizer, network = load(str(tiny_model))
    network.config.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    torch.save(network.state_dict(), tmp_path / "pytorch_model.bin")
    assert Model(str(tmp_path))(TEXTS) == Model(str(tiny_model))(TEXTS)


def test_a_tokenizer_with_the_file_of_sentencepiece_alone_is_read(tmp_path: Path) -> None:
    model = Model(str(tiny_models.save_with_sentencepiece(tmp_path)))
    late, thanks = model(["the order is late", "obrigado!"])
    assert late != thanks


def logits_of(folder: Path, text: str) -> torch.Tensor:
    tokenizer, network = load(str(folder))
    with torch.inference_mode():
        logits: torch.Tensor = network(**tokenizer([text], return_tensors="pt")).logits[0]
    return logits


def test_outputs_that_are_each_a_yes_or_no_are_no_shares_of_one(tmp_path: Path) -> None:
    """A head for several labels at once: of two labels of one sentiment the likelier counts."""
    labels = ("very negative", "negative", "neutral", "positive", "very positive")
    folder = tiny_models.save(tmp_path, labels, bias=(1.0, 2.0, -1.0), problem_type="multi_label_classification")
    yes = logits_of(folder, "não").sigmoid().tolist()
    expected = {"negative": max(yes[:2]), "neutral": yes[2], "positive": max(yes[3:])}
    assert Model(str(folder), {"32 bits": exact})(["não"])[0] == pytest.approx(expected, abs=1e-3)


def test_where_no_label_is_a_yes_the_text_is_neutral(tmp_path: Path) -> None:
    config = {"problem_type": "multi_label_classification"}
    folder = tiny_models.save(tmp_path, ("negative", "positive"), bias=(-20.0, -20.0), **config)
    assert Model(str(folder))(["não"])[0] == {"negative": 0.0, "neutral": 1.0, "positive": 0.0}


def test_labels_that_tell_nothing_may_be_named(tmp_path: Path) -> None:
    folder = tiny_models.save(tmp_path, ("A", "B", "C"), bias=(0.0, 90.0))
    assert "SENTIMENT_LABELS" in refusal_message(folder)
    result = Model(str(folder), labels="positive, negative, neutral")(["não"])[0]
    assert result == {"negative": 1.0, "neutral": 0.0, "positive": 0.0}
    with pytest.raises(UnusableModel, match="has 3 outputs, not 2"):
        Model(str(folder), labels="negative,positive")


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    return tiny_models.save(tmp_path)


def refusal_message(folder: Path) -> str:
    with pytest.raises(UnusableModel) as caught:
        Model(str(folder))
    message = str(caught.value)
    assert message.startswith(str(folder))
    assert len(message.splitlines()) == 1
    return message


def test_ambiguous_labels_are_refused(tmp_path: Path) -> None:
    assert "joy, anger, fear" in refusal_message(tiny_models.save(tmp_path, labels=("joy", "anger", "fear")))


def test_a_model_that_does_not_classify_is_refused(tmp_path: Path) -> None:
    assert "not a model for classification" in refusal_message(tiny_models.save(tmp_path, classifies=False))


@pytest.mark.parametrize("size", [0, 100, 20_000])
def test_damaged_weights_are_refused(broken: Path, size: int) -> None:
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:size])
    assert "cannot be read" in refusal_message(broken)


def test_nan_weights_are_refused(broken: Path) -> None:
    _tokenizer, network = load(str(broken))
    with torch.no_grad():
        network.classifier.weight.fill_(float("nan"))
    network.save_pretrained(broken)
    assert "does not work" in refusal_message(broken)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", "{"),
        ("config.json", "{}"),
        ("config.json", '{"model_type": "nobody-knows"}'),
        ("config.json", '{"model_type": "t5gemma_decoder"}'),
        ("tokenizer.json", "{"),
    ],
)
def test_damaged_configurations_are_refused(broken: Path, name: str, content: str) -> None:
    (broken / name).write_text(content)
    refusal_message(broken)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_a_missing_file_is_refused(broken: Path, name: str) -> None:
    (broken / name).unlink()
    refusal_message(broken)
