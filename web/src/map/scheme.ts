import { resolveColor } from "../base/colors.ts";
import { oklchToRgb } from "../base/oklch.ts";

/** The page's colours as a map draws them. */
export interface Scheme {
  isDark: boolean;
  ink: string;
  paper: string;
  accent: string;
}

export const darkScheme = matchMedia("(prefers-color-scheme: dark)");

export const currentScheme = (): Scheme => ({
  isDark: darkScheme.matches,
  ink: resolveColor("--ink"),
  paper: resolveColor("--sunken"),
  accent: resolveColor("--accent-strong"),
});

/** Lightness and chroma: of dots in the two schemes, and of names, which are read on the page's background. */
const TONES = {
  "light-dot": [0.62, 0.16],
  "dark-dot": [0.73, 0.14],
  "light-text": [0.4, 0.13],
  "dark-text": [0.9, 0.08],
} as const;

type Tone = keyof typeof TONES;

const known = new Map<string, [number, number, number]>();

export function rgbOf(hue: number, tone: Tone): [red: number, green: number, blue: number] {
  const key = `${hue} ${tone}`;
  let color = known.get(key);
  if (!color) {
    const [lightness, chroma] = TONES[tone];
    color = oklchToRgb(lightness, chroma, hue);
    known.set(key, color);
  }
  return color;
}

export const colorOf = (hue: number, tone: Tone): string => `rgb(${rgbOf(hue, tone).join(" ")})`;

/** Dots that belong to no group of the colours. */
export const neutralOf = (isDark: boolean): [red: number, green: number, blue: number] =>
  isDark ? [120, 119, 130] : [160, 157, 168];
