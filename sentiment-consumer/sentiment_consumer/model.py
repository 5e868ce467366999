"""The sentiment model: any sequence classifier of transformers, optimised for this machine."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import torch
from events.conversation import Sentiment

from .batching import batches
from .labels import named, sentiments
from .network import UnusableModel, load, max_tokens, one_line
from .race import Choice, Race
from .ways import WAYS, Way, layers, runs, take, use_threads

Probabilities = dict[Sentiment, float]

MAX_TOKEN_CHARACTERS = 32
"""A generous upper bound: texts are cut to this times the token limit before tokenisation."""

DOUBT = 0.1
"""A label that is less probable than the likeliest by no more than this is not another, but a matter of rounding."""

PROBES = (
    "Bom dia!",
    "Não chegou até agora.",
    "Adorei, muito obrigado!",
    "Que atendimento horrível!",
    "Where is my order?",
    "The app crashes all the time.",
    "I love it, works great",
    "How do I change my address?",
)
"""Texts whose labels must be the same in 8 bits: alone they are few tokens, together they are many."""


class Model:
    """Classifies texts in the languages that it was trained with."""

    choice: Choice | None = None
    """The ways that won, if any were raced."""

    def __init__(self, name: str, ways: Mapping[str, Way] = WAYS, labels: str = ""):
        """`name`: a folder, or a name on the model hub. `labels`: those of SENTIMENT_LABELS. Raises UnusableModel.

        `ways`: the first is taken, unless another one is quicker here and leaves the labels as they are.
        """
        self._tokenizer, self._network = load(name)
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            self._output_sentiments = sentiments(named(labels) if labels else self._network.config.id2label)
            self._has_a_choice = self._network.config.problem_type != "multi_label_classification"
            self._max_tokens = max_tokens(self._tokenizer, self._network)
            self._special_tokens = set(self._tokenizer.all_special_ids)
            self._ready(next(iter(ways.values())))
            with torch.inference_mode():
                logits = self._logits(self._tokenizer(["Bom dia!"]))
        except Exception as error:
            raise UnusableModel(f"{name} does not work: {one_line(error)}") from error
        if logits.shape[-1] != len(self._output_sentiments):
            raise UnusableModel(f"{name} has {logits.shape[-1]} outputs, not {len(self._output_sentiments)}")
        if logits.shape != (1, len(self._output_sentiments)) or not logits.isfinite().all():
            raise UnusableModel(f"{name} does not work: its output for a greeting is {logits.tolist()}")
        if self._device == "cpu" and len(ways) > 1 and layers(self._network):
            self._hurry(name, ways)

    def __call__(self, texts: Sequence[str]) -> list[Probabilities]:
        """The probabilities of each text. A text without known tokens is neutral."""
        results: list[Probabilities] = [{"negative": 0.0, "neutral": 1.0, "positive": 0.0} for _text in texts]
        if not texts:
            return results
        cut = [text[: self._max_tokens * MAX_TOKEN_CHARACTERS] for text in texts]
        tokens = self._tokenizer(cut, truncation=True, max_length=self._max_tokens)
        readable = [index for index, ids in enumerate(tokens["input_ids"]) if not self._special_tokens.issuperset(ids)]
        with torch.inference_mode():
            for batch in batches([len(tokens["input_ids"][index]) for index in readable]):
                indices = [readable[number] for number in batch]
                logits = self._logits({name: [values[index] for index in indices] for name, values in tokens.items()})
                for index, row in zip(indices, logits, strict=True):
                    results[index] = self._probabilities(row)
        return results

    def _logits(self, tokens: Any) -> torch.Tensor:
        padded = self._tokenizer.pad(tokens, return_tensors="pt").to(self._device)
        use_threads(padded["input_ids"].numel())
        logits: torch.Tensor = self._network(**padded).logits
        return logits.float().cpu()

    def _probabilities(self, logits: torch.Tensor) -> Probabilities:
        """Of outputs that share one probability, their sum; of outputs that are each a yes or no, the largest."""
        total: Probabilities = {"negative": 0.0, "neutral": 0.0, "positive": 0.0}
        if self._has_a_choice:
            for sentiment, probability in zip(self._output_sentiments, logits.softmax(-1).tolist(), strict=True):
                total[sentiment] += probability
        else:
            for sentiment, probability in zip(self._output_sentiments, logits.sigmoid().tolist(), strict=True):
                total[sentiment] = max(total[sentiment], probability)
            if "neutral" not in self._output_sentiments:
                total["neutral"] = 1 - max(total.values())
        return {sentiment: min(1.0, round(probability, 4)) for sentiment, probability in total.items()}

    def _ready(self, way: Way) -> None:
        """16-bit floats on a GPU, 32-bit floats on a CPU but for the layers that go this way."""
        if self._device == "cuda":
            self._network.half().to(self._device)
        else:
            take(self._network.float(), way, way)

    def _hurry(self, name: str, ways: Mapping[str, Way]) -> None:
        """Take the quickest of the ways that leave the labels as they are with the first."""
        expected = self(PROBES)

        def leaves_the_labels(choice: Choice) -> bool:
            with suppress(Exception):  # a way that raises is none
                take(self._network, ways[choice.few.way], ways[choice.many.way])
                if _have_the_same_labels(expected, self(PROBES)):
                    return _have_the_same_labels(expected, [self([text])[0] for text in PROBES])
            _tokenizer, self._network = load(name)
            self._ready(next(iter(ways.values())))
            return False

        self.choice = Race(runs(ways, self._network)).winner(leaves_the_labels)


def _have_the_same_labels(expected: Sequence[Probabilities], found: Sequence[Probabilities]) -> bool:
    """Whether the label that was found is the expected one, or was as good as that by what was expected."""
    pairs = zip(expected, found, strict=True)
    return all(max(one.values()) - one[max(other, key=other.__getitem__)] <= DOUBT for one, other in pairs)
