const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });
const pictographic = /\p{Extended_Pictographic}|\p{Regional_Indicator}|\u20E3/u;

/** The emoji that a title begins with, if it does, and the words after it. */
export function splitGlyph(title: string): { glyph: string | undefined; words: string } {
  const first = segmenter.segment(title).containing(0)?.segment ?? "";
  if (!pictographic.test(first)) return { glyph: undefined, words: title };
  return { glyph: first, words: title.slice(first.length).trim() || first };
}

/** For canvases, which ignore the style sheet. */
export const EMOJI_FONT = '"Apple Color Emoji", "Segoe UI Emoji", "Noto Color Emoji", sans-serif';
