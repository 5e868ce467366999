"""Fills the empty categories of table `produtos` at DATABASE_URL: python -m classificador_produtos.offline."""

import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from sqlalchemy import Column, Engine, MetaData, Table, create_engine, func, or_, select, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchTableError, SQLAlchemyError

from classificador_produtos.classifier import categories

TABLE = "produtos"
BATCH_ROWS = 500
EX_CONFIG = 78


class Unusable(Exception):
    """The table cannot be filled; the message says why in a sentence."""


def main() -> int:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _interrupted)
    try:
        engine = create_engine(_database_url())
    except (ArgumentError, OSError, ImportError, ValueError) as error:
        print(f"DATABASE_URL: {error}", file=sys.stderr)
        return EX_CONFIG
    try:
        for line in fill(engine):
            print(line, flush=True)
    except (Unusable, SQLAlchemyError) as error:
        print(str(getattr(error, "orig", None) or error).strip(), file=sys.stderr)
        return 1
    return 0


def _interrupted(number: int, _frame: FrameType | None) -> None:
    """End with the status that a shell gives this signal; the batch that is under way is rolled back."""
    print("Interrompido: o que foi gravado fica, e a próxima execução continua daí.", file=sys.stderr)
    sys.exit(128 + number)


def fill(engine: Engine) -> Iterator[str]:
    """Give every row without a category one, and yield a line of progress a batch.

    A batch is a transaction of its own: what was done before an interruption stays done, and the next run goes on from
    there. A category that someone else fills in meanwhile is kept. Rows without a description stay as they are.

    Raises:
        Unusable: There is no table `produtos` with `descricao`, `categoria` and a primary key of one column.
        SQLAlchemyError: The database does not answer, or refuses.
    """
    table, key = _produtos(engine)
    missing = or_(table.c.categoria.is_(None), func.trim(table.c.categoria) == "")
    described = func.trim(func.coalesce(table.c.descricao, "")) != ""
    with engine.connect() as connection:
        total = connection.scalar(select(func.count()).select_from(table).where(missing, described)) or 0
    rows = select(key, table.c.descricao).where(missing, described).order_by(key).limit(BATCH_ROWS)
    seen, last = 0, None
    while True:
        with engine.begin() as connection:
            batch = connection.execute(rows if last is None else rows.where(key > last)).all()
            if not batch:
                break
            for (name, _), category in zip(batch, categories([text for _, text in batch]), strict=True):
                connection.execute(update(table).where(key == name, missing).values(categoria=category))
        seen, last = seen + len(batch), batch[-1][0]
        yield f"{seen} de {max(total, seen)} produtos classificados"
    yield f"Pronto: {seen} produtos classificados{_left_over(engine, table, missing)}."


def _left_over(engine: Engine, table: Table, missing: Any) -> str:
    with engine.connect() as connection:
        left = connection.scalar(select(func.count()).select_from(table).where(missing))
    return f", {left} sem descrição" if left else ""


def _produtos(engine: Engine) -> tuple[Table, Column[Any]]:
    """The table as the database has it, and its primary key."""
    try:
        table = Table(TABLE, MetaData(), autoload_with=engine)
    except NoSuchTableError:
        raise Unusable(f"A tabela {TABLE} não existe em {engine.url.render_as_string()}.") from None
    for name in ("descricao", "categoria"):
        if name not in table.c:
            raise Unusable(f"A tabela {TABLE} não tem a coluna {name}.")
    keys = list(table.primary_key.columns)
    if len(keys) != 1:
        raise Unusable(f"A tabela {TABLE} precisa de uma chave primária de uma coluna.")
    return table, keys[0]


def _database_url() -> str:
    """DATABASE_URL, or what the file named in DATABASE_URL_FILE holds, with the driver that is installed here.

    Raises:
        ValueError: Neither is set.
        ArgumentError: It is no address of a database.
        OSError: The file cannot be read.
    """
    url = os.environ.get("DATABASE_URL", "")
    if not url and (file := os.environ.get("DATABASE_URL_FILE")):
        url = Path(file).read_text("utf-8").strip()
    if not url:
        raise ValueError("falta; por exemplo sqlite:///produtos.db ou postgresql://usuario:senha@servidor/banco")
    url = re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", url)
    make_url(url)
    return url


if __name__ == "__main__":
    sys.exit(main())
