"""Finds the Chromium that tests of pages drive, or installs one: `python deploy/local/chromium.py`.

Prints where it is. Where there is none, tests of pages are skipped, with one line; with CI=true that is an error.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from words import complain, tell

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
IN_VENV = Path(sys.prefix) / "browsers"
"""Where Playwright puts the browser it downloads."""


def installed() -> str | None:
    """The program, where there is one: CHROMIUM names it, or it is on the PATH, or Playwright's own."""
    named = os.environ.get("CHROMIUM")
    if named:
        return shutil.which(named)
    return next(filter(None, map(shutil.which, NAMES)), None) or _from_playwright()


def _from_playwright() -> str | None:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only where nothing else is there

    os.environ.setdefault("PLAYWRIGHT_BROWSERS_PATH", str(IN_VENV))
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if os.access(path, os.X_OK) else None


def _install() -> None:
    """Playwright's download first; where that cannot be reached, the system's package, if we may."""
    tell("No Chromium here; installing one for the tests …", "Nenhum Chromium aqui; instalando um para os testes …")
    environment = os.environ | {"PLAYWRIGHT_BROWSERS_PATH": str(IN_VENV)}
    _try(sys.executable, "-m", "playwright", "install", "chromium", env=environment)
    if installed() is None and os.geteuid() == 0 and shutil.which("apt-get"):
        _try("apt-get", "update", "-qq")
        _try("apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium")


def _try(*command: str, env: dict[str, str] | None = None) -> None:
    """Run it in silence; whether it helped shows afterwards."""
    quiet = subprocess.DEVNULL
    try:
        subprocess.run(command, env=env, stdin=quiet, stdout=quiet, stderr=quiet, check=False, timeout=600)
    except (OSError, subprocess.TimeoutExpired) as error:
        complain(f"{command[0]}: {error}", f"{command[0]}: {error}")


def main() -> int:
    if installed() is None and not os.environ.get("CHROMIUM"):
        _install()
    path = installed()
    if path:
        print(f"Chromium: {path}", flush=True)
        return 0
    in_ci = os.environ.get("CI") == "true"
    complain(
        "No Chromium: tests of pages are left out. Install one, or set CHROMIUM to its path.",
        "Sem Chromium: os testes das páginas ficam de fora. Instale um, ou ponha em CHROMIUM o caminho dele.",
    )
    return 1 if in_ci else 0


if __name__ == "__main__":
    sys.exit(main())
