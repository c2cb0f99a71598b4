/** With a clock that is always late, so that each slice of work is followed by a turn of the event loop. */
export async function withImpatientClock<T>(body: () => Promise<T>): Promise<T> {
  const now = performance.now;
  let time = 0;
  performance.now = () => {
    time += 100;
    return time;
  };
  try {
    return await body();
  } finally {
    performance.now = now;
  }
}
