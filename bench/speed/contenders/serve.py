"""The contender's side of ../contender.mjs in Python: a line of JSON in, a line of JSON out."""

import json
import struct
import sys

import numpy as np


def serve(commands):
    """Answers until stdin ends."""
    out, sys.stdout = sys.stdout, sys.stderr  # stdout is for answers
    for line in sys.stdin:
        question = json.loads(line)
        command = question.pop("command")
        try:
            answer = {"result": commands[command](**question)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=out, flush=True)


def read_rows(path, dim):
    """A file of float32 rows."""
    return np.fromfile(path, np.float32).reshape(-1, dim)


def read_model(path):
    """The configuration and the arrays, by name, of our model file (safetensors)."""
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    config = json.loads(header.pop("__metadata__")["rqvae"])["config"]
    arrays = {}
    for name, tensor in header.items():
        start, end = tensor["data_offsets"]
        arrays[name] = np.frombuffer(data[start:end], np.float32).reshape(tensor["shape"]).copy()
    return config, arrays
