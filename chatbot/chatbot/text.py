"""Forms of what people write."""

import re
import unicodedata


def plain(text: str) -> str:
    """The text without accents, case and punctuation."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return " ".join(re.findall(r"\w+", "".join(one for one in letters if not unicodedata.combining(one))))
