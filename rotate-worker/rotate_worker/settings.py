"""The settings of this service, in addition to those of Kafka."""

from typing import Literal

from pictures import PictureSettings


class RotateSettings(PictureSettings):
    rotate_degrees: Literal["90", "180", "270"] = "180"
    """Clockwise."""
