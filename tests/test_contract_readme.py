"""What the READMEs show of the code is what the code says."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("readme", ["README.md", "README.pt-BR.md"])
def test_the_whole_of_a_worker_is_the_whole_of_it(readme: str) -> None:
    program = (ROOT / "rotate-worker/rotate_worker/__main__.py").read_text("utf-8")
    assert f"```python\n{program}```" in (ROOT / readme).read_text("utf-8")
