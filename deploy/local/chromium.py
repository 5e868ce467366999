"""Finds a Chromium for the browser tests, or installs one, and prints its path: `python deploy/local/chromium.py`.

Without one, the browser tests are skipped; with CI=true that is an error.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from words import complain, tell

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PLAYWRIGHT_FOLDER = Path(sys.prefix) / "browsers"
"""The folder for the browsers that Playwright downloads."""


def find_chromium() -> str | None:
    """The path of Chromium: from CHROMIUM, on the PATH, or downloaded by Playwright. None if there is none."""
    named = os.environ.get("CHROMIUM")
    if named:
        return shutil.which(named)
    return next(filter(None, map(shutil.which, NAMES)), None) or _from_playwright()


def _from_playwright() -> str | None:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only if no other Chromium is installed

    os.environ.setdefault("PLAYWRIGHT_BROWSERS_PATH", str(PLAYWRIGHT_FOLDER))
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if os.access(path, os.X_OK) else None


def _install() -> None:
    """Let Playwright download Chromium; if that fails, install the system package, if we are root."""
    tell(
        "No Chromium found; installing one for the tests …",
        "Nenhum Chromium encontrado; instalando um para os testes …",
    )
    environment = os.environ | {"PLAYWRIGHT_BROWSERS_PATH": str(PLAYWRIGHT_FOLDER)}
    _try(sys.executable, "-m", "playwright", "install", "chromium", env=environment)
    if find_chromium() is None and os.geteuid() == 0 and shutil.which("apt-get"):
        _try("apt-get", "update", "-qq")
        _try("apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium")


def _try(*command: str, env: dict[str, str] | None = None) -> None:
    """Run the command silently and ignore its status; the caller checks the result."""
    quiet = subprocess.DEVNULL
    try:
        subprocess.run(command, env=env, stdin=quiet, stdout=quiet, stderr=quiet, check=False, timeout=600)
    except (OSError, subprocess.TimeoutExpired) as error:
        complain(f"{command[0]}: {error}", f"{command[0]}: {error}")


def main() -> int:
    if find_chromium() is None and not os.environ.get("CHROMIUM"):
        _install()
    path = find_chromium()
    if path:
        print(f"Chromium: {path}", flush=True)
        return 0
    in_ci = os.environ.get("CI") == "true"
    complain(
        "No Chromium: the browser tests are skipped. Install one, or set CHROMIUM to its path.",
        "Sem Chromium: os testes de navegador são pulados. Instale um, ou ponha em CHROMIUM o caminho dele.",
    )
    return 1 if in_ci else 0


if __name__ == "__main__":
    sys.exit(main())
