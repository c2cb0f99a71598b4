"""Reads a model of rqvae and computes with it in PyTorch, on any device. Needs torch and safetensors, and no Node."""

import json

import torch
from safetensors import safe_open
from torch.nn import functional


class Model(torch.nn.Module):
    def __init__(self, path, dtype=torch.float64):
        super().__init__()
        with safe_open(path, framework="pt") as file:
            self.info = json.loads(file.metadata()["rqvae"])  # config, training, data, fingerprint, ...
            for name in file.keys():
                self.register_buffer(name.replace(".", "_"), file.get_tensor(name).to(dtype))
        self.config = self.info["config"]
        for option in ("layerNorm", "codebookSimVq"):
            if self.config[option]:
                raise ValueError(f"{path}: a model with {option} needs more than these lines")
        if self.config["compat"] != "none" or self.config["inputScaling"] == "l2":
            raise ValueError(f"{path}: compat and inputScaling l2 need more than these lines")
        self.act = functional.relu if self.config["activation"] == "relu" else functional.silu

    def tensor(self, name):
        return getattr(self, name.replace(".", "_"), None)

    def codebooks(self):
        return [self.tensor(f"quantization_layers.{i}.embedding.weight") for i in range(self.config["nQuantizationLayers"])]

    def mlp(self, part, x):
        out, layer = x, 0
        while (weight := self.tensor(f"{part}.network.{layer}.weight")) is not None:
            out = functional.linear(out if layer == 0 else self.act(out), weight, self.tensor(f"{part}.network.{layer}.bias"))
            layer += 2
        skip = self.tensor(f"{part}.skip.weight")
        if skip is None:
            return out
        return (out if layer > 0 else 0) + functional.linear(x, skip, self.tensor(f"{part}.skip.bias"))

    @torch.no_grad()
    def encode(self, items):
        """IDs of the items: n x levels."""
        mean, scale = self.tensor("input.mean"), self.tensor("input.scale")
        x = items.to(self.codebooks()[0])
        z = self.mlp("encoder", x if mean is None else (x - mean) / scale)
        n, width, weight = len(z), self.config["encodeBeam"], self.config.get("firstCodeWeight", 0)
        codes, rest, penalty = torch.zeros(n, 1, 0, dtype=torch.long, device=z.device), z[:, None], z.new_zeros(n, 1, 1)
        for level, book in enumerate(self.codebooks()):
            # What each code would leave of each partial ID, ||r - c||^2: n x partial IDs x codes.
            error = (rest**2).sum(-1, keepdim=True) - 2 * rest @ book.T + (book**2).sum(-1)
            judged = (error + penalty).flatten(1)
            best = judged.argsort(dim=1, stable=True)[:, : 1 if level + 1 == len(self.codebooks()) else width]
            partial, code = best // len(book), best % len(book)
            chosen = partial[..., None]
            codes = torch.cat([codes.gather(1, chosen.expand(-1, -1, level)), code[..., None]], dim=2)
            rest = rest.gather(1, chosen.expand(-1, -1, z.shape[1])) - book[code]
            # firstCodeWeight: an ID pays for a first code that is farther than the nearest.
            penalty = weight * error.flatten(1).gather(1, best)[..., None] if level == 0 else penalty.gather(1, chosen)
        return codes[:, 0]

    def decode(self, codes):
        """The vectors that the IDs stand for: n x inputDim."""
        x = self.mlp("decoder", sum(book[codes[:, level]] for level, book in enumerate(self.codebooks())))
        mean, scale = self.tensor("input.mean"), self.tensor("input.scale")
        return x if mean is None else x * scale + mean
