/** Why something could not be read, and what to do. */

/** @param cause what the platform threw */
export function reasonOf(cause: unknown): string {
  const { code, message = String(cause) } = (cause ?? {}) as { code?: unknown; message?: string };
  if (code === "ERR_ACCESS_DENIED") {
    return "Node's permission model forbids reading it; start Node with --allow-fs-read for this path";
  }
  return message.replace(/\.$/, "");
}
