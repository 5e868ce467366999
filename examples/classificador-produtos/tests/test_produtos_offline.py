"""The job that fills the empty categories, on SQLite; on PostgreSQL it is tried by hand (README)."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from classificador_produtos import offline
from sqlalchemy import Engine, create_engine, text

EXAMPLE = Path(__file__).parents[1]


@pytest.fixture
def database(tmp_path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{tmp_path}/produtos.db")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE produtos (id INTEGER PRIMARY KEY, descricao TEXT, categoria TEXT)"))
    return engine


def add(database: Engine, *rows: tuple[str | None, str | None]) -> None:
    with database.begin() as connection:
        for description, category in rows:
            connection.execute(
                text("INSERT INTO produtos (descricao, categoria) VALUES (:d, :c)"), {"d": description, "c": category}
            )


def stored(database: Engine) -> list[str | None]:
    with database.connect() as connection:
        return list(connection.scalars(text("SELECT categoria FROM produtos ORDER BY id")))


JOB = (sys.executable, "-m", "classificador_produtos.offline")


def environment(**env: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("DATABASE_URL")} | env


def job(**env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(JOB, env=environment(**env), cwd=EXAMPLE, capture_output=True, text=True, check=False)


def test_every_empty_category_is_filled_and_no_other(database: Engine) -> None:
    add(
        database,
        ("kit 4 esponjas", None),
        ("controle ps4", ""),
        ("boneca", " "),
        ("boneca", "raro"),
        (None, None),
        ("", None),
    )
    assert list(offline.fill(database)) == [
        "3 de 3 produtos classificados",
        "Pronto: 3 produtos classificados, 2 sem descrição.",
    ]
    assert stored(database) == ["maquiagem", "game", "brinquedo", "raro", None, None]


def test_it_goes_in_batches_and_a_second_run_does_what_the_first_left(
    database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offline, "BATCH_ROWS", 2)
    add(database, *[("batom", None)] * 5)
    interrupted = offline.fill(database)
    assert next(interrupted) == "2 de 5 produtos classificados"
    interrupted.close()
    assert stored(database) == ["maquiagem"] * 2 + [None] * 3
    assert list(offline.fill(database)) == [
        "2 de 3 produtos classificados",
        "3 de 3 produtos classificados",
        "Pronto: 3 produtos classificados.",
    ]
    assert list(offline.fill(database)) == ["Pronto: 0 produtos classificados."]


def test_a_category_that_someone_fills_in_meanwhile_is_kept(database: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    add(database, ("batom", None), ("batom", None))

    def slow(descriptions: list[str]) -> list[str]:
        add_category = text("UPDATE produtos SET categoria = 'raro' WHERE id = 2")
        with database.begin() as connection:
            connection.execute(add_category)
        return ["maquiagem"] * len(descriptions)

    monkeypatch.setattr(offline, "categories", slow)
    list(offline.fill(database))
    assert stored(database) == ["maquiagem", "raro"]


def test_the_program_prints_its_progress_and_ends(database: Engine) -> None:
    add(database, ("dom casmurro", None))
    ended = job(DATABASE_URL=database.url.render_as_string())
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "1 de 1 produtos classificados\nPronto: 1 produtos classificados.\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_a_line_and_the_next_run_goes_on(database: Engine, number: signal.Signals) -> None:
    add(database, *[("batom", None)] * 5_000)
    url = database.url.render_as_string()
    running = subprocess.Popen(
        JOB, env=environment(DATABASE_URL=url), cwd=EXAMPLE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert running.stdout
    with running:
        assert running.stdout.readline() == "500 de 5000 produtos classificados\n"
        running.send_signal(number)
        _, errors = running.communicate()
    assert running.returncode == 128 + number
    assert errors == "Interrompido: o que foi gravado fica, e a próxima execução continua daí.\n"
    filled = sum(category is not None for category in stored(database))
    assert filled % offline.BATCH_ROWS == 0
    assert next(offline.fill(database)) == f"500 de {5_000 - filled} produtos classificados"


def test_the_address_may_be_in_a_file(database: Engine, tmp_path: Path) -> None:
    (tmp_path / "url").write_text(f"{database.url.render_as_string()}\n")
    assert job(DATABASE_URL_FILE=str(tmp_path / "url")).stdout == "Pronto: 0 produtos classificados.\n"


@pytest.mark.parametrize("url", ["", "produtos", "oracle7://a/b"])
def test_a_wrong_address_ends_it_with_one_line_that_names_the_variable(url: str) -> None:
    ended = job(DATABASE_URL=url)
    assert ended.returncode == 78
    assert ended.stderr.startswith("DATABASE_URL: ")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("CREATE TABLE outra (id INTEGER PRIMARY KEY)", "A tabela produtos não existe"),
        (
            "CREATE TABLE produtos (id INTEGER PRIMARY KEY, descricao TEXT)",
            "A tabela produtos não tem a coluna categoria.",
        ),
        ("CREATE TABLE produtos (descricao TEXT, categoria TEXT)", "A tabela produtos precisa de uma chave primária"),
    ],
)
def test_a_table_that_cannot_be_filled_is_told_so(tmp_path: Path, table: str, sentence: str) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/other.db")
    with engine.begin() as connection:
        connection.execute(text(table))
    ended = job(DATABASE_URL=engine.url.render_as_string())
    assert ended.returncode == 1
    assert ended.stderr.startswith(sentence)
    assert ended.stderr.count("\n") == 1


def test_a_password_is_not_printed_where_no_server_answers() -> None:
    ended = job(DATABASE_URL="postgresql://ana:segredo@127.0.0.1:1/produtos")
    assert ended.returncode == 1
    assert "segredo" not in ended.stderr
    assert "Traceback" not in ended.stderr
