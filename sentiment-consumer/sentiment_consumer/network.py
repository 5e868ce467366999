"""Loads a tokenizer and a network of transformers, from a folder or from the model hub."""

import logging
from pathlib import Path
from typing import Any

import transformers
from huggingface_hub import snapshot_download
from huggingface_hub.utils import disable_progress_bars
from safetensors import safe_open
from transformers import AutoConfig, AutoTokenizer

DEFAULT_MAX_TOKENS = 512
"""The limit of a text, if the model does not specify one."""
MODEL_FILES = ["*.json", "*.txt", "*.model", "model*.safetensors"]
"""The files to download from a repository on the hub."""
LEGACY_WEIGHTS = ["pytorch_model*.bin"]
"""Downloaded in addition if there are no safetensors."""


class UnusableModel(Exception):
    """The model does not exist, or is not a sentiment classifier; the message says why, in one line."""


def load(name: str) -> tuple[Any, Any]:
    """Load the tokenizer and the network of a folder, or of a name on the model hub. Raises UnusableModel."""
    _silence_libraries()
    try:
        folder = Path(name) if Path(name).is_dir() else _download(name)
    except UnusableModel as error:
        raise UnusableModel(f"{name} {error}") from None
    except Exception as error:
        raise UnusableModel(
            f"{name} is not a folder, and cannot be downloaded from the hub: {one_line(error)}"
        ) from error
    try:
        return _load(folder)
    except UnusableModel as error:
        raise UnusableModel(f"{name} {error}") from None
    except Exception as error:
        raise UnusableModel(f"{name} cannot be read: {one_line(error)}") from error


def max_tokens(tokenizer: Any, network: Any) -> int:
    """The maximum number of tokens of a text."""
    positions = getattr(network.config, "max_position_embeddings", None) or DEFAULT_MAX_TOKENS
    for name, module in network.named_modules():
        if name.endswith("position_embeddings") and getattr(module, "padding_idx", None) is not None:
            positions -= module.padding_idx + 1  # RoBERTa and similar models start counting there
    return int(max(1, min(positions if positions > 0 else DEFAULT_MAX_TOKENS, tokenizer.model_max_length)))


def one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


def _download(name: str) -> Path:
    """The folder of a model on the hub. A complete model in the local cache needs no network."""
    for local_only in (True, False):
        for patterns in (MODEL_FILES, [*MODEL_FILES, *LEGACY_WEIGHTS]):
            try:
                folder = Path(snapshot_download(name, allow_patterns=patterns, local_files_only=local_only))
            except OSError:
                if local_only:
                    continue  # not in the cache, or incomplete
                raise
            if _safetensors(folder) or any(folder.glob(LEGACY_WEIGHTS[0])):
                return folder
    raise UnusableModel("has no weights for torch")


def _load(folder: Path) -> tuple[Any, Any]:
    config = AutoConfig.from_pretrained(folder)
    kinds = transformers.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING
    if type(config) not in kinds:
        raise UnusableModel(f"is not a model for classification, but {config.model_type}")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    files = _safetensors(folder)
    source = {"state_dict": _mapped_tensors(files)} if files else {"pretrained_model_name_or_path": folder}
    network, report = kinds[type(config)].from_pretrained(
        **{"pretrained_model_name_or_path": None} | source,
        config=config,
        dtype="auto",
        output_loading_info=True,
        ignore_mismatched_sizes=True,
    )
    uninitialised = sorted({*report["missing_keys"], *(key for key, *_sizes in report["mismatched_keys"])})
    if uninitialised:
        raise UnusableModel(f"is not a model for classification: it lacks {', '.join(uninitialised)[:200]}")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
        network.config.pad_token_id = tokenizer.pad_token_id
    return tokenizer, network.eval()


def _safetensors(folder: Path) -> list[Path]:
    whole = folder / "model.safetensors"
    return [whole] if whole.is_file() else sorted(folder.glob("model-*-of-*.safetensors"))


def _mapped_tensors(files: list[Path]) -> dict[str, Any]:
    """The tensors, each memory-mapped separately, so that freeing one unmaps its part of the file."""
    tensors = {}
    for file in files:
        with safe_open(file, framework="pt") as tensors_file:
            names = list(tensors_file.keys())
        for name in names:
            with safe_open(file, framework="pt") as tensors_file:
                tensors[name] = tensors_file.get_tensor(name)
    return tensors


def _silence_libraries() -> None:
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    disable_progress_bars()
    for name in ("httpx", "httpx2", "huggingface_hub", "transformers"):
        logging.getLogger(name).setLevel("ERROR")
