"""Which model reads the messages, and from when on a human is called."""

import re
from pathlib import Path

from bus import Settings
from pydantic import Field, field_validator

SHIPPED = Path(__file__).parent / "model"
BUILT_IN = Path("/model")
"""Where an image has a model of the hub that it was built with; else the folder is empty."""


def _at_hand() -> str:
    return str(BUILT_IN if (BUILT_IN / "config.json").is_file() else SHIPPED)


class SentimentSettings(Settings):
    sentiment_model: str = Field(default_factory=_at_hand)
    """A folder, or a name on the model hub."""
    handoff_threshold: float = Field(0.6, ge=0, le=1, allow_inf_nan=False)
    """How sure the model must be of a negative message for a human to be called."""

    @field_validator("sentiment_model")
    @classmethod
    def _can_be(cls, name: str) -> str:
        if Path(name).is_dir():
            if not (Path(name) / "config.json").is_file():
                raise ValueError(f"{name} is no model: there is no config.json in it")
        elif not re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)?", name):
            raise ValueError(f"{name} is not there, and cannot be a name on the model hub")
        return name
