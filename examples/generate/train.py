"""Trains the language model of this example: a GPT-2 of two layers that writes the tokens of the next emoji, as ONNX.

    pip install torch onnx onnxscript
    node examples/generate/make-ids.mjs /tmp/generate
    python examples/generate/train.py /tmp/generate        a minute on one core

Writes model/onnx/model.onnx, model/config.json, which transformers.js needs, and emoji.index. Inputs, outputs and their dimensions have the
names of Hugging Face's exports; transformers.js makes the first caches by the name batch_size. A cache is batch x heads x tokens x width of
a head; each layer has one for keys and one for values:

    input_ids         batch x tokens                int64    the tokens that the caches do not have yet
    attention_mask    batch x (past + tokens)       int64    0 for padding
    position_ids      batch x tokens                int64    from 0
    past_key_values.0.key ...                       float32  past tokens, 0 at first
    logits            batch x tokens x vocabulary   float32
    present.0.key ...                               float32  past + tokens
"""

import json
import random
import shutil
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

SEED, EPOCHS, BATCH, RATE = 0, 60, 64, 3e-3
WIDTH, LAYERS, HEADS, POSITIONS, DROPOUT = 64, 2, 4, 64, 0.2

torch.manual_seed(SEED)
random.seed(SEED)
torch.set_num_threads(1)
folder = Path(sys.argv[1])
data = json.loads((folder / "training.json").read_text())
model_folder = Path(__file__).parent / "model"


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.before_attention, self.before_mlp = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x, hidden, past):
        """hidden: batch x 1 x tokens x (past + tokens), True where a token may not look."""
        batch, tokens, _ = x.shape
        split = lambda y: y.view(batch, tokens, HEADS, WIDTH // HEADS).transpose(1, 2)
        query, key, value = map(split, self.qkv(self.before_attention(x)).chunk(3, dim=2))
        if past is not None:
            key, value = torch.cat([past[0], key], dim=2), torch.cat([past[1], value], dim=2)
        scores = query @ key.transpose(2, 3) / (WIDTH // HEADS) ** 0.5
        weights = scores.masked_fill(hidden, -1e9).softmax(dim=3)
        mixed = (F.dropout(weights, DROPOUT, self.training) @ value).transpose(1, 2).reshape(batch, tokens, WIDTH)
        x = x + F.dropout(self.out(mixed), DROPOUT, self.training)
        y = self.down(F.gelu(self.up(self.before_mlp(x)), approximate="tanh"))
        return x + F.dropout(y, DROPOUT, self.training), (key, value)


class LanguageModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.token, self.position = nn.Embedding(data["size"], WIDTH), nn.Embedding(POSITIONS, WIDTH)
        nn.init.normal_(self.token.weight, std=0.1)
        nn.init.normal_(self.position.weight, std=0.02)
        with torch.no_grad():
            self.token.weight[data["firstCode"] :] = code_embeddings()
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, input_ids, attention_mask, position_ids, pasts=None):
        tokens, total = input_ids.shape[1], attention_mask.shape[1]
        rows, columns = torch.arange(tokens), torch.arange(total)
        later = columns[None, :] > rows[:, None] + (total - tokens)
        hidden = later[None, None] | (attention_mask == 0)[:, None, None, :]
        x = F.dropout(self.token(input_ids) + self.position(position_ids), DROPOUT, self.training)
        presents = []
        for i, block in enumerate(self.blocks):
            x, present = block(x, hidden, None if pasts is None else pasts[2 * i : 2 * i + 2])
            presents += present
        return self.norm(x) @ self.token.weight.T, *presents


def code_embeddings():
    """Codes that are near in the codebooks begin as near embeddings: their principal coordinates, of the length of the others."""
    codes = torch.cat([torch.tensor(each).view(64, -1) for each in data["codebooks"]])
    coordinates = codes @ torch.linalg.svd(codes, full_matrices=False)[2][:WIDTH].T
    return coordinates / coordinates.norm(dim=1).mean() * 0.1 * WIDTH**0.5


def train():
    histories = [[token for token in row if token != data["pad"]] for row in data["tokens"]]
    model = LanguageModel()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.1, betas=(0.9, 0.98))
    steps = EPOCHS * -(-len(histories) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps, pct_start=0.1)
    for epoch in range(EPOCHS):
        random.shuffle(histories)
        losses = []
        for first in range(0, len(histories), BATCH):
            batch = [crop(each) for each in histories[first : first + BATCH]]
            width = max(map(len, batch))
            tokens = torch.tensor([row + [data["pad"]] * (width - len(row)) for row in batch])
            inputs, targets = tokens[:, :-1], tokens[:, 1:]
            positions = torch.arange(width - 1).expand_as(inputs)
            logits, *_ = model(inputs, (inputs != data["pad"]).long(), positions)
            loss = F.cross_entropy(logits.transpose(1, 2), targets, ignore_index=data["pad"])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        if epoch % 10 == 9:
            print(f"epoch {epoch + 1}: loss {sum(losses) / len(losses):.3f} per token", flush=True)
    return model.eval()


def crop(history):
    """Half of the time a history begins later, so that no item is known by its position."""
    items = len(history) // 3
    skipped = 3 * random.randrange(items - 1) if items > 2 and random.random() < 0.5 else 0
    return history[:1] + history[1 + skipped :]


class Exported(nn.Module):
    """The model with its caches as arguments of their own; the forward is made for as many as there are layers."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, position_ids, *pasts):
        return self.model(input_ids, attention_mask, position_ids, pasts)


def export(model):
    caches = [f"{layer}.{kind}" for layer in range(LAYERS) for kind in ("key", "value")]
    # A tensor for each cache: of the same one twice, the exporter makes one input.
    pasts = [torch.zeros(2, HEADS, 4, WIDTH // HEADS) for _ in caches]
    example = (torch.ones(2, 3).long(), torch.ones(2, 7).long(), torch.arange(4, 7).expand(2, 3), *pasts)
    (model_folder / "onnx").mkdir(parents=True, exist_ok=True)
    program = torch.onnx.export(
        Exported(model).eval(),
        example,
        input_names=["input_ids", "attention_mask", "position_ids", *(f"past_key_values.{name}" for name in caches)],
        output_names=["logits", *(f"present.{name}" for name in caches)],
        dynamic_shapes=(
            {0: "batch_size", 1: "sequence_length"},
            {0: "batch_size", 1: "total_sequence_length"},
            {0: "batch_size", 1: "sequence_length"},
            tuple({0: "batch_size", 2: "past_sequence_length"} for _ in caches),
        ),
        dynamo=True,
        external_data=False,
    )
    without_notes(program.model)
    program.save(model_folder / "onnx" / "model.onnx")
    config = {
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
        "vocab_size": data["size"],
        "n_embd": WIDTH,
        "n_layer": LAYERS,
        "n_head": HEADS,
        "n_positions": POSITIONS,
        "bos_token_id": data["begin"],
        "eos_token_id": data["end"],
        "pad_token_id": data["pad"],
    }
    (model_folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def without_notes(model):
    """Without what the exporter writes down about where in the program each node comes from: a fifth of the file."""
    graph = model.graph
    for node in graph:
        node.metadata_props.clear()
        node.doc_string = None
    for value in (*graph.inputs, *graph.initializers.values(), *(output for node in graph for output in node.outputs)):
        value.metadata_props.clear()
    graph.metadata_props.clear()


export(train())
shutil.copy(folder / "emoji.index", model_folder.parent)
