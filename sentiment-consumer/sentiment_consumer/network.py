"""A tokenizer and a network of transformers, from a folder or from the model hub."""

import logging
from pathlib import Path
from typing import Any

import transformers
from huggingface_hub import snapshot_download
from huggingface_hub.utils import disable_progress_bars
from safetensors import safe_open
from transformers import AutoConfig, AutoTokenizer

LONGEST = 512
"""Tokens of one text, where a model does not say how many it takes."""
WANTED = ["*.json", "*.txt", "*.model", "model*.safetensors"]
"""Of what a repository on the hub holds."""
OLDER = ["pytorch_model*.bin"]
"""Where it has no weights that are safe to map."""


class Unusable(Exception):
    """There is no such model, or it does not tell sentiments; the message says why, in one line."""


def read(name: str) -> tuple[Any, Any]:
    """The tokenizer and the network of that name. Raises Unusable."""
    _be_quiet()
    try:
        folder = Path(name) if Path(name).is_dir() else _fetched(name)
    except Unusable as error:
        raise Unusable(f"{name} {error}") from None
    except Exception as error:
        raise Unusable(f"{name} is no folder here, and the hub does not give it: {one_line(error)}") from error
    try:
        return _read(folder)
    except Unusable as error:
        raise Unusable(f"{name} {error}") from None
    except Exception as error:
        raise Unusable(f"{name} cannot be read: {one_line(error)}") from error


def longest(tokenizer: Any, network: Any) -> int:
    """How many tokens of a text it takes."""
    places = getattr(network.config, "max_position_embeddings", None) or LONGEST
    for name, module in network.named_modules():
        if name.endswith("position_embeddings") and getattr(module, "padding_idx", None) is not None:
            places -= module.padding_idx + 1  # RoBERTa and its kin count from there
    return int(max(1, min(places if places > 0 else LONGEST, tokenizer.model_max_length)))


def one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


def _fetched(name: str) -> Path:
    """The folder of a model on the hub. What was fetched once needs no network any more."""
    for here in (True, False):
        for wanted in (WANTED, [*WANTED, *OLDER]):
            try:
                folder = Path(snapshot_download(name, allow_patterns=wanted, local_files_only=here))
            except OSError:
                if here:
                    continue  # nothing yet, or not all of it
                raise
            if _weights(folder) or any(folder.glob(OLDER[0])):
                return folder
    raise Unusable("has no weights for torch")


def _read(folder: Path) -> tuple[Any, Any]:
    config = AutoConfig.from_pretrained(folder)
    kinds = transformers.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING
    if type(config) not in kinds:
        raise Unusable(f"is no model for classification, but {config.model_type}")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    files = _weights(folder)
    source = {"state_dict": _mapped(files)} if files else {"pretrained_model_name_or_path": folder}
    network, report = kinds[type(config)].from_pretrained(
        **{"pretrained_model_name_or_path": None} | source,
        config=config,
        dtype="auto",
        output_loading_info=True,
        ignore_mismatched_sizes=True,
    )
    made_up = sorted({*report["missing_keys"], *(key for key, *_sizes in report["mismatched_keys"])})
    if made_up:
        raise Unusable(f"is no model for classification: it has no {', '.join(made_up)[:200]}")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
        network.config.pad_token_id = tokenizer.pad_token_id
    return tokenizer, network.eval()


def _weights(folder: Path) -> list[Path]:
    whole = folder / "model.safetensors"
    return [whole] if whole.is_file() else sorted(folder.glob("model-*-of-*.safetensors"))


def _mapped(files: list[Path]) -> dict[str, Any]:
    """The tensors, each in a mapping of its own: when one is let go, so is its part of the file."""
    tensors = {}
    for file in files:
        with safe_open(file, framework="pt") as opened:
            names = list(opened.keys())
        for name in names:
            with safe_open(file, framework="pt") as opened:
                tensors[name] = opened.get_tensor(name)
    return tensors


def _be_quiet() -> None:
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    disable_progress_bars()
    for name in ("httpx", "httpx2", "huggingface_hub", "transformers"):
        logging.getLogger(name).setLevel("ERROR")
