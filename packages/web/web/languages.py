"""Chooses Brazilian Portuguese or English: from `?lang=`, the cookie that it sets, or the browser's languages."""

from pathlib import Path

from flask import Flask, Response, g, request
from flask_babel import Babel

LANGUAGES = ("pt-BR", "en")
COOKIE = "lang"
HERE = Path(__file__).parent


def language() -> str:
    """The language of the current request: "pt-BR" or "en"."""
    if "lang" not in g:
        chosen = request.args.get("lang") or request.cookies.get(COOKIE)
        g.lang = chosen if chosen in LANGUAGES else _preferred()
    return str(g.lang)


def _preferred() -> str:
    for wanted in request.accept_languages.values():
        if wanted.lower().startswith("pt"):
            return "pt-BR"
        if wanted.lower().startswith("en"):
            return "en"
    return "en"


def install(app: Flask) -> None:
    """Make `app` translate its pages, with its catalogues in `translations/` and the shared ones beside this file."""
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = f"translations;{HERE / 'translations'}"
    Babel(app, locale_selector=lambda: language().replace("-", "_"))
    app.jinja_env.globals["lang"] = None
    app.context_processor(lambda: {"lang": language()})

    @app.after_request
    def remember_choice(response: Response) -> Response:
        response.vary.add("Accept-Language")
        if request.args.get("lang") in LANGUAGES:
            response.set_cookie(COOKIE, request.args["lang"], max_age=31_536_000, samesite="Lax", path="/")
        return response
