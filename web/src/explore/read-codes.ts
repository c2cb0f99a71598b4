/** "<a_17><b_4>", "a_17 b_4", "17, 4" or "17 4": the codes. Undefined for anything else. */
export function readCodes(text: string): number[] | undefined {
  const numbers = text.match(/\d+/g);
  const rest = text.replace(/[a-z]_\d+/gi, "").replace(/[\d\s,;<>[\]()-]/g, "");
  return numbers && rest === "" ? numbers.map(Number) : undefined;
}
