"""The page, asked where it runs: docker-compose exec marketplace pytest marketplace_integration_test.py"""

from urllib.request import ProxyHandler, build_opener

URL = "http://localhost:5000"


def test_render_homepage() -> None:
    # Docker may have given this container a proxy, which knows nothing of it.
    with build_opener(ProxyHandler({})).open(URL, timeout=10) as answer:
        page = answer.read().decode()
    assert "<title>Online Books For You</title>" in page
    assert page.count("<li>") == 3
