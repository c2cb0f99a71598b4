// Work shared among threads. Nothing here may change a result: the parts of a task are independent of each other, and
// who does which part is of no matter.
//
// Helpers are started at the first task that could use them and sleep between tasks. Where threads cannot be had (the
// plain WebAssembly build) or have not started yet (in JavaScript a thread begins after the caller's turn has ended),
// the caller does all parts itself.
#ifndef RQVAE_PARALLEL_H_
#define RQVAE_PARALLEL_H_

#include <algorithm>

#include "matrix.h"

namespace rqvae {

// How many threads may work at once, the caller included; 1 at first. may_block: whether the caller may sleep while
// helpers finish, which a browser's main thread must not.
void SetThreads(Index count, bool may_block = true);
// 1 in a build without threads.
Index Threads();
bool ThreadsSupported();

// Part `part` of `parts` of n, divided as evenly as multiples of `unit` allow; may be empty.
Range PartOf(Index n, Index part, Index parts, Index unit = 1);

// Calls run(context, part) for every part in [0, parts), on any thread, and returns when all are done. An exception of
// one of them is thrown again here. One task at a time, from one thread.
void RunParts(Index parts, void (*run)(void* context, Index part), void* context);

// Says that a helper ended in the middle of a part (in WebAssembly: by a trap, which no code of it can catch). The
// caller, who would wait for it forever, traps too. Called on any thread.
void HelperFailed();

// f(part) for every part in [0, parts).
template <typename F>
void ForParts(Index parts, F f) {
  RunParts(parts, [](void* context, Index part) { (*static_cast<F*>(context))(part); }, &f);
}

// f(range) for stretches that cover [0, n): one per thread, but none of fewer than `least`; multiples of `unit`.
template <typename F>
void ForRanges(Index n, Index least, Index unit, F f) {
  const Index parts = n < 2 * least ? 1 : std::min(Threads(), n / least);
  ForParts(parts, [&](Index part) {
    const Range range = PartOf(n, part, parts, unit);
    if (range.count > 0) f(range);
  });
}

}  // namespace rqvae

#endif  // RQVAE_PARALLEL_H_
