"""The model that reads: any of transformers' that classifies sequences, made quick for the processor it is on."""

from collections.abc import Sequence
from typing import Any

import torch
from bus.children import cores
from bus.conversation import Sentiment

from . import int8
from .grouping import groups
from .labels import sentiments
from .network import Unusable, longest, one_line, read

Probabilities = dict[Sentiment, float]

LONGEST_TOKEN = 32
"""Characters: what certainly is cut off is not even looked at."""

FEW_TOKENS = 64
"""Below that, to wake the threads on other cores takes longer than they would save."""


class Model:
    """Reads texts in whatever languages it was trained with."""

    def __init__(self, name: str):
        """`name`: of a folder, or on the model hub. Raises Unusable."""
        self._tokenizer, self._network = read(name)
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            self._means = sentiments(self._network.config.id2label)
            self._longest = longest(self._tokenizer, self._network)
            self._unreadable = set(self._tokenizer.all_special_ids)
            self._prepare()
            with torch.inference_mode():
                logits = self._logits(self._tokenizer(["Bom dia!"]))
        except Exception as error:
            raise Unusable(f"{name} does not work: {one_line(error)}") from error
        if logits.shape != (1, len(self._means)) or not logits.isfinite().all():
            raise Unusable(f"{name} does not work: it answers {logits.tolist()} to a greeting")

    def __call__(self, texts: Sequence[str]) -> list[Probabilities]:
        """How likely each text is negative, neutral, positive. One in which there is nothing to read is neutral."""
        answers: list[Probabilities] = [{"negative": 0.0, "neutral": 1.0, "positive": 0.0} for _text in texts]
        if not texts:
            return answers
        cut = [text[: self._longest * LONGEST_TOKEN] for text in texts]
        tokens = self._tokenizer(cut, truncation=True, max_length=self._longest)
        readable = [place for place, ids in enumerate(tokens["input_ids"]) if not self._unreadable.issuperset(ids)]
        with torch.inference_mode():
            for group in groups([len(tokens["input_ids"][place]) for place in readable]):
                places = [readable[number] for number in group]
                logits = self._logits({name: [values[place] for place in places] for name, values in tokens.items()})
                for place, row in zip(places, logits.softmax(-1).tolist(), strict=True):
                    answers[place] = self._summed(row)
        return answers

    def _logits(self, tokens: Any) -> torch.Tensor:
        padded = self._tokenizer.pad(tokens, return_tensors="pt").to(self._device)
        torch.set_num_threads(cores() if padded["input_ids"].numel() >= FEW_TOKENS else 1)
        logits: torch.Tensor = self._network(**padded).logits
        return logits.float().cpu()

    def _summed(self, row: list[float]) -> Probabilities:
        answer: Probabilities = {"negative": 0.0, "neutral": 0.0, "positive": 0.0}
        for sentiment, probability in zip(self._means, row, strict=True):
            answer[sentiment] += probability
        return {sentiment: min(1.0, round(probability, 4)) for sentiment, probability in answer.items()}

    def _prepare(self) -> None:
        """16 bits on a GPU; whole numbers on a processor that is quick with them, else 32 bits."""
        if self._device == "cuda":
            self._network.half().to(self._device)
            return
        if int8.pays():
            int8.quantise(self._network)
        self._network.float()
