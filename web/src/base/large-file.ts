/** 32 MB. */
const LARGE = 32 << 20;

/**
 * Whether a file stays where it is, so that its rows are read as needed and an interrupted run asks for it again. Smaller ones are held in
 * memory, and the browser keeps them with each checkpoint, which it writes every few seconds.
 */
export const isLarge = (file: { size: number }): boolean => file.size > LARGE;
