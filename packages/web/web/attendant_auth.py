"""Authentication of attendants: by the token, or by the cookie that it was exchanged for.

A service hands in the path of its pages: the cookie is for them alone.
"""

import hashlib
import hmac
from datetime import timedelta

from flask import Response, request
from itsdangerous import BadSignature, TimestampSigner
from pydantic import SecretStr, field_validator
from service import Settings

COOKIE = "attendant"
COOKIE_LIFETIME = timedelta(hours=12)
LOGIN_ATTEMPTS = "10 per minute; 100 per hour"
"""Wrong tokens per client, in the form of a rate limit."""


class AttendantSettings(Settings):
    attendant_token: SecretStr | None = None

    @field_validator("attendant_token")
    @classmethod
    def _has_no_outer_spaces(cls, value: SecretStr | None) -> SecretStr | None:
        """Forms and headers strip outer spaces; a blank token would let everybody in."""
        if value and value.get_secret_value() != value.get_secret_value().strip():
            raise ValueError("must not begin or end with a space")
        return value


def bearer_token() -> str | None:
    """The bearer token of the current request, or None if it has none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def is_failed_login(response: Response) -> bool:
    """Whether the request had a wrong token. A page with an expired cookie sends requests without one."""
    return response.status_code == 403 and ("token" in request.values or bearer_token() is not None)


class AttendantAuth:
    """Verifies tokens and cookies.

    The key that signs cookies is derived from the token: all replicas with the same token accept a cookie, and a new
    token invalidates all cookies. The derivation is slow (scrypt, RFC 7914), so that a cookie is no fast way to
    brute-force the token.
    """

    def __init__(self, token: str, cookie_path: str):
        self._token = token.encode()
        self._cookie_path = cookie_path
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
            path=self._cookie_path,
            httponly=True,
            samesite="Strict",
            secure=request.is_secure,
        )
        return response

    def delete_cookie(self, response: Response) -> Response:
        """Make `response` delete the cookie."""
        response.delete_cookie(
            COOKIE, path=self._cookie_path, httponly=True, samesite="Strict", secure=request.is_secure
        )
        return response
