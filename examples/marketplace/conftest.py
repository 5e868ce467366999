"""For pytest: the code that the images make of the proto, made anew in a folder of its own."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from grpc_tools import protoc

HERE = Path(__file__).parent
GENERATED = TemporaryDirectory(prefix="recommendations-")

# Wants the containers: tests/compose runs it in one of them.
collect_ignore = ["marketplace/marketplace_integration_test.py"]

status = protoc.main(
    ["protoc", f"-I{HERE / 'protobufs'}", f"--python_out={GENERATED.name}", f"--grpc_python_out={GENERATED.name}",
     "recommendations.proto"]
)  # fmt: skip
if status:
    pytest.exit(f"protoc ended with status {status}", returncode=status)
sys.path[:0] = [GENERATED.name, str(HERE / "marketplace"), str(HERE / "recommendations")]
