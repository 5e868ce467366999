"""What large tensors took is given back when they are freed, although small ones that stay lie between them."""

import platform
import subprocess
import sys

import pytest

FREE_AND_LOOK = """
import re
from pathlib import Path
import torch
from sentiment_consumer.memory import give_large_blocks_back

def megabytes():
    return int(re.search(r"RssAnon:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024

{call}
torch.set_num_threads(1)
torch.ones(6 * 1024 * 1024)  # 24 MiB: from now on glibc takes smaller blocks for small ones
before = megabytes()
large, small = [], []
for _ in range(24):
    large.append(torch.ones(2 * 1024 * 1024))
    small.append(torch.ones(16 * 1024))
del large
print(megabytes() - before)
"""


def kept_megabytes(call: str) -> int:
    program = [sys.executable, "-W", "ignore", "-c", FREE_AND_LOOK.format(call=call)]
    return int(subprocess.run(program, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a matter of glibc")
def test_large_blocks_are_given_back() -> None:
    assert kept_megabytes("") > 100
    assert kept_megabytes("give_large_blocks_back()") < 40
