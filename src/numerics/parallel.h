// Work shared among threads. The number of threads never changes a result: the parts of a task are independent, and it
// does not matter which thread does which part.
//
// Helper threads start with the first task that can use them and sleep between tasks. The caller does all parts itself
// where there are no threads (the plain WebAssembly build) and until the helpers run (in JavaScript a thread starts
// after the caller's turn has ended).
#ifndef RQVAE_PARALLEL_H_
#define RQVAE_PARALLEL_H_

#include <algorithm>

#include "matrix.h"

namespace rqvae {

// Sets how many threads work at once, the caller included; 1 at first. may_block: whether the caller may sleep while
// helpers finish; a browser's main thread must not.
void SetThreads(Index count, bool may_block = true);
Index Threads();  // 1 in a build without threads
bool ThreadsSupported();

// Part number `part` when [0, n) is divided into `parts` of nearly equal size, each a multiple of `unit` (the last one
// takes what is left). May be empty.
Range PartOf(Index n, Index part, Index parts, Index unit = 1);

// Calls run(context, part) for every part in [0, parts), on any thread, and returns when all are done. Rethrows an
// exception of a part. Only one thread may call this; a task that a part starts runs on that part's thread.
void RunParts(Index parts, void (*run)(void* context, Index part), void* context);

// Reports that the calling helper thread died (in WebAssembly by a trap, which the thread itself cannot catch). If it
// died inside a part, the caller of RunParts traps too instead of waiting forever.
void HelperFailed();

// Calls f(part) for every part in [0, parts).
template <typename F>
void ForParts(Index parts, F f) {
  RunParts(parts, [](void* context, Index part) { (*static_cast<F*>(context))(part); }, &f);
}

// Calls f(range) for ranges that cover [0, n): one per thread, or fewer where they would hold less than `min_count` on
// average. Their sizes are multiples of `unit`, but for the last one's.
template <typename F>
void ForRanges(Index n, Index min_count, Index unit, F f) {
  const Index parts = n < 2 * min_count ? 1 : std::min(Threads(), n / min_count);
  ForParts(parts, [&](Index part) {
    const Range range = PartOf(n, part, parts, unit);
    if (range.count > 0) f(range);
  });
}

}  // namespace rqvae

#endif  // RQVAE_PARALLEL_H_
