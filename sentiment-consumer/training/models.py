"""The classifier that is made from the encoder, and the folder that it is kept in."""

# mypy: allow-untyped-calls

import copy
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from .encoder import Encoder
from .rows import LABELS
from .words import Vocabulary

POSITIONS = 256


def classifier(encoder: Encoder, vocabulary: Vocabulary, layers: Sequence[int]) -> BertForSequenceClassification:
    """Return a classifier that has learned nothing yet, of the given layers of the encoder."""
    weights = dict(encoder.weights)
    weights["embeddings.word_embeddings.weight"] = vocabulary.embeddings
    positions = "embeddings.position_embeddings.weight"
    weights[positions] = weights[positions][:POSITIONS]
    for new, old in enumerate(layers):
        names = [name for name in encoder.weights if name.startswith(f"encoder.layer.{old}.")]
        weights |= {name.replace(f".{old}.", f".{new}.", 1): encoder.weights[name] for name in names}
    config = BertConfig(
        vocab_size=len(vocabulary.pieces),
        hidden_size=len(weights["embeddings.LayerNorm.bias"]),
        num_hidden_layers=len(layers),
        num_attention_heads=encoder.heads,
        intermediate_size=len(weights["encoder.layer.0.intermediate.dense.bias"]),
        max_position_embeddings=POSITIONS,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
        id2label=dict(enumerate(LABELS)),
        label2id={label: i for i, label in enumerate(LABELS)},
    )
    model = BertForSequenceClassification(config)
    own = model.bert.state_dict()
    model.bert.load_state_dict({name: weights[name].clone() if name in weights else own[name] for name in own})
    assert model.bert.pooler
    with torch.no_grad():
        model.bert.pooler.dense.weight.copy_(torch.eye(config.hidden_size))
    return model


def save(model: BertForSequenceClassification, words: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write the model as a folder of transformers, with weights of 16 bits."""
    folder.mkdir(parents=True, exist_ok=True)
    words.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        content = json.loads((folder / name).read_text(encoding="utf-8"))
        if "tokenizer_class" in content:
            content["tokenizer_class"] = "PreTrainedTokenizerFast"  # known to every version of transformers
        (folder / name).write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
    copy.deepcopy(model).half().save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)  # written for its owner alone, but containers have another user
