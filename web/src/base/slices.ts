/** A frame has 16 ms. A slice of work takes half of it, which leaves time to paint and to answer a key. */
const SLICE_MS = 8;

const channel = new MessageChannel();
const waiting: (() => void)[] = [];
/**
 * When the current slice ends. It belongs to the task rather than to a loop: many short loops in a row would make a long task. In a task
 * that others started, such as an event's, it is in the past, so that work moves to its own task.
 */
let sliceEnd = 0;
channel.port1.onmessage = () => {
  sliceEnd = performance.now() + SLICE_MS;
  waiting.shift()?.();
};

/** Lets the page paint and handle input. It is a macrotask: a resolved promise would not yield, and a timeout would wait 4 ms. */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    channel.port2.postMessage(0);
  });
}

/** Calls `step` for 0 ... n - 1 in slices, so that no task of the page's thread takes long. Stops early when aborted. */
export async function inSlices(
  n: number,
  step: (i: number) => void,
  signal?: AbortSignal,
  /** Steps between two checks of the clock. */
  every = 64,
): Promise<void> {
  for (let i = 0; i < n; i++) {
    step(i);
    if (i % every === every - 1 && performance.now() > sliceEnd) {
      await nextTask();
      signal?.throwIfAborted();
    }
  }
}
