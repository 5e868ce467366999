"""The tokenizer of the small model: the pieces of the encoder that the texts need, and the emoji that it lacks."""

# mypy: allow-untyped-calls

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from torch import Tensor
from transformers import PreTrainedTokenizerFast

_SPECIAL = 4  # <s> <pad> </s> <unk> are the first pieces
_EMOJI_SCORE = -11.0  # that of a word of middling frequency
_EMOJI_AT_LEAST = 3  # times in the texts

Pieces = list[tuple[str, float]]


class Vocabulary(NamedTuple):
    """Pieces with their log probabilities, and the embedding of each."""

    pieces: Pieces
    embeddings: Tensor


def tokenizer(pieces: Pieces, longest: int) -> PreTrainedTokenizerFast:
    """Return a tokenizer that reads lower case: names of users, addresses and repeated signs become one each."""
    words = Tokenizer(models.Unigram(list(pieces), unk_id=3, byte_fallback=False))
    words.normalizer = normalizers.Sequence(
        [
            normalizers.NFKC(),
            normalizers.Lowercase(),
            normalizers.Replace(Regex(r"@\w+"), "@user"),
            normalizers.Replace(Regex(r"(https?://|www\.)\S+"), "http"),
            normalizers.Replace(Regex("[\u200d\ufe0f\U0001f3fb-\U0001f3ff]"), ""),  # joiners and tones of emoji
            normalizers.Replace(Regex(r"([^\d\s])(?=\1\1)"), ""),  # nooooo: noo
            normalizers.Replace(Regex(r"\s+"), " "),
        ]
    )
    words.pre_tokenizer = pre_tokenizers.Metaspace()
    words.decoder = decoders.Metaspace()
    words.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=words,
        model_max_length=longest,
        model_input_names=["input_ids", "attention_mask"],
        **dict.fromkeys(("bos_token", "cls_token"), "<s>"),
        **dict.fromkeys(("eos_token", "sep_token"), "</s>"),
        pad_token="<pad>",  # noqa: S106
        unk_token="<unk>",  # noqa: S106
    )


def with_emoji(vocabulary: Vocabulary, texts: Iterable[str]) -> Vocabulary:
    """Return the vocabulary with the emoji of the texts added, each understood at first as the words of its name."""
    known = {piece for piece, _ in vocabulary.pieces}
    reader = tokenizer(vocabulary.pieces, 512)
    seen = Counter(sign for text in texts for sign in text if unicodedata.category(sign) == "So")
    new = [sign for sign, times in sorted(seen.items()) if times >= _EMOJI_AT_LEAST and sign not in known]
    means = [vocabulary.embeddings[_meaning(reader, sign)].mean(0) for sign in new]
    embeddings = torch.cat([vocabulary.embeddings, torch.stack(means)])
    return Vocabulary(vocabulary.pieces + [(sign, _EMOJI_SCORE) for sign in new], embeddings)


def _meaning(reader: PreTrainedTokenizerFast, sign: str) -> list[int]:
    numbers: list[int] = reader(unicodedata.name(sign, "sign"), add_special_tokens=False)["input_ids"]
    return numbers


def pruned(vocabulary: Vocabulary, texts: Sequence[str], size: int) -> Vocabulary:
    """Return the `size` pieces that the texts use most; what is lost is spelt with smaller ones.

    Twice: what spells the lost pieces is counted too.
    """
    kept = list(range(len(vocabulary.pieces)))
    for room in (2 * size, size):
        pieces = [vocabulary.pieces[i] for i in kept]
        used = Counter(chain.from_iterable(tokenizer(pieces, 512)(list(texts))["input_ids"]))
        short = {i for i, (piece, _) in enumerate(pieces) if i < _SPECIAL or (len(piece) == 1 and used[i])}
        common = [i for i, _ in sorted(used.items(), key=lambda item: (-item[1], item[0])) if i not in short]
        chosen = sorted(short | set(common[: room - len(short)]))
        kept = [kept[i] for i in chosen]
    return Vocabulary([vocabulary.pieces[i] for i in kept], vocabulary.embeddings[kept])
