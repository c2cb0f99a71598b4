#!/usr/bin/env python3
"""Turns a PyTorch checkpoint (.pt, .pth) into model.safetensors, which RQVAE.load and rqvae read.

    python3 convert.py checkpoint.pth                    writes checkpoint.safetensors
    python3 convert.py checkpoint.pth model.safetensors  writes that
    python3 convert.py checkpoint.pth --key ema.model    when the state_dict is somewhere else in it

Needs PyTorch and nothing else. Nothing in the checkpoint is run (weights_only=True). The arguments of the model, where the
checkpoint has them, go into config.json beside the output, unless there is one.
"""

import argparse
import ctypes
import json
import os
import pickle
import struct
import sys

import torch

DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
# Where programs keep the state_dict in a checkpoint, and the arguments that the model was made with.
STATE_DICTS = ("state_dict", "model_state_dict", "model", "module", "net")
ARGUMENTS = ("args", "config", "model_config", "hyper_parameters")


def load(path):
    """What torch.save wrote. Only tensors, numbers, text and containers of them; argparse.Namespace is what LC-Rec saves its args as."""
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        sys.exit(f"{path}: {error.strerror or error}")
    except pickle.UnpicklingError as error:
        what = str(error).split("\n")
        name = next((line.strip() for line in what if "GLOBAL" in line or "global" in line), what[0])
        sys.exit(
            f"{path}: holds more than tensors, and loading it would run code of its own ({name[:200]}). In the program that "
            "wrote it, save the weights alone: torch.save(model.state_dict(), path)"
        )
    except (RuntimeError, EOFError, ValueError, KeyError) as error:
        sys.exit(f"{path}: is no file of torch.save, or a damaged one ({str(error).splitlines()[0] if str(error) else error!r})")


def is_state_dict(value):
    return isinstance(value, dict) and len(value) > 0 and all(isinstance(tensor, torch.Tensor) for tensor in value.values())


def describe(value):
    if isinstance(value, torch.Tensor):
        return f"one tensor of shape {list(value.shape)}"
    if isinstance(value, dict):
        return f"a dict with the keys {', '.join(map(str, list(value)[:12]))}"
    return f"a {type(value).__name__}"


def find_state_dict(checkpoint, key, path):
    """The state_dict itself, or where it is in the checkpoint."""
    if key is not None:
        for part in key.split("."):
            if not isinstance(checkpoint, dict) or part not in checkpoint:
                sys.exit(f"{path}: has no {key}: {describe(checkpoint)} has no {part}")
            checkpoint = checkpoint[part]
        if not is_state_dict(checkpoint):
            sys.exit(f"{path}: {key} is no state_dict but {describe(checkpoint)}")
        return checkpoint
    if is_state_dict(checkpoint):
        return checkpoint
    found = [name for name in STATE_DICTS if isinstance(checkpoint, dict) and is_state_dict(checkpoint.get(name))]
    if not found:
        sys.exit(f"{path}: no state_dict found, it is {describe(checkpoint)}; name the key that has it with --key")
    return checkpoint[found[0]]


def find_arguments(checkpoint):
    """The arguments of the model that JSON can hold."""
    for name in ARGUMENTS:
        value = checkpoint.get(name) if isinstance(checkpoint, dict) else None
        value = vars(value) if isinstance(value, argparse.Namespace) else value
        if not isinstance(value, dict) or is_state_dict(value):
            continue
        kept = {}
        for key, argument in value.items():
            try:
                kept[str(key)] = json.loads(json.dumps(argument, allow_nan=False))
            except (TypeError, ValueError):
                continue
        if kept:
            return kept
    return None


def save_safetensors(path, tensors):
    """8-byte little-endian header length, JSON header, raw little-endian data: https://huggingface.co/docs/safetensors."""
    if sys.byteorder != "little":
        sys.exit("this machine is big-endian, and safetensors are little-endian: convert on another one")
    header = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, tensor in tensors.items():
        size = tensor.numel() * tensor.element_size()
        header[name] = {"dtype": DTYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    temporary = f"{path}.tmp"
    with open(temporary, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors.values():
            file.write(ctypes.string_at(tensor.data_ptr(), tensor.numel() * tensor.element_size()))
    os.replace(temporary, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint")
    parser.add_argument("output", nargs="?", help="default: the checkpoint's name with .safetensors")
    parser.add_argument("--key", help="where the state_dict is in the checkpoint, such as ema.model")
    given = parser.parse_args()
    output = given.output or f"{os.path.splitext(given.checkpoint)[0]}.safetensors"

    checkpoint = load(given.checkpoint)
    state = find_state_dict(checkpoint, given.key, given.checkpoint)
    tensors = {}
    for name, tensor in state.items():
        if tensor.is_sparse or tensor.is_quantized or tensor.dtype not in DTYPES:
            sys.exit(f"{given.checkpoint}: {name} is a tensor of {tensor.dtype}, {tensor.layout}, which safetensors have no place for")
        tensors[str(name)] = tensor.detach().contiguous()
    try:
        save_safetensors(output, tensors)
    except OSError as error:
        sys.exit(f"{output}: {error.strerror or error}")
    print(f"{output}: {len(tensors)} tensors, {sum(tensor.numel() for tensor in tensors.values())} numbers")

    arguments = find_arguments(checkpoint)
    beside = os.path.join(os.path.dirname(output), "config.json")
    if arguments and os.path.exists(beside):
        print(f"{beside}: is there already; the checkpoint's own arguments are not written")
    elif arguments:
        with open(beside, "w") as file:
            json.dump(arguments, file, indent=2)
        print(f"{beside}: the model's arguments")


if __name__ == "__main__":
    main()
