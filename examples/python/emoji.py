#!/usr/bin/env python3
"""Semantic IDs from Python: trains by `npx rqvae train`, reads the IDs with pandas and the model with NumPy (and PyTorch).

    pip install numpy pandas safetensors
    npm install rqvae
    python3 emoji.py
"""

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

import rqvae_numpy

DATA = Path(__file__).resolve().parent.parent / "data" / "emoji"
# A near-tie between two codes may fall the other way in another order of summation.
EQUAL_IDS = 0.999


def rqvae(*arguments):
    """Runs the command line of rqvae and gives what it prints. Its errors go to stderr."""
    npx = shutil.which("npx")
    if npx is None:
        sys.exit("npx was not found: install Node 20.19 or newer from https://nodejs.org")
    done = subprocess.run([npx, "rqvae", *map(str, arguments)], stdout=subprocess.PIPE, encoding="utf8")
    if done.returncode != 0:
        sys.exit(f"rqvae {arguments[0]} ended with exit code {done.returncode}")
    return done.stdout


def train(vectors, keys, *options, folder=Path(".")):
    """Trains model.safetensors on the vectors. Returns a row per item: its key, its codes and its tokens."""
    np.save(folder / "items.npy", np.asarray(vectors, np.float32))
    (folder / "keys.json").write_text(json.dumps([str(key) for key in keys]), encoding="utf8")
    named = ["--item-ids", folder / "keys.json", "--output", folder / "model.safetensors", "--ids", folder / "ids.jsonl"]
    rqvae("train", folder / "items.npy", *named, "--quiet", *options)
    with open(folder / "ids.jsonl", encoding="utf8") as lines:
        ids = [json.loads(line) for line in lines]
    levels = range(len(ids[0]["codes"]))
    codes = {f"code_{level + 1}": [row["codes"][level] for row in ids] for level in levels}
    return pd.DataFrame({"key": [row["id"] for row in ids], **codes, "tokens": [row["tokens"] for row in ids]})


def prefix_feature(codes, depth, buckets, sizes):
    """A number for the first codes of each ID, as `rqvae features` writes it. The codes are n x levels, `sizes` the codes of each level."""
    if math.prod(sizes[:depth]) <= buckets:
        return np.ravel_multi_index(codes[:, :depth].T, sizes[:depth])
    rotated = lambda x, bits: x << np.uint32(bits) | x >> np.uint32(32 - bits)
    h = np.zeros(len(codes), np.uint32)
    for word in codes[:, :depth].T.astype(np.uint32):
        h ^= rotated(word * np.uint32(0xCC9E2D51), 15) * np.uint32(0x1B873593)
        h = rotated(h, 13) * np.uint32(5) + np.uint32(0xE6546B64)
    h ^= np.uint32(4 * depth)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        h = (h ^ h >> np.uint32(shift)) * np.uint32(factor)
    return h % np.uint32(buckets)


def encode_with_torch(vectors):
    """The codes of the vectors, n x levels, by PyTorch."""
    import torch

    import rqvae_torch

    return rqvae_torch.Model("model.safetensors").encode(torch.from_numpy(vectors)).numpy()


def main():
    vectors = np.load(DATA / "emoji-glovesif100.f16.npy").astype(np.float32)
    titles = json.loads((DATA / "emoji.labels.json").read_text(encoding="utf8"))["titles"]
    # A table in an order of its own, with a key in each row, as catalogues are.
    products = pd.DataFrame({"key": [f"emoji-{row:05}" for row in range(len(titles))], "title": titles})
    ids = train(vectors, products["key"], "--codes", 32, *sys.argv[1:])
    shuffled = products.sample(frac=1, random_state=0)
    print(shuffled.merge(ids, on="key", validate="one_to_one").head().to_string(index=False))

    model = rqvae_numpy.Model("model.safetensors")
    epochs = pd.DataFrame(model.history["epochs"])
    print(epochs[["epoch", "reconstructionLoss", "quantizeLoss", "distinctIds"]].tail(3).to_string(index=False))
    published = ids.filter(like="code_").to_numpy()
    readers = {"NumPy": model.encode(vectors)}
    try:
        readers["PyTorch"] = encode_with_torch(vectors)
    except ImportError:
        print("PyTorch is not installed: only NumPy encodes")
    for name, codes in readers.items():
        equal = (codes == published).all(axis=1).mean()
        print(f"{name}: {equal:.2%} of the IDs are those of rqvae")
        if equal < EQUAL_IDS:
            sys.exit(f"{name} gives other IDs")
    rqvae("features", "ids.jsonl", "--codes", 32, "--buckets", 5000, "--output", "features.npy", "--quiet")
    columns = [prefix_feature(published, depth, 5000, [32, 32, 32]) for depth in (1, 2, 3)]
    same = (np.stack(columns, axis=1) == np.load("features.npy")).all()
    print(f"prefix features are those of rqvae: {same}")
    error = ((model.decode(published) - vectors) ** 2).sum() / ((vectors - vectors.mean(0)) ** 2).sum()
    print(f"decoded from their IDs, the vectors keep {1 - error:.1%} of their variance")
    trained = json.loads(rqvae("inspect", "model.safetensors", "--data", "items.npy", "--json"))
    print(f"trained on items.npy: {trained['comparedWith']['same']}, fingerprint {trained['data']['fingerprint']}")


if __name__ == "__main__":
    main()
