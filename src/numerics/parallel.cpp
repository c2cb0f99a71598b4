#include "parallel.h"

#if !defined(__wasm__) || defined(__wasm_atomics__)
#define RQVAE_THREADS 1
#include <pthread.h>  // not std::thread, whose errors bring a table of texts into the wasm

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
// Looks at what it waits for before a thread goes to sleep: a few microseconds. Longer would take time from a thread
// that shares the core.
constexpr int kLooks = 500;

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

class Pool {
 public:
  void SetThreads(Index count, bool may_block) {
    threads_ = std::clamp<Index>(count, 1, kMaxThreads);
    may_block_ = may_block;
  }
  Index threads() const { return threads_; }

  bool busy() const { return left_.load() > 0; }  // a task within a task

  void Run(Index parts, void (*run)(void*, Index), void* context) {
    while (helpers_ + 1 < threads_) Start();
    run_ = run;
    context_ = context;
    error_ = nullptr;
    failed_.clear();
    left_.store(static_cast<uint32_t>(parts));
    const uint64_t number = (ticket_.load() >> 32) + 1;
    ticket_.store(number << 32 | static_cast<uint64_t>(parts) << 16);
    task_.fetch_add(1);
    if (sleeping_.load() > 0) Wake(task_);
    while (DoOne()) {
    }
    for (int looks = 0; left_.load() > 0; ++looks) {
      const uint32_t left = left_.load();
      // A part that nobody will end: what it had in hand is in no order, nor would be what the caller does next.
      if ((left & kFailed) != 0) __builtin_trap();
      if (left > 0 && may_block_ && looks >= kLooks) Sleep(left_, left);
    }
    if (error_) std::rethrow_exception(error_);
  }

  void HelperFailed() {
    if (!in_part_) return;  // it left nothing undone
    left_.fetch_add(kFailed);
    Wake(left_);
  }

 private:
  static constexpr uint32_t kFailed = uint32_t{1} << 31;
  static thread_local bool in_part_;

  struct Beginning {
    Pool* pool;
    Index helper;
  };

  // A helper lives as long as the process and has nothing to put away. Without it the others do its share.
  void Start() {
    auto* start = new Beginning{this, helpers_++};
    pthread_t thread;
    auto run = [](void* argument) -> void* {
      const Beginning beginning = *static_cast<Beginning*>(argument);
      delete static_cast<Beginning*>(argument);
      beginning.pool->Help(beginning.helper);
      return nullptr;
    };
    if (pthread_create(&thread, nullptr, run, start) == 0) {
      pthread_detach(thread);
    } else {
      delete start;
    }
  }

  void Help(Index helper) {
    for (;;) {
      const uint32_t task = task_.load();
      if (helper + 1 < threads_) {
        while (DoOne()) {
        }
      }
      for (int looks = 0; looks < kLooks && task_.load() == task; ++looks) {
      }
      sleeping_.fetch_add(1);
      while (task_.load() == task) Sleep(task_, task);
      sleeping_.fetch_sub(1);
    }
  }

  // Takes the next part of the task, if there is one.
  bool DoOne() {
    uint64_t ticket = ticket_.load();
    Index part;
    do {
      part = static_cast<Index>(ticket & 0xffff);
      if (part >= static_cast<Index>(ticket >> 16 & 0xffff)) return false;
    } while (!ticket_.compare_exchange_weak(ticket, ticket + 1));
    // From here on the task stays: it cannot end without this part.
    in_part_ = true;
    try {
      run_(context_, part);
    } catch (...) {
      if (!failed_.test_and_set()) error_ = std::current_exception();
    }
    in_part_ = false;
    if (left_.fetch_sub(1) == 1) Wake(left_);
    return true;
  }

  std::atomic<Index> threads_ = 1;
  bool may_block_ = true;
  Index helpers_ = 0;
  void (*run_)(void*, Index) = nullptr;
  void* context_ = nullptr;
  std::exception_ptr error_;
  std::atomic_flag failed_;
  // Number of the task (32 bits), its parts (16), the next part (16): one word, so that a part is taken of the task
  // that was seen or not at all.
  std::atomic<uint64_t> ticket_ = 0;
  std::atomic<uint32_t> task_ = 0;  // counts tasks; sleeping helpers wait for it to change
  std::atomic<uint32_t> left_ = 0;  // parts that are not done; with kFailed added: and one that never will be
  std::atomic<uint32_t> sleeping_ = 0;
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
