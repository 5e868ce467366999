"""Small models with seeded weights, saved as any other: what they say has no sense, how they say it has."""

from collections.abc import Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertForSequenceClassification, BertModel, PreTrainedTokenizerFast

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LETTERS = "abcdefghijklmnopqrstuvwxyz"
WORDS = ["não", "meu", "pedido", "chegou", "obrigado", "the", "order", "is", "late", "thanks", "!", "?", "."]


def tokenizer() -> PreTrainedTokenizerFast:
    """Words it knows, letters of those it does not."""
    pieces = [*SPECIAL, *WORDS, *LETTERS, *(f"##{letter}" for letter in LETTERS)]
    words = Tokenizer(models.WordPiece({piece: number for number, piece in enumerate(pieces)}, unk_token="[UNK]"))
    words.normalizer = normalizers.BertNormalizer(lowercase=True, strip_accents=False)
    words.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    words.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    return PreTrainedTokenizerFast(tokenizer_object=words, **names)


def save(
    folder: Path,
    labels: Sequence[str] = ("negative", "neutral", "positive"),
    lean: Sequence[float] = (0.0, 0.0, 0.0),
    classifies: bool = True,
    **config: int,
) -> Path:
    """A BERT of two layers in `folder`; its answers lean to the labels with the higher numbers in `lean`."""
    torch.manual_seed(7)
    words = tokenizer()
    sizes = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 128}
    named = dict(enumerate(labels))
    shape = BertConfig(
        **(sizes | {"vocab_size": len(words), "max_position_embeddings": 64} | config),
        id2label=named,
        label2id={label: number for number, label in named.items()},
        initializer_range=0.2,
    )
    model = BertForSequenceClassification(shape) if classifies else BertModel(shape)
    if classifies:
        with torch.no_grad():
            model.classifier.bias.copy_(torch.tensor([*lean, *[0.0] * len(labels)])[: len(labels)])
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    return folder
