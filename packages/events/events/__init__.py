"""The suite's events, the conversation state that they fold to, and the catalogue of topics."""

from .event import Cause, Encoded, Event, Undecodable
from .pictures import ImageUploaded, Language, OperationFinished

__all__ = ["Cause", "Encoded", "Event", "ImageUploaded", "Language", "OperationFinished", "Undecodable"]
