"""Each plugin: when it is OK, when it is not, its figures; and that a target out of reach is never OK."""

import json
import re
import shlex
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from suite_fixtures import ROOT, free_port

OK, WARNING, CRITICAL, UNKNOWN = range(4)
PLUGINS = re.findall(r"^(check_\w+) =", (ROOT / "deploy/monitoring/pyproject.toml").read_text("utf-8"), re.MULTILINE)


@dataclass(frozen=True)
class Answer:
    status: int
    text: str

    @property
    def figures(self) -> dict[str, str]:
        """The performance data, by name, without limits."""
        _, _, data = self.text.partition(" | ")
        return {name.strip("'"): value.split(";")[0] for name, _, value in (one.partition("=") for one in data.split())}


def check(plugin: str, *arguments: object, **env: str) -> Answer:
    """Run a plugin as one would by hand."""
    program = Path(sys.executable).with_name(plugin)
    done = subprocess.run(
        [program, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60, env=env or None
    )
    assert not done.stderr
    assert len(done.stdout.splitlines()) == 1
    return Answer(done.returncode, done.stdout.strip())


Site = Callable[[str, str, bytes], tuple[int, bytes]]


@contextmanager
def served(site: Site) -> Iterator[str]:
    """The address of a server that answers with what `site` makes of method, path and body."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, answer = site(self.command, self.path, body)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_DELETE = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_every_plugin_is_tried_here() -> None:
    assert PLUGINS
    text = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py"))
    assert [name for name in PLUGINS if f'"{name}"' not in text] == []


@pytest.mark.parametrize("plugin", PLUGINS)
def test_a_wrong_argument_is_unknown(plugin: str) -> None:
    answer = check(plugin, "--nonsense")
    assert (answer.status, answer.text[:8]) == (UNKNOWN, "UNKNOWN:")


@pytest.mark.parametrize(
    "command",
    [
        "check_pagina http://127.0.0.1:{port}/",
        "check_pagina http://nowhere.invalid/",
        "check_api http://127.0.0.1:{port}/ --corpo {{}} --espera {{}}",
        "check_porta 127.0.0.1 {port}",
        "check_porta nowhere.invalid 80",
        "check_certificado https://127.0.0.1:{port}",
        "check_batimento notifier -t 1",
        "check_atraso notifier -t 1",
        "check_cartas_mortas notifier -t 1",
        "check_topicos -t 1",
        "check_imagem http://127.0.0.1:{port} --memoria {folder}/m --armazem {folder}",
        "check_imagem http://127.0.0.1:{port} --memoria {folder}/m --armazem /nowhere",
        "check_conversa http://127.0.0.1:{port} --memoria {folder}/m",
    ],
)
def test_a_target_out_of_reach_is_never_ok(command: str, tmp_path: Path) -> None:
    (tmp_path / "uploads").mkdir()
    port = free_port()
    plugin, *arguments = shlex.split(command.format(port=port, folder=tmp_path))
    answer = check(plugin, *arguments, KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{port}")
    assert answer.status in (CRITICAL, UNKNOWN)
    assert answer.figures == {}


def test_a_program_that_hangs_is_cut_off() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert check("check_pagina", f"http://127.0.0.1:{port}/", "-t", 1).status == CRITICAL
        assert (
            check("check_porta", "127.0.0.1", port, "--envia", "ruok", "--espera", "imok", "-t", 1).status == CRITICAL
        )
        answer = check("check_topicos", "-t", 1, KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{port}")
        assert answer.status == UNKNOWN


# --- pages and APIs


def test_a_page_has_to_say_what_is_expected() -> None:
    with served(lambda _method, path, _body: (200 if path == "/" else 503, b"<h1>Imagens</h1>")) as url:
        answer = check("check_pagina", f"{url}/", "--espera", "Imagens")
        assert answer.status == OK
        assert answer.figures["tamanho"] == "16B"
        assert answer.figures["tempo"].endswith("s")
        assert check("check_pagina", f"{url}/", "--espera", "Chat").status == CRITICAL
        assert check("check_pagina", f"{url}/other").status == CRITICAL


def test_a_slow_page_is_told() -> None:
    with served(lambda *_: (200, b"")) as url:
        assert check("check_pagina", url, "-w", "60:", "-c", "0:100").status == WARNING
        assert check("check_pagina", url, "-w", "100", "-c", "60:").status == CRITICAL


def test_an_api_has_to_answer_what_is_expected() -> None:
    def classify(method: str, _path: str, body: bytes) -> tuple[int, bytes]:
        assert method == "POST"
        if "descricao" not in json.loads(body):
            return 400, json.dumps({"detail": "Falta o campo."}).encode()
        return 200, json.dumps({"categoria": "maquiagem", "modelo": 3}).encode()

    given = ("--corpo", '{"descricao": "kit 4 esponjas"}')
    with served(classify) as url:
        answer = check("check_api", url, *given, "--espera", '{"categoria": "maquiagem"}')
        assert answer.status == OK
        assert "tempo" in answer.figures
        assert check("check_api", url, *given, "--espera", '{"categoria": "livro"}').status == CRITICAL
        refused = check("check_api", url, "--corpo", "{}", "--espera", "{}")
        assert refused.status == CRITICAL
        assert "400 Falta o campo." in refused.text
    with served(lambda *_: (200, b"no JSON")) as url:
        assert check("check_api", url, *given, "--espera", "{}").status == CRITICAL


# --- ports and certificates


class Talk(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.sendall(b"imok" if self.request.recv(100) == b"ruok" else b"what?")


@pytest.fixture
def zookeeper() -> Iterator[int]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Talk) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_a_port_takes_connections_and_says_what_is_expected(zookeeper: int) -> None:
    assert check("check_porta", "127.0.0.1", zookeeper).status == OK
    talk = ("127.0.0.1", zookeeper, "--espera", "imok", "--envia")
    answer = check("check_porta", *talk, "ruok")
    assert answer.status == OK
    assert "tempo" in answer.figures
    assert check("check_porta", *talk, "stat").status == CRITICAL


def test_the_network_knows_this_machine() -> None:
    assert check("check_rede").status == OK


def certificate(folder: Path, days: int) -> tuple[Path, Path]:
    key, file = folder / "key.pem", folder / f"{days}.pem"
    subject = (
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost",
        "-addext",
        "basicConstraints=CA:TRUE",
    )
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", str(days), *subject]
    subprocess.run([*command, "-keyout", key, "-out", file], check=True, capture_output=True)
    return key, file


@pytest.mark.parametrize(("days", "status"), [(90, OK), (15, WARNING), (3, CRITICAL)])
def test_a_certificate_that_ends_soon_is_told(tmp_path: Path, days: int, status: int) -> None:
    key, file = certificate(tmp_path, days)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"tls://localhost:{listener.getsockname()[1]}"

        def serve() -> None:
            for _ in range(2):
                connection, _address = listener.accept()
                try:
                    context.wrap_socket(connection, server_side=True).close()
                except OSError:
                    connection.close()

        threading.Thread(target=serve, daemon=True).start()
        answer = check("check_certificado", url, "--ca", file)
        assert answer.status == status
        (left,) = answer.figures.values()
        assert int(left) in (days - 1, days)
        unknown_authority = check("check_certificado", url)
        assert unknown_authority.status == CRITICAL
        assert "não vale" in unknown_authority.text


def test_without_tls_there_is_no_certificate_to_look_at() -> None:
    assert check("check_certificado").status == OK


# --- who is off by choice


def test_who_was_never_seen_is_not_missed(tmp_path: Path) -> None:
    remembering = ("--visto", tmp_path / "seen")
    answer = check("check_pagina", "http://nowhere.invalid/", *remembering)
    assert answer.status == OK
    assert "desligado por escolha" in answer.text
    with served(lambda *_: (200, b"")) as url:
        off = check("check_pagina", url, *remembering, "--depende", "nowhere.invalid")
        assert off.status == OK
        assert "nowhere.invalid" in off.text


def test_who_was_seen_once_is_missed(tmp_path: Path) -> None:
    nobody = f"http://localhost:{free_port()}/"
    assert check("check_pagina", nobody, "--visto", tmp_path).status == CRITICAL
    assert (tmp_path / "localhost").exists()
    (tmp_path / "nowhere.invalid").touch()
    assert check("check_pagina", "http://nowhere.invalid/", "--visto", tmp_path).status == CRITICAL
    assert check("check_batimento", "notifier", "-t", 1, "--visto", tmp_path / "other").status == OK


def test_what_is_optional_is_missed_only_if_a_part_of_it_is_there() -> None:
    away = ("check_porta", "nowhere.invalid", 80, "--opcional", "nowhere.invalid")
    assert check(*away).status == OK
    assert check(*away, "localhost").status == CRITICAL


# --- the picture and the conversation


class Suite:
    """What the plugins ask of the suite: pictures in a folder, mails in a list, conversations."""

    def __init__(self, store: Path) -> None:
        self.store, self.state, self.uploads, self.mails = store, "done", 0, [{"id": "1", "subject": "Outra coisa"}]
        self.sessions: dict[str, list[str]] = {}
        for folder in ("uploads", "processed/rotate"):
            (store / folder).mkdir(parents=True)

    def __call__(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        status, answer = self.answer(method, path, body)
        return status, json.dumps(answer).encode()

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        if path == "/email":
            return 200, self.mails
        if method == "DELETE":
            self.mails = [mail for mail in self.mails if mail["id"] != path.removeprefix("/email/")]
            return 200, True
        if path.startswith("/chat/"):
            return self.chat(path, body)
        if method == "POST":
            self.uploads += 1
            (name,) = re.findall(rb'filename="(.*?)"', body)
            id = f"abc{self.uploads}"
            for file in (f"uploads/{id}.png", f"uploads/{id}.json", f"processed/rotate/{id}_rotate.png"):
                (self.store / file).touch()
            if b'name="email"' in body:
                self.mails.append({"id": f"2{id}", "subject": f"O arquivo {name.decode()} foi rotacionado."})
            return 202, {"images": [{"id": id}]}
        if not (self.store / f"uploads/{path.rpartition('/')[2]}.png").exists():
            return 404, {}
        return 200, {"operations": {"rotate": {"status": self.state, "reason": "Quebrou."}}}

    def chat(self, path: str, body: bytes) -> tuple[int, Any]:
        if path.endswith("/sessions"):
            self.sessions[session := f"s{len(self.sessions)}"] = []
            return 201, {"sessao": session, "nome": json.loads(body)["nome"]}
        session = path.split("/")[-2]
        if session not in self.sessions:
            return 404, {}
        self.sessions[session].append(json.loads(body)["pergunta"])
        return 200, {"resposta": "" if self.state == "human" else "Olá!"}

    def files(self) -> list[str]:
        return sorted(path.name for path in self.store.rglob("*.*"))


@pytest.fixture
def suite_there(tmp_path: Path) -> Iterator[tuple[Suite, Callable[..., Answer]]]:
    suite = Suite(tmp_path / "data")
    (suite.store / "uploads/abc.png").touch()
    with served(suite) as url:
        memory = ("--memoria", tmp_path / "memory.json", "-t", 2)

        def picture(*more: object) -> Answer:
            return check("check_imagem", url, *memory, "--armazem", suite.store, "--correio", url, *more)

        yield suite, picture


def test_a_picture_goes_through_and_is_taken_away(suite_there: tuple[Suite, Callable[..., Answer]]) -> None:
    suite, picture = suite_there
    answer = picture()
    assert answer.status == OK
    assert answer.figures["tempo"].endswith("s")
    assert suite.files() == ["abc.png"]
    assert [mail["id"] for mail in suite.mails] == ["1"]


def test_while_one_picture_waits_no_other_is_sent(suite_there: tuple[Suite, Callable[..., Answer]]) -> None:
    suite, picture = suite_there
    suite.state = "pending"
    assert picture().status == CRITICAL
    waiting = picture()
    assert waiting.status == CRITICAL
    assert "rotate" in waiting.text
    assert suite.uploads == 1
    suite.state = "done"
    assert picture().status == OK
    assert (suite.uploads, suite.files()) == (1, ["abc.png"])


def test_a_picture_that_fails_is_told_and_taken_away(suite_there: tuple[Suite, Callable[..., Answer]]) -> None:
    suite, picture = suite_there
    suite.state = "failed"
    answer = picture()
    assert answer.status == CRITICAL
    assert "Quebrou." in answer.text
    assert suite.files() == ["abc.png"]


def test_a_mail_that_does_not_come_is_told(suite_there: tuple[Suite, Callable[..., Answer]]) -> None:
    suite, picture = suite_there
    with served(lambda *_: (200, b"[]")) as empty:
        answer = picture("--correio", empty)
    assert answer.status == CRITICAL
    assert "e-mails" in answer.text
    assert suite.files() == ["abc.png"]


def test_a_picture_that_nobody_knows_any_more_is_forgotten(suite_there: tuple[Suite, Callable[..., Answer]]) -> None:
    suite, picture = suite_there
    suite.state = "pending"
    picture()
    (suite.store / "uploads/abc1.png").unlink()
    suite.state = "done"
    assert picture().status == OK
    assert suite.uploads == 2


def test_a_conversation_is_opened_once_and_goes_on(tmp_path: Path) -> None:
    suite = Suite(tmp_path / "data")
    with served(suite) as url:
        memory = ("--memoria", tmp_path / "memory.json")
        for _ in range(2):
            answer = check("check_conversa", url, *memory)
            assert answer.status == OK
            assert "tempo" in answer.figures
        assert suite.sessions == {"s0": ["Olá", "Olá"]}
        suite.sessions = {"other": []}
        assert check("check_conversa", url, *memory).status == OK
        suite.state = "human"
        assert check("check_conversa", url, *memory).status == CRITICAL
