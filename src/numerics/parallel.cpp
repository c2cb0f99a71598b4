#include "parallel.h"

#if !defined(__wasm__) || defined(__wasm_atomics__)
#define RQVAE_THREADS 1
#include <pthread.h>  // not std::thread: its error messages would go into the wasm

#include <atomic>
#include <exception>
#endif

namespace rqvae {

Range PartOf(Index n, Index part, Index parts, Index unit) {
  const Index units = (n + unit - 1) / unit;
  const Index first = std::min(n, units * part / parts * unit), end = std::min(n, units * (part + 1) / parts * unit);
  return {first, end - first};
}

namespace {

void RunHere(Index parts, void (*run)(void*, Index), void* context) {
  for (Index part = 0; part < parts; ++part) run(context, part);
}

}  // namespace

#if defined(RQVAE_THREADS)

namespace {

constexpr Index kMaxThreads = 64;
// How often a thread looks at what it waits for before it sleeps: a few microseconds. More would take time from a
// thread that shares the core.
constexpr int kSpinCount = 500;

void Sleep(std::atomic<uint32_t>& word, uint32_t value) {
#if defined(__wasm__)
  __builtin_wasm_memory_atomic_wait32(reinterpret_cast<int32_t*>(&word), static_cast<int32_t>(value), -1);
#else
  word.wait(value);
#endif
}

void Wake(std::atomic<uint32_t>& word) {
#if defined(__wasm__)
  __builtin_wasm_memory_atomic_notify(reinterpret_cast<int32_t*>(&word), UINT32_MAX);
#else
  word.notify_all();
#endif
}

// The caller and its helpers take the parts of a task one by one until none is left.
//
//   caller (Run)                              helper (HelperLoop)
//
//   writes run_, context_, unfinished_        sleeps until task_ changes  <---+
//   opens the task in ticket_                    |                            |
//   ++task_, wakes the sleepers  - - - - - - ->  v                            |
//      |                                      takes parts until none is left  |
//      v                                         |                            |
//   takes parts until none is left               v                            |
//      |                                      spins, kSpinCount times  -------+
//      v
//   waits for unfinished_ to become 0:  spins, then sleeps if it may
//   (traps if a helper died in a part)
//
// A thread takes a part by raising the part number in ticket_ with one compare-and-swap. The task's number is in the
// same word, so a helper that is late cannot take a part of a task that it did not look at. A task cannot end before
// the parts that were taken, so run_ and context_ stay valid while a thread is in a part. A thread counts its part off
// in unfinished_ when the part is done; whoever counts off the last one wakes the caller. A helper that dies in a part
// adds kFailed to unfinished_ instead.
class Pool {
 public:
  void SetThreads(Index count, bool may_block) {
    threads_ = std::clamp<Index>(count, 1, kMaxThreads);
    may_block_ = may_block;
  }
  Index threads() const { return threads_; }

  bool busy() const { return unfinished_.load() > 0; }

  void Run(Index parts, void (*run)(void*, Index), void* context) {
    while (helpers_ + 1 < threads_) StartHelper();
    run_ = run;
    context_ = context;
    error_ = nullptr;
    failed_.clear();
    unfinished_.store(static_cast<uint32_t>(parts));
    const uint64_t number = (ticket_.load() >> 32) + 1;
    ticket_.store(number << 32 | static_cast<uint64_t>(parts) << 16);
    task_.fetch_add(1);
    if (sleeping_.load() > 0) Wake(task_);
    while (DoNextPart()) {
    }
    for (int spins = 0; unfinished_.load() > 0; ++spins) {
      const uint32_t unfinished = unfinished_.load();
      // That part will never end, and it leaves its data half written: the caller must not go on with them.
      if ((unfinished & kFailed) != 0) __builtin_trap();
      if (unfinished > 0 && may_block_ && spins >= kSpinCount) Sleep(unfinished_, unfinished);
    }
    if (error_) std::rethrow_exception(error_);
  }

  void HelperFailed() {
    if (!in_part_) return;  // nobody waits for it
    unfinished_.fetch_add(kFailed);
    Wake(unfinished_);
  }

 private:
  static constexpr uint32_t kFailed = uint32_t{1} << 31;
  static thread_local bool in_part_;

  struct HelperStart {
    Pool* pool;
    Index helper;
  };

  // Helpers live as long as the process. If the system refuses a thread, the others do its share.
  void StartHelper() {
    auto* start = new HelperStart{this, helpers_++};
    pthread_t thread;
    auto run = [](void* argument) -> void* {
      const HelperStart own = *static_cast<HelperStart*>(argument);
      delete static_cast<HelperStart*>(argument);
      own.pool->HelperLoop(own.helper);
      return nullptr;
    };
    if (pthread_create(&thread, nullptr, run, start) == 0) {
      pthread_detach(thread);
    } else {
      delete start;
    }
  }

  void HelperLoop(Index helper) {
    for (;;) {
      const uint32_t task = task_.load();
      if (helper + 1 < threads_) {  // SetThreads may have asked for fewer since
        while (DoNextPart()) {
        }
      }
      for (int spins = 0; spins < kSpinCount && task_.load() == task; ++spins) {
      }
      sleeping_.fetch_add(1);
      while (task_.load() == task) Sleep(task_, task);
      sleeping_.fetch_sub(1);
    }
  }

  // Takes the next part of the task and does it. Returns false when there is none.
  bool DoNextPart() {
    uint64_t ticket = ticket_.load();
    Index part;
    do {
      part = static_cast<Index>(ticket & 0xffff);
      if (part >= static_cast<Index>(ticket >> 16 & 0xffff)) return false;
    } while (!ticket_.compare_exchange_weak(ticket, ticket + 1));
    // The task cannot end before this part does: run_ and context_ stay.
    in_part_ = true;
    try {
      run_(context_, part);
    } catch (...) {
      if (!failed_.test_and_set()) error_ = std::current_exception();
    }
    in_part_ = false;
    if (unfinished_.fetch_sub(1) == 1) Wake(unfinished_);
    return true;
  }

  std::atomic<Index> threads_ = 1;
  bool may_block_ = true;
  Index helpers_ = 0;
  void (*run_)(void*, Index) = nullptr;
  void* context_ = nullptr;
  std::exception_ptr error_;
  std::atomic_flag failed_;
  std::atomic<uint64_t> ticket_ = 0;      // the task's number (32 bits), its parts (16), the next part to take (16)
  std::atomic<uint32_t> task_ = 0;        // counts tasks; sleeping helpers wait for it to change
  std::atomic<uint32_t> unfinished_ = 0;  // parts that are not done, plus kFailed if one never will be
  std::atomic<uint32_t> sleeping_ = 0;    // helpers
};

thread_local bool Pool::in_part_ = false;

// Never destroyed: helpers may outlive main().
Pool& ThePool() {
  static Pool& pool = *new Pool;
  return pool;
}

}  // namespace

bool ThreadsSupported() { return true; }
void SetThreads(Index count, bool may_block) { ThePool().SetThreads(count, may_block); }
Index Threads() { return ThePool().threads(); }
void HelperFailed() { ThePool().HelperFailed(); }
void RunParts(Index parts, void (*run)(void*, Index), void* context) {
  // Within a part of another task the pool is busy.
  if (parts > 1 && !ThePool().busy()) return ThePool().Run(parts, run, context);
  RunHere(parts, run, context);
}

#else

bool ThreadsSupported() { return false; }
void SetThreads(Index, bool) {}
Index Threads() { return 1; }
void HelperFailed() {}
void RunParts(Index parts, void (*run)(void*, Index), void* context) { RunHere(parts, run, context); }

#endif

}  // namespace rqvae
