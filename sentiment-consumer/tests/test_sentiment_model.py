"""The model: batches answer as single texts do, whole numbers as fractions do, and what is no model is told."""

import json
from pathlib import Path

import pytest
import tiny_models
import torch
from sentiment_consumer import int8
from sentiment_consumer.model import Model
from sentiment_consumer.network import Unusable, longest, read
from torch import nn

TEXTS = ["não", "the order is late!", "obrigado", "meu pedido não chegou? " * 5, "thanks", "is late, the order", "zyx"]


def test_texts_answer_alone_as_they_do_in_a_batch(tiny_model: Path) -> None:
    model = Model(str(tiny_model))
    together = model(TEXTS)
    for text, answer in zip(TEXTS, together, strict=True):
        assert answer == pytest.approx(model([text])[0], abs=2e-4)
        assert sum(answer.values()) == pytest.approx(1, abs=3e-4)
    assert len({json.dumps(answer) for answer in together}) == len(TEXTS)


def test_padding_changes_nothing(tiny_model: Path) -> None:
    tokenizer, network = read(str(tiny_model))
    int8.quantise(network)
    with torch.inference_mode():
        bare = network(**tokenizer(["não chegou"], return_tensors="pt")).logits
        padded = network(**tokenizer(["não chegou"], return_tensors="pt", padding="max_length", max_length=60)).logits
    assert torch.allclose(bare, padded, atol=1e-4)


def test_labels_in_another_order_say_the_same(tiny_model: Path, tmp_path: Path) -> None:
    other = tiny_models.save(tmp_path, labels=("5 stars", "3 stars", "2 stars", "1 star", "4 stars"))
    tokenizer, network = read(str(other))
    with torch.inference_mode():
        five = network(**tokenizer(["não"], return_tensors="pt")).logits.softmax(-1)[0].tolist()
    answer = Model(str(other))(["não"])[0]
    expected = {"positive": five[0] + five[4], "neutral": five[1], "negative": five[2] + five[3]}
    assert answer == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("text", ["", " \t\n", "\u200b", "😡😡", "你好"])
def test_what_cannot_be_read_is_neutral(angry_model: Path, text: str) -> None:
    assert Model(str(angry_model))([text, "não"]) == [
        {"negative": 0.0, "neutral": 1.0, "positive": 0.0},
        {"negative": 1.0, "neutral": 0.0, "positive": 0.0},
    ]


def test_long_texts_are_cut_to_what_the_model_takes(tiny_model: Path) -> None:
    model = Model(str(tiny_model))
    text = "the order is late " * 40_000
    assert model([text]) == model(["the order is late " * 30])
    assert model([]) == []


class Offset(nn.Module):
    """As RoBERTa's: places are counted from the one after padding."""

    def __init__(self, places: int):
        super().__init__()
        self.position_embeddings = nn.Embedding(places, 4, padding_idx=1)
        self.config = type("Config", (), {"max_position_embeddings": places})


def test_how_long_a_text_may_be(tiny_model: Path) -> None:
    tokenizer, network = read(str(tiny_model))
    assert longest(tokenizer, network) == 64
    assert longest(tokenizer, Offset(514)) == 512
    tokenizer.model_max_length = 20
    assert longest(tokenizer, network) == 20


def test_whole_numbers_are_near_to_fractions() -> None:
    torch.manual_seed(3)
    layer = nn.Linear(96, 128)
    values = torch.randn(2, 9, 96) * torch.rand(2, 9, 1) * 30
    exact, near = layer(values), int8.Int8Linear(layer)(values)
    assert near.shape == exact.shape
    assert (near - exact).norm() / exact.norm() < 0.02
    silent = int8.Int8Linear(layer)(torch.zeros(1, 96))
    assert torch.allclose(silent, layer.bias[None])


def test_layers_that_pay_become_whole_numbers_and_the_last_stays(tiny_model: Path) -> None:
    _tokenizer, network = read(str(tiny_model))
    exact = [name for name, module in network.named_modules() if type(module) is nn.Linear]
    int8.quantise(network)
    quick = [name for name, module in network.named_modules() if isinstance(module, int8.Int8Linear)]
    assert sorted([*quick, "classifier"]) == sorted(exact)
    assert network.bert.encoder.layer[0].intermediate.dense.weight.dtype is torch.int8


def test_whole_numbers_come_to_the_same_labels(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = Model(str(tiny_model))(TEXTS)
    monkeypatch.setattr(int8, "pays", lambda: False)
    exact = Model(str(tiny_model))(TEXTS)
    for one, other in zip(quick, exact, strict=True):
        assert one == pytest.approx(other, abs=0.1)


def test_weights_of_16_bits_are_taken(tiny_model: Path, tmp_path: Path) -> None:
    tokenizer, network = read(str(tiny_model))
    network.half().save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    for one, other in zip(Model(str(tmp_path))(TEXTS), Model(str(tiny_model))(TEXTS), strict=True):
        assert one == pytest.approx(other, abs=0.05)


def test_older_weights_are_taken(tiny_model: Path, tmp_path: Path) -> None:
    tokenizer, network = read(str(tiny_model))
    network.config.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    torch.save(network.state_dict(), tmp_path / "pytorch_model.bin")
    assert Model(str(tmp_path))(TEXTS) == Model(str(tiny_model))(TEXTS)


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    return tiny_models.save(tmp_path)


def refused(folder: Path) -> str:
    with pytest.raises(Unusable) as caught:
        Model(str(folder))
    message = str(caught.value)
    assert message.startswith(str(folder))
    assert len(message.splitlines()) == 1
    return message


def test_labels_that_say_nothing_are_refused(tmp_path: Path) -> None:
    assert "joy, anger, fear" in refused(tiny_models.save(tmp_path, labels=("joy", "anger", "fear")))


def test_a_model_that_does_not_classify_is_refused(tmp_path: Path) -> None:
    assert "no model for classification" in refused(tiny_models.save(tmp_path, classifies=False))


@pytest.mark.parametrize("size", [0, 100, 20_000])
def test_damaged_weights_are_refused(broken: Path, size: int) -> None:
    weights = broken / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:size])
    assert "cannot be read" in refused(broken)


def test_weights_that_are_no_numbers_are_refused(broken: Path) -> None:
    _tokenizer, network = read(str(broken))
    with torch.no_grad():
        network.classifier.weight.fill_(float("nan"))
    network.save_pretrained(broken)
    assert "does not work" in refused(broken)


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
def test_damaged_descriptions_are_refused(broken: Path, name: str, content: str) -> None:
    (broken / name).write_text(content)
    refused(broken)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_a_missing_file_is_told(broken: Path, name: str) -> None:
    (broken / name).unlink()
    refused(broken)
