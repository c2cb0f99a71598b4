"""One of faiss's quantisers, trained on rows of float32 and applied to others. The task is JSON, the first argument; the answer, what
training cost, is the last line of stdout. Codes are written as faiss packs them: first code first, lowest bit first, each row a whole
number of bytes."""

import json
import sys
import time

import faiss
import numpy as np

# Rows that are encoded at once: faiss holds all candidates of all of them.
CHUNK = 20_000
# Distances that the search holds at once, in bytes; has no effect on the result.
MAX_DISTANCES = 1 << 30


def equal_bits(bits):
    if len(set(bits)) > 1:
        raise ValueError("all levels must have as many codes as the first one")
    return bits[0]


def residual(dim, bits, seed, beam, refine=False):
    """Each level's codebook is trained on what the candidates of the levels before leave over; refined, all are then fitted to the
    codes by least squares, a few times."""
    sizes = faiss.UInt64Vector()
    for each in bits:
        sizes.push_back(each)
    quantizer = faiss.ResidualQuantizer(dim, sizes)
    quantizer.max_beam_size = beam
    if refine:
        quantizer.train_type |= faiss.ResidualQuantizer.Train_refine_codebook
    quantizer.max_mem_distances = MAX_DISTANCES
    quantizer.cp.seed = seed
    quantizer.cp.min_points_per_centroid = 1  # only silences warnings
    return None, quantizer


def local_search(dim, bits, seed):
    """Codebooks of all levels by least squares, codes by iterated local search."""
    quantizer = faiss.LocalSearchQuantizer(dim, len(bits), equal_bits(bits))
    quantizer.random_seed = seed
    return None, quantizer


def product(dim, bits, seed):
    """A rotation, then a quantiser for each part of the vector. The rotation starts where faiss has it start, whatever the seed; it
    appends zeros where the dimensions cannot be shared out equally."""
    levels = len(bits)
    padded = -(-dim // levels) * levels
    quantizer = faiss.ProductQuantizer(padded, levels, equal_bits(bits))
    quantizer.cp.seed = seed
    quantizer.cp.min_points_per_centroid = 1
    rotation = faiss.OPQMatrix(dim, levels, padded)
    # What the rotation is fitted by; its own has eight bits, and a small catalogue fewer rows than that has centres.
    inner = faiss.ProductQuantizer(padded, levels, equal_bits(bits))
    inner.cp.min_points_per_centroid = 1
    rotation.pq = inner
    rotation.kept = inner  # the C++ object has only its address
    return rotation, quantizer


METHODS = {"residual": residual, "localSearch": local_search, "product": product}


def quantize(method, dim, seen, items, codes, decoded, **options):
    rotation, quantizer = METHODS[method](dim, **options)
    rows = np.fromfile(seen, np.float32).reshape(-1, dim)
    wall, cpu = time.perf_counter(), time.process_time()
    if rotation:
        rotation.train(rows)
        rows = rotation.apply(rows)
    quantizer.train(rows)
    cost = {"seconds": time.perf_counter() - wall, "cpuSeconds": time.process_time() - cpu}

    rows = np.fromfile(items, np.float32).reshape(-1, dim)
    with open(codes, "wb") as packed, open(decoded, "wb") as vectors:
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            chosen = quantizer.compute_codes(rotation.apply(chunk) if rotation else chunk)
            back = quantizer.decode(chosen)
            chosen.tofile(packed)
            (rotation.reverse_transform(back) if rotation else back).tofile(vectors)
    return cost


def main():
    faiss.omp_set_num_threads(1)
    try:
        answer = {"result": quantize(**json.loads(sys.argv[1]))}
    except (RuntimeError, ValueError, MemoryError) as error:  # faiss throws its own as RuntimeError
        answer = {"error": str(error) or type(error).__name__}
    print(json.dumps(answer))


main()
