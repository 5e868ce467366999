"""Installs the dependencies of the suite into .venv/, if they have changed.

python deploy/local/install.py          those of `make run`
python deploy/local/install.py tests    also those of `make test`, `make lint` and `make lock`

It runs with any version of Python, to report one that is too old.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from environment import ROOT, load_env, setting
from words import complain, say, tell

MIN_PYTHON = (3, 11)
VENV = ROOT / ".venv"
TORCH = ROOT / "packages/torch.txt"
TORCH_INDEX = "https://download.pytorch.org/whl/cpu"


def main() -> int:
    if sys.version_info < MIN_PYTHON:
        here = f"{sys.executable} ({sys.version.split()[0]})"
        complain(
            f"Python 3.11 or newer is needed, not {here}. Name another: make PYTHON=python3.11 …",
            f"É preciso Python 3.11 ou mais novo, não {here}. Indique outro: make PYTHON=python3.11 …",
        )
        return 1
    load_env()
    folders = ["deploy/local", "tests"] if "tests" in sys.argv[1:] else ["deploy/local"]
    try:
        for folder in folders:
            _install(folder)
    except subprocess.CalledProcessError as error:
        complain(
            f"The installation failed (see above): {error.cmd[-1]}",
            f"A instalação falhou (veja acima): {error.cmd[-1]}",
        )
        return 1
    return 0


def _install(folder: str) -> None:
    """Install FOLDER/requirements.txt and, for deploy/local, the packages and services of this repository."""
    requirements = ROOT / folder / "requirements.txt"
    projects = _projects() if folder == "deploy/local" else []
    stamp = VENV / f"{folder.replace('/', '-')}.stamp"
    fingerprint = _fingerprint([requirements, TORCH, *(project / "pyproject.toml" for project in projects)])
    if stamp.exists() and stamp.read_text() == fingerprint and _venv_works():
        return
    _create_venv()
    tell(
        f"Installing {folder}/requirements.txt into .venv/; the first time takes a minute or two …",
        f"Instalando {folder}/requirements.txt em .venv/; a primeira vez leva um ou dois minutos …",
    )
    _pip("--require-hashes", "-r", str(requirements))
    if projects:
        _pip("--no-deps", "--index-url", setting("TORCH_INDEX", TORCH_INDEX), "-r", str(TORCH))
        _pip("--no-deps", "--no-build-isolation", *(part for project in projects for part in ("-e", str(project))))
    stamp.write_text(fingerprint)


def _projects() -> "list[Path]":
    patterns = ("packages/*", "*", "deploy/*")
    return sorted(path.parent for pattern in patterns for path in ROOT.glob(f"{pattern}/pyproject.toml"))


def _fingerprint(files: "list[Path]") -> str:
    """A hash of the files and of the root folder, whose path is in the scripts in .venv/."""
    digest = hashlib.sha256(str(ROOT).encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _venv_works() -> bool:
    """Whether the Python in .venv/ starts; it does not if the one that created it was removed."""
    try:
        return subprocess.run([VENV / "bin/python", "-c", ""], stderr=subprocess.DEVNULL, check=False).returncode == 0
    except OSError:
        return False


def _create_venv() -> None:
    origin = VENV / "made-in"  # after a move, the scripts in .venv/ have the old path
    if _venv_works() and origin.exists() and origin.read_text() == str(ROOT):
        return
    shutil.rmtree(VENV, ignore_errors=True)
    result = subprocess.run([sys.executable, "-m", "venv", VENV], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        reason = (result.stderr or result.stdout).strip()
        raise SystemExit(
            say(
                f"{sys.executable} cannot create .venv/ (Debian, Ubuntu: apt install python3-venv): {reason}",
                f"{sys.executable} não consegue criar .venv/ (Debian, Ubuntu: apt install python3-venv): {reason}",
            )
        )
    origin.write_text(str(ROOT))


def _pip(*arguments: str) -> None:
    pip = [str(VENV / "bin/python"), "-m", "pip", "--disable-pip-version-check", "-qq", "install"]
    subprocess.run([*pip, *arguments], check=True)


if __name__ == "__main__":
    sys.exit(main())
