"""Reads a model of rqvae and computes with it in NumPy. Needs numpy and safetensors, and no Node."""

import json

import numpy as np
from safetensors import safe_open


class Model:
    def __init__(self, path):
        with safe_open(path, framework="np") as file:
            metadata = file.metadata()
            self.tensors = {name: file.get_tensor(name).astype(np.float64) for name in file.keys()}
        self.info = json.loads(metadata["rqvae"])  # config, training, data, fingerprint, ...
        self.history = json.loads(metadata.get("rqvae_history", "null"))
        self.config = self.info["config"]
        for option in ("layerNorm", "codebookSimVq"):
            if self.config[option]:
                raise ValueError(f"{path}: a model with {option} needs more than these lines")
        if self.config["compat"] != "none" or self.config["inputScaling"] == "l2":
            raise ValueError(f"{path}: compat and inputScaling l2 need more than these lines")
        self.codebooks = [
            self.tensors[f"quantization_layers.{level}.embedding.weight"]
            for level in range(self.config["nQuantizationLayers"])
        ]

    def encode(self, items):
        """IDs of the items: n x levels."""
        x, t = np.asarray(items, np.float64), self.tensors
        z = self.mlp("encoder", (x - t["input.mean"]) / t["input.scale"] if "input.mean" in t else x)
        n, width, weight = len(z), self.config["encodeBeam"], self.config.get("firstCodeWeight", 0)
        codes, rest, penalty = np.zeros((n, 1, 0), np.int64), z[:, None], np.zeros((n, 1, 1))
        for level, book in enumerate(self.codebooks):
            # What each code would leave of each partial ID, ||r - c||^2: n x partial IDs x codes.
            error = (rest**2).sum(-1, keepdims=True) - 2 * rest @ book.T + (book**2).sum(-1)
            judged = (error + penalty).reshape(n, -1)
            keep = 1 if level + 1 == len(self.codebooks) else width
            best = np.argsort(judged, axis=1, kind="stable")[:, :keep]
            partial, code = np.divmod(best, len(book))
            codes = np.concatenate([np.take_along_axis(codes, partial[..., None], 1), code[..., None]], axis=2)
            rest = np.take_along_axis(rest, partial[..., None], 1) - book[code]
            # firstCodeWeight: an ID pays for a first code that is farther than the nearest.
            penalty = weight * error if level == 0 else penalty
            penalty = np.take_along_axis(penalty.reshape(n, -1), best if level == 0 else partial, 1)[..., None]
        return codes[:, 0]

    def decode(self, codes):
        """The vectors that the IDs stand for: n x inputDim."""
        x = self.mlp("decoder", sum(book[codes[:, level]] for level, book in enumerate(self.codebooks)))
        t = self.tensors
        return x * t["input.scale"] + t["input.mean"] if "input.mean" in t else x

    def mlp(self, part, x):
        t, out, layer = self.tensors, x, 0
        while f"{part}.network.{layer}.weight" in t:
            out = out if layer == 0 else self.activation(out)
            out = out @ t[f"{part}.network.{layer}.weight"].T + t[f"{part}.network.{layer}.bias"]
            layer += 2
        if f"{part}.skip.weight" not in t:
            return out
        return (out if layer > 0 else 0) + x @ t[f"{part}.skip.weight"].T + t[f"{part}.skip.bias"]

    def activation(self, x):
        return np.maximum(x, 0) if self.config["activation"] == "relu" else x / (1 + np.exp(-x))
