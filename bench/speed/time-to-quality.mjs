// Time to quality: how long a training takes until its model explains as much of unseen items as another does.

/** @typedef {{ seconds: number, variance: number }} Point @typedef {readonly Point[]} Curve in the order of time */

/** Seconds until the curve first reaches what is wanted; null where it never does. @type {(curve: Curve, wanted: number) => number | null} */
export const secondsTo = (curve, wanted) => curve.find(({ variance }) => variance >= wanted)?.seconds ?? null;

/** @type {(curve: Curve) => number} */
export const bestOf = (curve) => Math.max(...curve.map(({ variance }) => variance));

/**
 * Seconds of every training to every mark.
 * @param {Record<string, { curve: Curve, before: number }>} trainings `before`: seconds of initialisation, which the curve leaves out
 * @param {Record<string, number>} marks explained variance
 * @returns {{ mark: string, training: string, seconds: number | null, withStart: number | null }[]}
 */
export function timeToQuality(trainings, marks) {
  return Object.entries(marks).flatMap(([mark, wanted]) =>
    Object.entries(trainings).map(([training, { curve, before }]) => {
      const seconds = secondsTo(curve, wanted);
      return { mark, training, seconds, withStart: seconds === null ? null : seconds + before };
    }),
  );
}
