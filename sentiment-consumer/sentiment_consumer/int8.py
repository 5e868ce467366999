"""Weights of 8 bits: a quarter of the memory, and several times the speed on a CPU."""

import platform

import torch
from torch import Tensor, nn

FEWEST = 64
"""Outputs of a layer that is worth it. The last one, which decides, stays as it is."""

AT_ONCE = 32
"""Outputs whose weights are rounded at a time."""


class Int8Linear(nn.Module):
    """A linear layer whose weights have one scale an output, and its input, when it comes, one a token.

    So what is beside a token, in its batch or as padding, does not change its answer.
    """

    weight: Tensor
    scale: Tensor
    bias: Tensor

    def __init__(self, layer: nn.Linear):
        super().__init__()
        weight = torch.empty(layer.weight.shape, dtype=torch.int8)
        scale = torch.empty(layer.out_features, 1)
        for rows in range(0, layer.out_features, AT_ONCE):  # in small pieces, whose memory comes back
            part = slice(rows, rows + AT_ONCE)
            weight[part], scale[part] = _rounded(layer.weight.detach()[part].float())
        bias = torch.zeros(layer.out_features) if layer.bias is None else layer.bias.detach().float().clone()
        self.register_buffer("weight", weight.t())
        self.register_buffer("scale", scale.flatten())
        self.register_buffer("bias", bias)

    def forward(self, values: Tensor) -> Tensor:
        rows, scale = _rounded(values.reshape(-1, values.shape[-1]))
        products = torch._int_mm(rows, self.weight).float().mul_(scale)
        return torch.addcmul(self.bias, products, self.scale).reshape(*values.shape[:-1], -1)


def _rounded(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Whole numbers from -127 to 127, and what a row of them is to be multiplied with."""
    scale = rows.abs().amax(-1, keepdim=True).div_(127).clamp_min_(1e-12)
    return rows.div(scale).round_().to(torch.int8), scale


def pays() -> bool:
    """Whether this processor multiplies whole numbers faster; ARM's has no quick way for them in torch yet."""
    return platform.machine().lower() in ("x86_64", "amd64") and torch.backends.mkldnn.is_available()


def quantise(module: nn.Module) -> None:
    """Replace the linear layers in `module`, one at a time: the memory of each is free before the next."""
    for name, child in module.named_children():
        if type(child) is nn.Linear and child.out_features >= FEWEST:
            setattr(module, name, Int8Linear(child))
        else:
            quantise(child)
