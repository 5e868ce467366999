"""One picture: checked, edited with its format and profile kept, and stored whole or not at all.

Knows Pillow and the file system; no Kafka, no Flask.
"""

from .check import Checked, Limits, check, inspect
from .colour import in_srgb
from .editing import edited
from .formats import FORMATS, Format
from .memory import NoRoom, room
from .operation import Operation
from .preview import preview, thumbnail
from .refusals import CODES, Code, Refused
from .settings import PictureSettings
from .store import About, OperationState, Store, Upload

__all__ = [
    "CODES",
    "FORMATS",
    "About",
    "Checked",
    "Code",
    "Format",
    "Limits",
    "NoRoom",
    "Operation",
    "OperationState",
    "PictureSettings",
    "Refused",
    "Store",
    "Upload",
    "check",
    "edited",
    "in_srgb",
    "inspect",
    "preview",
    "room",
    "thumbnail",
]
