/** The most pictures of a run: 40 of 10,000 points are 2.4 MB. */
export const MOST_FRAMES = 40;

/**
 * A run's pictures with one more. When there would be too many, every second one goes, but for the first and the new one, so that those
 * that stay are spread over the run.
 */
export function addFrame<Frame>(film: readonly Frame[], frame: Frame, most = MOST_FRAMES): Frame[] {
  const kept = film.length < most ? film : film.filter((_, i) => i % 2 === 0);
  return [...kept, frame];
}
