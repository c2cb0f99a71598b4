"""A small decoder-only transformer over the codes of a history, trained to say the next code, and a beam search constrained to the IDs of
items. The task is JSON, the first argument; the answer is the last line of stdout: by user, the expected Recall@10 and NDCG@10, where
an ID of several items counts by the item's share of them."""

import json
import math
import random
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    def __init__(self, width, heads, dropout):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, mask, past=None):
        """x: batch x steps x width; mask: True where a step may look. With `past`, keys and values of earlier steps."""
        batch, steps, width = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(batch, steps, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        if past is not None:
            k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
        seen = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + self.dropout(self.out(seen.transpose(1, 2).reshape(batch, steps, width)))
        x = x + self.dropout(self.down(F.gelu(self.up(self.norm2(x)))))
        return x, (k, v)


class Decoder(nn.Module):
    """Token 0 is the beginning; those of level l follow those of the levels before it."""

    def __init__(self, tokens, levels, items, width, layers, heads, dropout):
        super().__init__()
        self.token = nn.Embedding(tokens, width)
        self.place = nn.Embedding(1 + items * levels, width)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)
        for each in (self.token, self.place):
            nn.init.normal_(each.weight, std=0.02)

    def forward(self, tokens, first, mask, past=None):
        x = self.dropout(self.token(tokens) + self.place(first + torch.arange(tokens.shape[1])))
        kept = []
        for i, block in enumerate(self.blocks):
            x, pair = block(x, mask, past[i] if past else None)
            kept.append(pair)
        return self.norm(x) @ self.token.weight.T, kept


def main(task):
    torch.set_num_threads(task["threads"])
    torch.manual_seed(task["seed"])
    random.seed(task["seed"])
    codes = np.array(task["codes"])
    sizes, levels = task["codebookSizes"], codes.shape[1]
    offsets = np.cumsum([1, *sizes[:-1]])
    tokens_of = torch.tensor(codes + offsets)  # items x levels
    histories, most = task["histories"], task["items"]
    model = Decoder(1 + sum(sizes), levels, most, task["width"], task["layers"], task["heads"], task["dropout"])
    optimizer = torch.optim.AdamW(model.parameters(), task["learningRate"], weight_decay=0.01)

    # Of each user all but the last choice, in windows; loss at every code.
    windows = [h[:-1][-most:] for h in histories if len(h) > 2]
    ends = [sum(sizes[:l]) + 1 for l in range(levels + 1)]
    begin, epochs = time.time(), 0
    while epochs < task["epochs"] and time.time() - begin < task["seconds"]:
        model.train()
        order = sorted(random.sample(range(len(windows)), len(windows)), key=lambda i: len(windows[i]))
        batches = [order[i : i + task["batch"]] for i in range(0, len(order), task["batch"])]
        random.shuffle(batches)
        for done, batch in enumerate(batches):
            rate = (epochs + done / len(batches)) / task["epochs"]
            for group in optimizer.param_groups:
                group["lr"] = task["learningRate"] * min(1, rate * task["epochs"] * 2) * (0.5 + 0.5 * math.cos(math.pi * rate))
            length = max(len(windows[i]) for i in batch)
            known = torch.zeros(len(batch), length, levels, dtype=torch.long)
            for row, i in enumerate(batch):
                known[row, : len(windows[i])] = tokens_of[windows[i]]
            target = known.view(len(batch), -1)
            inputs = F.pad(target, (1, 0))[:, :-1]
            steps = inputs.shape[1]
            logits, _ = model(inputs, 0, torch.ones(steps, steps, dtype=torch.bool).tril())
            loss = 0
            for l in range(levels):  # a code competes with those of its own level
                of = target[:, l::levels].reshape(-1)
                each = logits[:, l::levels, ends[l] : ends[l + 1]].reshape(len(of), -1)
                loss = loss + F.cross_entropy(each, (of - ends[l]).clamp(min=-1), ignore_index=-1)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        epochs += 1
        print(f"epoch {epochs}: loss {loss.item() / levels:.3f}, {time.time() - begin:.0f} s", file=sys.stderr, flush=True)

    # The tree of valid IDs: for each state the codes that may follow, as rows of a table.
    states = [{(): 0}]
    for l in range(levels):
        states.append({})
        for row in codes:
            states[-1].setdefault(tuple(row[: l + 1]), len(states[-1]))
    step = [torch.full((len(states[l]), sizes[l]), -1, dtype=torch.long) for l in range(levels)]
    for l in range(levels):
        for prefix, state in states[l + 1].items():
            step[l][states[l][prefix[:-1]], prefix[-1]] = state
    group_of = [states[levels][tuple(row)] for row in codes]
    group_size = np.bincount(group_of)

    model.eval()
    recall, ndcg = [], []
    users = [u for u in task["users"] if len(histories[u]) > 1]
    by_length = {}
    for u in users:
        by_length.setdefault(min(most - 1, len(histories[u]) - 1), []).append(u)
    found = {}
    beam = task["beam"]
    with torch.no_grad():
        for length, same in by_length.items():
            for at in range(0, len(same), 64):
                batch = same[at : at + 64]
                n = len(batch)
                past_items = torch.stack([tokens_of[histories[u][:-1][-length:]].view(-1) for u in batch])
                inputs = F.pad(past_items, (1, 0))
                steps = inputs.shape[1]
                logits, past = model(inputs, 0, torch.ones(steps, steps, dtype=torch.bool).tril())
                scores, state, width = torch.zeros(n, 1), torch.zeros(n, 1, dtype=torch.long), 1
                last = logits[:, -1].view(n, 1, -1)
                for l in range(levels):
                    each = F.log_softmax(last[..., ends[l] : ends[l + 1]].masked_fill(step[l][state] < 0, -1e9), -1)
                    total = (scores.unsqueeze(-1) + each).masked_fill(step[l][state] < 0, -1e9).view(n, -1)
                    k = min(beam, total.shape[1])
                    scores, chosen = total.topk(k)
                    parent, code = chosen // sizes[l], chosen % sizes[l]
                    state = step[l][state.gather(1, parent), code]
                    dead = state < 0  # fewer valid prefixes than places in the beam
                    scores, state = scores.masked_fill(dead, -1e9), state.clamp(min=0)
                    if l == levels - 1:
                        break
                    rows = (torch.arange(n).unsqueeze(1) * width + parent).view(-1)
                    past = [(a[rows], b[rows]) for a, b in past]
                    width = k
                    known = past[0][0].shape[2] + 1
                    logits, past = model((code + ends[l]).view(-1, 1), known - 1, torch.ones(1, known, dtype=torch.bool), past)
                    last = logits[:, -1].view(n, k, -1)
                for row, u in enumerate(batch):
                    history, target = histories[u][:-1], histories[u][-1]
                    had = {}
                    for item in set(history):
                        had[group_of[item]] = had.get(group_of[item], 0) + 1
                    place, seen = 0, set()
                    value = (0.0, 0.0)
                    for group, score in zip(state[row].tolist(), scores[row].tolist()):
                        open_items = group_size[group] - had.get(group, 0)
                        if score < -1e8 or group in seen or open_items == 0:
                            continue
                        seen.add(group)
                        place += 1
                        if place > 10:
                            break
                        if group == group_of[target]:
                            value = (1 / open_items, 1 / math.log2(place + 1) / open_items)
                            break
                    found[u] = value
    for u in users:
        recall.append(found[u][0])
        ndcg.append(found[u][1])
    print(json.dumps({"recall": recall, "ndcg": ndcg, "epochs": epochs, "seconds": time.time() - begin}))


with open(sys.argv[1]) as file:
    main(json.load(file))
