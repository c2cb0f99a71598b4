/** Where files are. */

/** The path or file URL, where there are files, that a location means; undefined when it is to be fetched. */
export function localFile(location: string | URL): string | URL | undefined {
  const href = String(location);
  const isUrl = typeof location !== "string" || /^(https?|data|blob|file):/i.test(href);
  if (!isUrl) return href;
  return /^file:/i.test(href) ? new URL(href) : undefined;
}
