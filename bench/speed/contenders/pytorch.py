"""PyTorch on the processor: the same model, with its fastest operations. As many threads as the environment allows."""

import os
import time

import torch
import torch.nn.functional as F
from serve import read_model, read_rows, serve

torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
torch.set_num_interop_threads(1)

items = None
config = {}
weights = {}
running = {}


def load(items_file, model):
    """The rows, and the weights of our model file (safetensors)."""
    global items
    items = torch.from_numpy(read_rows(**items_file))
    ours, arrays = read_model(model)
    config.update(ours)
    weights.update({name: torch.from_numpy(array) for name, array in arrays.items()})


def mlp(p, part, x):
    layers = len(config["hiddenDims"]) + 1
    for i in range(layers):
        x = F.linear(x, p[f"{part}.network.{2 * i}.weight"], p[f"{part}.network.{2 * i}.bias"])
        if i + 1 < layers:
            x = F.silu(x)
    return x


def codebooks(p):
    return [p[f"quantization_layers.{level}.embedding.weight"] for level in range(config["nQuantizationLayers"])]


def nearest(residual, codebook):
    return torch.addmm(codebook.square().sum(1), residual, codebook.t(), alpha=-2).argmin(1)


def encode(x):
    with torch.inference_mode():
        residual = mlp(weights, "encoder", x)
        codes = []
        for codebook in codebooks(weights):
            codes.append(nearest(residual, codebook))
            residual = residual - codebook[codes[-1]]
        return torch.stack(codes, 1)


def loss_of(p, x):
    z = mlp(p, "encoder", x)
    residual = z
    loss = 0
    for codebook in codebooks(p):
        with torch.no_grad():
            chosen = nearest(residual, codebook)
        code = F.embedding(chosen, codebook)
        loss = loss + (residual.detach() - code).square().sum(1).mean()
        loss = loss + config["commitmentWeight"] * (residual - code.detach()).square().sum(1).mean()
        residual = residual - code.detach()
    decoded = mlp(p, "decoder", z + (z - residual - z).detach())
    return loss + (decoded - x).square().sum(1).mean()


def trainer():
    """A step on a batch, from the file's weights on; gives the loss before it."""
    p = {name: tensor.clone().requires_grad_() for name, tensor in weights.items()}
    optimizer = torch.optim.Adam(p.values(), lr=1e-3, fused=True)

    def step(x):
        optimizer.zero_grad()
        loss = loss_of(p, x)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def batch_of(batch, step):
    first = step % (len(items) // batch) * batch
    return items[first : first + batch]


def codes(batch):
    return torch.cat([encode(batch_of(batch, step)) for step in range(len(items) // batch)]).flatten().tolist()


def losses(batch, steps):
    step = trainer()
    return [step(batch_of(batch, i)) for i in range(steps)]


def rate(what, batch, seconds):
    """Items per second, over whole steps that last at least so long."""
    if (what, batch) not in running:
        running[what, batch] = [encode if what == "encode" else trainer(), 0]
    state = running[what, batch]
    started = time.perf_counter()
    steps = elapsed = 0
    while elapsed < seconds:
        state[0](batch_of(batch, state[1]))
        state[1] += 1
        steps += 1
        elapsed = time.perf_counter() - started
    return steps * batch / elapsed


serve(
    {
        "load": lambda items, model, threads: load(items, model),
        "codes": codes,
        "losses": losses,
        "rate": rate,
    }
)
