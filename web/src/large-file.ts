/** 32 MB. */
const LARGE = 32 << 20;

/**
 * Whether a file stays where it is: its rows are read as they are needed, and a run that is interrupted asks for it again. Smaller ones
 * are held in memory, and kept by the browser with each checkpoint, which it writes every few seconds.
 */
export const isLarge = (file: { size: number }): boolean => file.size > LARGE;
