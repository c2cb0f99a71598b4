/** One loop over the events of a long call: the events that it has not taken yet, and how to wake it. */
export interface EventReader<Event> {
  waiting: Event[];
  wake(): void;
}

/** See `LongCall`. An iterator that was made after the call's end gives no events. */
export async function* readEvents<Event>(
  reader: EventReader<Event>,
  call: Promise<unknown>,
  controller: AbortController,
): AsyncGenerator<Event, void, undefined> {
  let isOver = false;
  const over = call
    .catch(() => {})
    .then(() => {
      isOver = true;
      reader.wake();
    });
  try {
    for (;;) {
      while (reader.waiting.length > 0) yield reader.waiting.shift() as Event;
      if (isOver) break;
      await new Promise<void>((resolve) => {
        reader.wake = resolve;
      });
    }
    await call;
  } finally {
    if (!isOver) controller.abort(new DOMException("The loop over the call's events was left", "AbortError"));
    await over;
  }
}
