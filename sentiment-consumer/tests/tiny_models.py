"""Tiny models with seeded random weights, saved like any other model."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import sentencepiece
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    PreTrainedTokenizerFast,
    XLMRobertaConfig,
    XLMRobertaForSequenceClassification,
)

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LETTERS = "abcdefghijklmnopqrstuvwxyz"
WORDS = ["não", "meu", "pedido", "chegou", "obrigado", "the", "order", "is", "late", "thanks", "!", "?", "."]


def tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer that knows a few words, and splits others into letters."""
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
    bias: Sequence[float] = (0.0, 0.0, 0.0),
    classifies: bool = True,
    **config: int | str,
) -> Path:
    """Save a BERT with two layers in `folder`; `bias` is added to the logits of its first labels."""
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
            model.classifier.bias.copy_(torch.tensor([*bias, *[0.0] * len(labels)])[: len(labels)])
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def save_with_sentencepiece(folder: Path) -> Path:
    """Save an XLM-RoBERTa whose tokenizer has no other file than that of sentencepiece, made here."""
    torch.manual_seed(7)
    pieces = BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([" ".join(WORDS), *WORDS, *LETTERS] * 20),
        model_writer=pieces,
        vocab_size=60,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    folder.mkdir(exist_ok=True)
    (folder / "sentencepiece.bpe.model").write_bytes(pieces.getvalue())
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "XLMRobertaTokenizer", "model_max_length": 64}')
    named = dict(enumerate(("negative", "neutral", "positive")))
    shape = XLMRobertaConfig(
        vocab_size=80,
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=128,
        max_position_embeddings=66,
        id2label=named,
        initializer_range=0.2,
    )
    XLMRobertaForSequenceClassification(shape).save_pretrained(folder)
    return folder
