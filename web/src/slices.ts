/** A frame has 16 ms: half of it for a slice of work leaves room to paint and to answer a key. */
const SLICE_MS = 8;

const channel = new MessageChannel();
const waiting: (() => void)[] = [];
/**
 * When the slice under way is over. Of the task, not of a loop: loops that follow one another, each of them short, would make a long task.
 * Long ago for tasks of others, such as an event's: work that begins there goes on in a task of its own.
 */
let sliceEnd = 0;
channel.port1.onmessage = () => {
  sliceEnd = performance.now() + SLICE_MS;
  waiting.shift()?.();
};

/** Lets the page paint and handle input. A macrotask: a resolved promise would not let it, a timeout would wait 4 ms. */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    channel.port2.postMessage(0);
  });
}

/** Calls `step` for 0 ... n - 1 in slices, so that no task of the page's thread is long. Stops early when aborted. */
export async function inSlices(
  n: number,
  step: (i: number) => void,
  signal?: AbortSignal,
  /** Steps between two looks at the clock. */
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
