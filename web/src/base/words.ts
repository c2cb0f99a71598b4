const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const significant = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

/** 1914 → "1,914" */
export const formatCount = (n: number): string => whole.format(n);

/** 0.9312 → "93.1%", as the library writes it. A share below 1 never reads 100%, and one above 0 never 0%. */
export function formatShare(share: number): string {
  if (share === 0 || share >= 1) return `${100 * Math.min(share, 1)}%`;
  if (share > 0 && share < 0.001) return "under 0.1%";
  return `${(share > 0.999 ? 99.9 : 100 * share).toFixed(1)}%`;
}

/** 0.012345 → "0.0123" */
export const formatLoss = (loss: number): string => significant.format(loss);

/** 1 item, 2 items */
export const plural = (n: number, one: string, many = `${one}s`): string => `${formatCount(n)} ${n === 1 ? one : many}`;

/** 75.2 → "1 min 15 s" */
export function formatDuration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

/** "first", "second", ...: the level's place in an ID, from 0. */
export function ordinal(level: number): string {
  return ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth"][level] ?? `${level + 1}th`;
}

/** 1234567 → "1.2 MB" */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1e6) return `${Math.round(bytes / 1e3)} KB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

/** A value of a vector or a length, with three significant digits. */
export function formatNumber(x: number): string {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "NaN" : x > 0 ? "∞" : "−∞";
  return significant.format(Math.abs(x) < 1e-12 ? 0 : x).replace("-", "−");
}

/** A share in whole per cent. */
export const formatPercent = (share: number): string => `${Math.round(100 * share)}%`;

/** "just now", "5 minutes ago" */
export function formatAgo(milliseconds: number): string {
  const minutes = Math.round(milliseconds / 60_000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${plural(minutes, "minute")} ago`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${plural(hours, "hour")} ago` : `${plural(Math.round(hours / 24), "day")} ago`;
}
