/**
 * The folder of this copy of the page. What it keeps in the browser has it in its name: the browser keeps by host, and a host may have other
 * copies. A worker is told it as its name.
 */
export const PAGE_FOLDER = typeof document === "undefined" ? self.name : new URL("./", document.baseURI).pathname;
