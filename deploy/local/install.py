"""Puts what the suite needs into .venv/, when something of it has changed.

python deploy/local/install.py          what `make run` needs
python deploy/local/install.py tests    what `make test`, `make lint` and `make lock` need besides

Runs with any Python: it is here that one too old is told.
"""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from surroundings import ROOT, load_env, setting
from words import complain, say, tell

OLDEST = (3, 11)
VENV = ROOT / ".venv"
TORCH = ROOT / "packages/torch.txt"
TORCH_INDEX = "https://download.pytorch.org/whl/cpu"


def main() -> int:
    if sys.version_info < OLDEST:
        here = f"{sys.executable} ({sys.version.split()[0]})"
        complain(
            f"Python 3.11 or newer is needed, not {here}. Name another: make PYTHON=python3.11 …",
            f"É preciso Python 3.11 ou mais novo, não {here}. Indique outro: make PYTHON=python3.11 …",
        )
        return 1
    load_env()
    what = ["deploy/local", "tests"] if "tests" in sys.argv[1:] else ["deploy/local"]
    try:
        for folder in what:
            _install(folder)
    except subprocess.CalledProcessError as error:
        complain(
            f"Installing failed (the lines above say why): {error.cmd[-1]}",
            f"A instalação falhou (as linhas acima dizem por quê): {error.cmd[-1]}",
        )
        return 1
    return 0


def _install(folder: str) -> None:
    """Install what FOLDER/requirements.txt names, and with deploy/local our own packages and services."""
    requirements = ROOT / folder / "requirements.txt"
    ours = _projects() if folder == "deploy/local" else []
    stamp = VENV / f"{folder.replace('/', '-')}.stamp"
    inputs = _fingerprint([requirements, TORCH, *(project / "pyproject.toml" for project in ours)])
    if stamp.exists() and stamp.read_text() == inputs and _works():
        return
    _make_venv()
    tell(
        f"Installing into .venv/ what {folder}/requirements.txt names; the first time takes a minute or two …",
        f"Instalando em .venv/ o que {folder}/requirements.txt indica; a primeira vez leva um ou dois minutos …",
    )
    _pip("--require-hashes", "-r", str(requirements))
    if ours:
        _pip("--no-deps", "--index-url", setting("TORCH_INDEX", TORCH_INDEX), "-r", str(TORCH))
        _pip("--no-deps", "--no-build-isolation", *(part for project in ours for part in ("-e", str(project))))
    stamp.write_text(inputs)


def _projects() -> "list[Path]":
    return sorted(path.parent for pattern in ("packages/*", "*") for path in ROOT.glob(f"{pattern}/pyproject.toml"))


def _fingerprint(files: "list[Path]") -> str:
    """Changes with the content of the files, and with the folder: scripts in .venv/ hold its name."""
    digest = hashlib.sha256(str(ROOT).encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _works() -> bool:
    """Whether the Python in .venv/ starts; it does not when the one it was made with is gone."""
    try:
        return subprocess.run([VENV / "bin/python", "-c", ""], stderr=subprocess.DEVNULL, check=False).returncode == 0
    except OSError:
        return False


def _make_venv() -> None:
    origin = VENV / "made-in"  # a moved .venv/ has scripts that point to where it was
    if _works() and origin.exists() and origin.read_text() == str(ROOT):
        return
    shutil.rmtree(VENV, ignore_errors=True)
    made = subprocess.run([sys.executable, "-m", "venv", VENV], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        why = (made.stderr or made.stdout).strip()
        raise SystemExit(
            say(
                f"{sys.executable} cannot make .venv/ (Debian, Ubuntu: apt install python3-venv): {why}",
                f"{sys.executable} não cria .venv/ (Debian, Ubuntu: apt install python3-venv): {why}",
            )
        )
    origin.write_text(str(ROOT))


def _pip(*arguments: str) -> None:
    pip = [str(VENV / "bin/python"), "-m", "pip", "--disable-pip-version-check", "-qq", "install"]
    subprocess.run([*pip, *arguments], check=True)


if __name__ == "__main__":
    sys.exit(main())
