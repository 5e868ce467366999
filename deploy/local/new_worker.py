"""`make new-worker NAME=mirror`: a service of one's own, mirror-worker, that does the operation `mirror`.

Its program is that of template-worker/, beside this file; what a container of it needs is what grayscale-worker has.
Then it is named where services are: in services.json, docker-compose.yml and its overrides, deploy/k8s/ and
.importlinter. Standard library only.
"""

import json
import re
import sys
from pathlib import Path

from environment import ROOT, SERVICES
from words import complain, tell

TEMPLATE = Path(__file__).with_name("template-worker")
MODEL = "grayscale"
"""The operation whose worker needs the same packages and libraries as the template."""
K8S = ROOT / "deploy/k8s"
FORM = r"[a-z][a-z0-9]*(-[a-z0-9]+)*"
RESERVED = {"original", "page", "image", "notification", "new", "own", "example", "template"}
"""Addresses and boxes of the page for pictures have the first four names, modules (new_worker, …) the others."""
ENTRY = """\
  "template-worker": {
    "reads": ["image"],
    "publishes": ["notification"],
    "operation": "template",
    "en": {"name": "Template", "does": "Reads `image`, flips the picture, answers on `notification`."},
    "pt-BR": {"name": "Template", "does": "Lê `image`, espelha a imagem e responde em `notification`."}
  }
}
"""


def main(name: str) -> int:
    if not re.fullmatch(FORM, name):
        complain(
            f"NAME={name}: a name has lower-case letters, digits and single hyphens, and begins with a letter: mirror",
            f"NAME={name}: um nome tem letras minúsculas, dígitos e hifens simples, e começa com uma letra: mirror",
        )
        return 1
    folder = ROOT / f"{name}-worker"
    if folder.exists() or name in RESERVED or folder.name in json.loads(SERVICES.read_text("utf-8")):
        complain(f"NAME={name}: this name is taken", f"NAME={name}: esse nome já está em uso")
        return 1
    _make(folder, name)
    _list(name)
    made, listed = folder.name, SERVICES.relative_to(ROOT)
    function = f"{made}/{made.replace('-', '_')}/changed.py"
    tell(
        f"{made}/ is made, and listed in {listed}, docker-compose.yml, deploy/k8s/ and .importlinter.\n"
        f"  1. Change {function}: until then it flips pictures, left to right.\n"
        f"  2. make run, or docker compose up --build: the page for pictures shows its results.\n"
        f'  3. Say in {listed} what it does; with a "label" and a "sentence", as the others have them,\n'
        f"     its results and mails have words of their own.\n"
        f"  4. make documents: the pages at /documents/ tell of it, and make test asks for that.\n"
        f"  5. If it needs other packages, name them in {made}/pyproject.toml, then: make lock",
        f"A pasta {made}/ foi criada, e o serviço está em {listed}, docker-compose.yml, deploy/k8s/ e .importlinter.\n"
        f"  1. Altere {function}: até lá ele espelha as imagens.\n"
        f"  2. make run, ou docker compose up --build: a página de imagens mostra os resultados dele.\n"
        f'  3. Diga em {listed} o que ele faz; com "label" e "sentence", como nos outros,\n'
        f"     os resultados e os e-mails dele têm palavras próprias.\n"
        f"  4. make documents: as páginas em /documents/ falam dele, e make test cobra isso.\n"
        f"  5. Se ele precisar de outros pacotes, indique-os em {made}/pyproject.toml, depois: make lock",
    )
    return 0


def _make(folder: Path, name: str) -> None:
    does = (TEMPLATE / "template_worker/__init__.py").read_text("utf-8").strip('"\n')
    for source in TEMPLATE.rglob("*.*"):
        if source.suffix in (".py", ".md"):
            target = folder / _named(str(source.relative_to(TEMPLATE)), "template", name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(_named(source.read_text("utf-8"), "template", name), "utf-8")
    model = ROOT / f"{MODEL}-worker"
    made = {model / file: folder / file for file in ("Dockerfile", "pyproject.toml", "requirements.txt")}
    made[K8S / f"{model.name}.yaml"] = K8S / f"{folder.name}.yaml"
    for source, target in made.items():
        text = _named(source.read_text("utf-8"), MODEL, name)
        text = re.sub(r'(?<=\A# ).*|(?<=^description = ").*(?="$)', lambda _: does, text, count=1, flags=re.MULTILINE)
        target.write_text(text, "utf-8")


def _list(name: str) -> None:
    """Name the worker where services are listed: after all others, in Compose after the other workers."""
    text = SERVICES.read_text("utf-8")
    entry = _named(ENTRY, "template", name).replace('"Template"', json.dumps(name.replace("-", " ").capitalize()))
    SERVICES.write_text(f"{text.rstrip().removesuffix('}').rstrip()},\n{entry}", "utf-8")

    compose = ROOT / "docker-compose.yml"
    text = compose.read_text("utf-8")
    workers = {found[1]: found for found in re.finditer(r"^  ([a-z0-9-]+-worker):\n(?:    .*\n)+", text, re.MULTILINE)}
    last = max(found.end() for found in workers.values())
    entry = _named(workers[f"{MODEL}-worker"][0], MODEL, name)
    compose.write_text(f"{text[:last]}\n{entry}{text[last:]}", "utf-8")

    overrides = (ROOT / "deploy/compose").glob("*.yml")
    for path in (K8S / "kustomization.yaml", *overrides):  # a line for each service
        text = path.read_text("utf-8")
        line = rf"^  (- )?{MODEL}-worker(\.yaml|: \*.*)\n"
        text = re.sub(line, lambda own: own[0] + _named(own[0], MODEL, name), text, flags=re.MULTILINE)
        path.write_text(text, "utf-8")

    linter = ROOT / ".importlinter"
    text = linter.read_text("utf-8")
    text = re.sub(rf" +{MODEL}_worker(\n| \|)", lambda own: own[0] + _named(own[0], MODEL, name), text)
    linter.write_text(text, "utf-8")


def _named(text: str, model: str, name: str) -> str:
    """`text` of the worker of the operation `model`, for that of `name`."""
    package = f"{name.replace('-', '_')}_worker"
    return re.sub(f"{model}(_worker)?", lambda found: package if found[1] else name, text)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2] or [""]))
