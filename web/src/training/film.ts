/** The most pictures of a run: 40 of 10,000 points are 2.4 MB. */
export const MOST_FRAMES = 40;

/**
 * A run's pictures with one more. When there would be too many, the one goes that leaves the smallest gap, but for the first and the new
 * one, so that those that stay are spread over the run.
 */
export function addFrame<Frame extends { epoch: number }>(
  film: readonly Frame[],
  frame: Frame,
  most = MOST_FRAMES,
): Frame[] {
  const next = [...film, frame];
  if (next.length <= most) return next;
  const gapWithout = (i: number) => next[i + 1]!.epoch - next[i - 1]!.epoch;
  let goes = 1;
  for (let i = 2; i < next.length - 1; i++) if (gapWithout(i) < gapWithout(goes)) goes = i;
  next.splice(goes, 1);
  return next;
}
