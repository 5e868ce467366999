"""The settings of this service, in addition to those of Kafka."""

import re
from pathlib import Path

from pydantic import Field, field_validator
from service import Settings

from .labels import named, sentiments

SHIPPED = Path(__file__).parent / "model"
BUILT_IN = Path("/model")
"""The folder of the model that an image was built with; empty if there is none."""


def _default_model() -> str:
    return str(BUILT_IN if (BUILT_IN / "config.json").is_file() else SHIPPED)


class SentimentSettings(Settings):
    sentiment_model: str = Field(default_factory=_default_model)
    """A folder, or a name on the model hub."""
    sentiment_labels: str = ""
    """What the outputs of the model mean, in their order, separated by commas; empty where its own labels tell."""
    handoff_threshold: float = Field(0.6, ge=0, le=1, allow_inf_nan=False)
    """The confidence from which a negative message calls a human."""

    @field_validator("sentiment_labels")
    @classmethod
    def _tells_negative_from_positive(cls, names: str) -> str:
        if names:
            sentiments(named(names))
        return names

    @field_validator("sentiment_model")
    @classmethod
    def _is_a_folder_or_a_hub_name(cls, name: str) -> str:
        if Path(name).is_dir():
            if not (Path(name) / "config.json").is_file():
                raise ValueError(f"{name} is not a model: it has no config.json")
        elif not re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)?", name):
            raise ValueError(f"{name} does not exist, and is not a valid name on the model hub")
        return name
