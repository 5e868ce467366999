"""Who may be an attendant: who has the token, or the cookie that it was exchanged for."""

import hashlib
import hmac
from datetime import timedelta

from flask import Response, request
from itsdangerous import BadSignature, TimestampSigner

COOKIE = "attendant"
PATH = "/chat"
LASTS = timedelta(hours=12)


def bearer() -> str | None:
    """The token that the present request has in its header `Authorization`; None where it has none there."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else None


class Entry:
    """Checks tokens and cookies. The key of the cookies is made from the token.

    So all replicas with that token accept a cookie, and a new token ends every session. It is made slowly (scrypt, RFC
    7914), so that forged cookies are no quick way to try tokens.
    """

    def __init__(self, token: str):
        self._token = token.encode()
        key = hashlib.scrypt(self._token, salt=b"cookies of attendants", n=2**14, r=8, p=1, dklen=32)  # 16 MB, 50 ms
        self._signer = TimestampSigner(key)

    def is_token(self, token: str) -> bool:
        """Takes as long for a token that is nearly right as for any other."""
        return hmac.compare_digest(token.encode("utf-8", "replace"), self._token)

    def may_enter(self) -> bool:
        """Whether the present request comes from an attendant."""
        token = bearer()
        return self.has_cookie() if token is None else self.is_token(token)

    def has_cookie(self) -> bool:
        """Whether the present request comes from a browser that was admitted."""
        try:
            self._signer.unsign(request.cookies.get(COOKIE, ""), max_age=int(LASTS.total_seconds()))
        except BadSignature:
            return False
        return True

    def admit(self, response: Response) -> Response:
        """Give the browser the cookie: no script reads it, no other site's request carries it."""
        value = self._signer.sign(b"attendant").decode()
        response.set_cookie(
            COOKIE, value, max_age=LASTS, path=PATH, httponly=True, samesite="Strict", secure=request.is_secure
        )
        return response

    def dismiss(self, response: Response) -> Response:
        response.delete_cookie(COOKIE, path=PATH, httponly=True, samesite="Strict", secure=request.is_secure)
        return response
