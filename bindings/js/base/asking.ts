/**
 * A computation that asks for values that are available at once or come later; written once, it runs either way. It yields what it was
 * given.
 */
// biome-ignore lint/suspicious/noExplicitAny: every answer has its own type
export type Asking<T> = Generator<unknown, T, any>;

/** @throws what `late` gives, if an answer is a promise */
export function atOnce<T>(asking: Asking<T>, late: () => Error): T {
  for (let step = asking.next(); ; ) {
    if (step.done) return step.value;
    step = step.value instanceof Promise ? asking.throw(late()) : asking.next(step.value);
  }
}

export async function asAnswersCome<T>(asking: Asking<T>): Promise<T> {
  for (let step = asking.next(); ; ) {
    if (step.done) return step.value;
    step = await Promise.resolve(step.value).then(
      (answer) => asking.next(answer),
      (error) => asking.throw(error),
    );
  }
}
