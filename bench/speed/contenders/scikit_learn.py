"""scikit-learn's KMeans with the residual scheme: k-means on the rows, then on what the centres leave over, level by level."""

import time

from serve import read_rows, serve
from sklearn.cluster import KMeans

rows = None


def load(items):
    global rows
    rows = read_rows(**items)


def residual_kmeans(levels, codes, seed, starts, iterations):
    started = time.perf_counter()
    residual = rows
    for level in range(levels):
        fitted = KMeans(codes, n_init=starts, max_iter=iterations, random_state=seed + level).fit(residual)
        residual = residual - fitted.cluster_centers_[fitted.labels_]
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "inertia": float((residual.astype("float64") ** 2).sum())}


serve({"load": load, "residualKMeans": residual_kmeans})
