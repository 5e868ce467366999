"""Dead letters: what cannot be handled, and what people do about it (`python -m bus.dead_letters`)."""

from .handling import DeadLetter, DeadLetters, LetterId, Listing, Result, Wanted, Whole

__all__ = ["DeadLetter", "DeadLetters", "LetterId", "Listing", "Result", "Wanted", "Whole"]
