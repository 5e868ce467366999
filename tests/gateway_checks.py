"""What both gateways promise: nginx in containers, Caddy with `make run`."""

import json
import socket
from http.client import HTTPResponse
from urllib.parse import urlsplit

import requests

CLIENT = "203.0.113.9"


def responds(url: str) -> bool:
    """Whether the gateway at `url` is up, and the service behind it."""
    try:
        return requests.get(f"{url}/upload/healthz", timeout=5).status_code == 200
    except requests.RequestException:
        return False


def ask(url: str, path: str, host: str) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url + path, headers={"Host": host}, timeout=30, allow_redirects=False)


def serves_its_own_names_alone(url: str) -> None:
    """ALLOWED_HOSTS or PUBLIC_URL name turma.example."""
    for path in ("/", "/upload/who", "/mail/", "/status/kafdrop", "/healthz"):
        for host in ("evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example"):
            answer = ask(url, path, host)
            assert (answer.status_code, answer.headers["Content-Type"]) == (421, "application/problem+json"), path
            assert answer.json()["type"] == "urn:problem:host"
            assert "ALLOWED_HOSTS" in answer.json()["detail"]
        for host in ("localhost", "LOCALHOST:8080", "127.0.0.1", "[::1]:8080", "192.168.0.7:8080", "turma.example:80"):
            assert ask(url, path, host).status_code != 421, (path, host)


def shows_the_start_page(url: str, path: str = "/") -> None:
    answer = ask(url, path, "localhost")
    assert (answer.status_code, answer.headers["Content-Type"].partition(";")[0]) == (200, "text/html"), answer.text
    assert 'id="front"' in answer.text
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def serves_again_what_a_browser_has(url: str) -> None:
    for path in ("/", "/index.html", "/base.css", "/documents/"):
        first = ask(url, path, "localhost")
        assert first.content, path
        known = {"If-None-Match": first.headers["ETag"], "If-Modified-Since": first.headers["Last-Modified"]}
        again = requests.get(url + path, headers={"Host": "localhost"} | known, timeout=30)
        assert (again.status_code, again.content) in ((304, b""), (200, first.content)), path


def shows_the_documents(url: str) -> None:
    for path, kind in (
        ("/documents/", "text/html"),
        ("/documents/pt-BR/events.html", "text/html"),
        ("/documents/documents.css", "text/css"),
        ("/documents/asyncapi.json", "application/json"),
    ):
        answer = ask(url, path, "localhost")
        assert (answer.status_code, answer.headers["Content-Type"].partition(";")[0]) == (200, kind), path
        assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    for path in ("/documents", "/documents/pt-BR"):
        with_slash = ask(url, path, "localhost").headers["Location"]
        assert urlsplit(with_slash)[1:3] == ("", f"{path}/"), with_slash  # whatever port the gateway was moved to


def address_seen(url: str, forwarded: str) -> str:
    """The client's address behind the gateway, if it is asked with this X-Forwarded-For."""
    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(f"{url}/upload/who", headers={"X-Forwarded-For": forwarded}, timeout=30)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["address"])


def answers_a_body_that_pauses(url: str) -> None:
    for length in ("Content-Length: 1000000", "Content-Length: 1000", "Transfer-Encoding: chunked"):
        where = urlsplit(url)
        with socket.create_connection((where.hostname, where.port), 30) as client:
            head = f"POST /upload/who HTTP/1.1\r\nHost: {where.netloc}\r\nAccept-Language: pt\r\n{length}\r\n\r\n"
            client.sendall(head.encode() + (b"64\r\n" + b"x" * 100 if "chunked" in length else b"x" * 100))
            answer = HTTPResponse(client)
            answer.begin()
            assert (answer.status, json.load(answer)["type"]) == (408, "urn:problem:request-timeout"), length
