"""Whole trainings in PyTorch, from the file of an initialised model of ours: the field's recipe, and what `fit` chooses without its separation.

The codes are found with a table of the products of all codes (one product with the items a codebook, however wide the beam), the
optimiser is PyTorch's fused one. As many threads as the environment allows.
"""

import math
import os
import time

import torch
import torch.nn.functional as F
from serve import read_model, read_rows, serve

torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
torch.set_num_interop_threads(1)


class Recipe:
    def __init__(self, model, items, unseen, train):
        self.train_options = train
        self.config, arrays = read_model(model)
        self.p = {
            name: torch.from_numpy(array).requires_grad_(not name.startswith("input.")) for name, array in arrays.items()
        }
        self.items, self.unseen = (self.scaled(torch.from_numpy(read_rows(**rows))) for rows in (items, unseen))
        self.act = F.relu if self.config["activation"] == "relu" else F.silu

    def scaled(self, x):
        return (x - self.p["input.mean"]) / self.p["input.scale"] if "input.mean" in self.p else x

    def network(self, part, x):
        out, layers = x, len(self.config["hiddenDims"]) + 1
        for i in range(layers):
            out = F.linear(out, self.p[f"{part}.network.{2 * i}.weight"], self.p[f"{part}.network.{2 * i}.bias"])
            if i + 1 < layers:
                out = self.act(out)
        if f"{part}.skip.weight" in self.p:
            out = out + F.linear(x, self.p[f"{part}.skip.weight"], self.p[f"{part}.skip.bias"])
        return out

    def codebooks(self):
        return [self.p[f"quantization_layers.{i}.embedding.weight"] for i in range(self.config["nQuantizationLayers"])]

    @torch.no_grad()
    def search(self, z):
        """Codes of each level, n x L. The error of a partial ID k_1 ... k_l-1 followed by c is that of the partial ID plus
        ||c||^2 - 2 z.c + 2 (q_1 + ... + q_l-1).c, whose products of codes are in a table."""
        books, n = self.codebooks(), len(z)
        weight = self.config.get("firstCodeWeight", 0) if self.config["encodeBeam"] > 1 else 0
        codes = error = penalty = None
        for level, book in enumerate(books):
            alone = torch.addmm(book.square().sum(1), z, book.t(), alpha=-2)  # n x K
            if level == 0:
                judged = total = alone[:, None] + z.square().sum(1)[:, None, None]
                judged = judged * (1 + weight)
            else:
                table = torch.cat(books[:level]) @ book.t() * 2
                width = codes.shape[1]
                met = F.embedding_bag((codes + offsets[:level]).view(n * width, level), table, mode="sum")
                total = met.view(n, width, -1).add_(alone[:, None]).add_(error[..., None])
                judged = total + penalty[..., None] if weight else total
            flat = judged.flatten(1)
            if level + 1 == len(books) or self.config["encodeBeam"] == 1:
                best = flat.argmin(1, keepdim=True)
            else:
                best = flat.topk(min(self.config["encodeBeam"], flat.shape[1]), dim=1, largest=False).indices
            parent, code = best // len(book), best % len(book)
            error = total.flatten(1).gather(1, best)
            if level == 0:
                codes, penalty = code[..., None], weight * error
                sizes = [0, *(len(each) for each in books)]
                offsets = torch.tensor(sizes).cumsum(0)
            else:
                codes = torch.cat([codes.gather(1, parent[..., None].expand(-1, -1, level)), code[..., None]], 2)
                penalty = penalty.gather(1, parent)
        return codes[:, 0]

    def loss(self, x, noise=None):
        z = self.network("encoder", x if noise is None else x + noise)
        codes = self.search(z.detach())
        residual, total, quantize = z, 0, 0
        beta = self.config["commitmentWeight"]
        for level, book in enumerate(self.codebooks()):
            code = F.embedding(codes[:, level], book)
            quantize = quantize + F.mse_loss(code, residual.detach(), reduction="sum")
            quantize = quantize + beta * F.mse_loss(residual, code.detach(), reduction="sum")
            total = total + code
            residual = residual - code.detach()
        if self.config["codebookGradient"] == "joint":
            decoder_input = total + (z - z.detach())
        else:
            decoder_input = z + (total - z).detach()
        reconstruction = F.mse_loss(self.network("decoder", decoder_input), x, reduction="sum")
        return (self.config["reconstructionWeight"] * reconstruction + quantize) / len(x)

    @torch.no_grad()
    def reconstruct(self, x):
        codes = self.search(self.network("encoder", x))
        return self.network("decoder", sum(F.embedding(codes[:, i], book) for i, book in enumerate(self.codebooks())))

    def variance(self):
        """Explained variance of the unseen items, which a common scale leaves as it is."""
        x = self.unseen
        return (1 - (x - self.reconstruct(x)).double().square().sum() / (x - x.mean(0)).double().square().sum()).item()

    def optimizer(self):
        kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[self.train_options["optimizer"]]
        books = {f"quantization_layers.{i}.embedding.weight" for i in range(self.config["nQuantizationLayers"])}
        trained = {name: value for name, value in self.p.items() if value.requires_grad}
        scale = self.train_options.get("codebookLearningRateScale", 1)
        groups = [
            {"params": [value for name, value in trained.items() if name not in books], "scale": 1},
            {"params": [trained[name] for name in books], "scale": scale},
        ]
        optimizer = kind(groups, weight_decay=0, fused=True)
        self.set_rate(optimizer, 1)
        return optimizer

    def set_rate(self, optimizer, factor):
        for group in optimizer.param_groups:
            group["lr"] = self.train_options["learningRate"] * factor * group["scale"]

    def rate(self, step, steps):
        """The schedule with its warm-up, from 0 to 1."""
        rising = math.floor(self.train_options.get("warmup", 0) * steps)
        if step < rising:
            return (step + 1) / rising
        if self.train_options.get("schedule") != "cosine":
            return 1
        return (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising))) / 2

    def losses(self, batch, steps):
        """The losses of the first steps at a constant rate, without noise."""
        optimizer = self.optimizer()
        losses = []
        for step in range(steps):
            optimizer.zero_grad()
            loss = self.loss(self.items[step * batch : (step + 1) * batch])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return losses

    def train(self, epochs):
        """Seconds of training, without the evaluations, and what they found after each epoch."""
        torch.manual_seed(0)
        batch, factor = self.train_options["batchSize"], self.train_options.get("residualNoise", 0)
        n, optimizer = len(self.items), self.optimizer()
        steps, step, seconds = epochs * math.ceil(n / batch), 0, 0.0
        curve = [{"seconds": 0, "variance": self.variance()}]
        started = time.perf_counter()
        if factor:
            sample = self.items[torch.randperm(n)[:4096]]
            pool = factor * (sample - self.reconstruct(sample))
        for _ in range(epochs):
            for rows in torch.randperm(n).split(batch):
                x, noise = self.items[rows], None
                if factor:
                    signs = torch.randint(0, 2, (len(rows), 1)) * 2 - 1
                    noise = signs * pool[torch.randint(0, len(pool), (len(rows),))]
                optimizer.zero_grad()
                self.loss(x, noise).backward()
                self.set_rate(optimizer, self.rate(step, steps))
                optimizer.step()
                step += 1
            seconds += time.perf_counter() - started
            curve.append({"seconds": seconds, "variance": self.variance()})
            started = time.perf_counter()
        return curve


serve(
    {
        "check": lambda batch, steps, **task: {"variance": (recipe := Recipe(**task)).variance(), "losses": recipe.losses(batch, steps)},
        "train": lambda epochs, **task: Recipe(**task).train(epochs),
        "capability": lambda: torch.backends.cpu.get_cpu_capability(),
    }
)
