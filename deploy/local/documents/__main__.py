"""`make documents`: writes the documents and their pages to where the gateway serves them."""

import json
from pathlib import Path

from environment import ROOT
from words import tell

from . import asyncapi, openapi
from .pages import Document, pages

FOLDER = ROOT / "nginx/html/documents"


def files() -> dict[str, str]:
    """What is made, by path below `/documents/`."""
    documents = [Document(api.name, f"openapi-{api.name}.json", openapi.document(api)) for api in openapi.APIS]
    documents.append(Document("events", "asyncapi.json", asyncapi.document()))
    return {one.file: json.dumps(one.content, indent=1, ensure_ascii=False) + "\n" for one in documents} | pages(
        documents
    )


def main(folder: Path = FOLDER) -> None:
    """Write what is made, and remove what was made before and is no more."""
    made = files()
    for path in {*folder.rglob("*.json"), *folder.rglob("*.html")} - {folder / name for name in made}:
        path.unlink()
    for name, text in made.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    where = folder.relative_to(ROOT)
    tell(f"{len(made)} files in {where}/", f"{len(made)} arquivos em {where}/")


if __name__ == "__main__":
    main()
