import { type IdReport, reportHtml } from "rqvae/report";
import type { HeldItems } from "./items.ts";

/** The report as a page of its own. In a file of its own, since few visitors need it and it is large. */
export function reportFile(report: IdReport, title: string, { labels }: HeldItems): Blob {
  const html = reportHtml(report, { title, ...(labels ? { labels } : {}) });
  return new Blob([html], { type: "text/html" });
}
