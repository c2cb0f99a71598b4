/** A computation that asks for what is there at once, or comes later: written once, carried out either way. It yields what it was given. */
// biome-ignore lint/suspicious/noExplicitAny: each answer is of its own kind
export type Asking<T> = Generator<unknown, T, any>;

/** @throws what `late` gives, where an answer is a promise */
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
