"""The one setting of this service, beside those of Kafka and of the store."""

from typing import Literal

from bus import Settings


class RotateSettings(Settings):
    rotate_degrees: Literal["90", "180", "270"] = "180"
    """Clockwise."""
