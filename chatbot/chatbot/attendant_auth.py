"""Authentication of attendants: by the token, or by the cookie that it was exchanged for."""

import hashlib
import hmac
from datetime import timedelta

from flask import Response, request
from itsdangerous import BadSignature, TimestampSigner

COOKIE = "attendant"
COOKIE_PATH = "/chat"
COOKIE_LIFETIME = timedelta(hours=12)


def bearer_token() -> str | None:
    """The bearer token of the current request, or None if it has none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


class AttendantAuth:
    """Verifies tokens and cookies.

    The key that signs cookies is derived from the token: all replicas with the same token accept a cookie, and a new
    token invalidates all cookies. The derivation is slow (scrypt, RFC 7914), so that a cookie is no fast way to
    brute-force the token.
    """

    def __init__(self, token: str):
        self._token = token.encode()
        key = hashlib.scrypt(self._token, salt=b"cookies of attendants", n=2**14, r=8, p=1, dklen=32)  # 16 MB, 50 ms
        self._signer = TimestampSigner(key)

    def is_token(self, token: str) -> bool:
        """Whether `token` is the right one, compared in constant time."""
        return hmac.compare_digest(token.encode("utf-8", "replace"), self._token)

    def is_attendant(self) -> bool:
        """Whether the current request has the token, or a valid cookie."""
        token = bearer_token()
        return self.has_cookie() if token is None else self.is_token(token)

    def has_cookie(self) -> bool:
        """Whether the current request has a valid cookie."""
        try:
            self._signer.unsign(request.cookies.get(COOKIE, ""), max_age=int(COOKIE_LIFETIME.total_seconds()))
        except BadSignature:
            return False
        return True

    def set_cookie(self, response: Response) -> Response:
        """Add the cookie to `response`, hidden from scripts and from requests of other sites."""
        value = self._signer.sign(b"attendant").decode()
        response.set_cookie(
            COOKIE,
            value,
            max_age=COOKIE_LIFETIME,
            path=COOKIE_PATH,
            httponly=True,
            samesite="Strict",
            secure=request.is_secure,
        )
        return response

    def delete_cookie(self, response: Response) -> Response:
        """Make `response` delete the cookie."""
        response.delete_cookie(COOKIE, path=COOKIE_PATH, httponly=True, samesite="Strict", secure=request.is_secure)
        return response
