/** The README as npm's site shows it. */
import markdownIt from "markdown-it";

/**
 * GitHub's Markdown as a page, with anchors at its headings.
 * @param {string} markdown
 * @returns {string}
 */
export function asNpmPage(markdown) {
  const renderer = markdownIt({ html: true, linkify: true });
  renderer.core.ruler.push("anchors", ({ tokens }) => {
    tokens.forEach((token, i) => {
      if (token.type !== "heading_open") return;
      const slug = tokens[i + 1].content.toLowerCase().replace(/[^\p{L}\p{N}_ -]/gu, "");
      token.attrSet("id", slug.replaceAll(" ", "-"));
    });
  });
  return `<!doctype html><meta charset="utf-8"><title>npm</title><article>${renderer.render(markdown)}</article>`;
}
