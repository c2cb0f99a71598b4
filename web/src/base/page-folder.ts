/**
 * The folder of this copy of the page. Everything that the page keeps in the browser has it in its name, since storage is per host and a
 * host may have other copies. A worker gets it as its name.
 */
export const PAGE_FOLDER = typeof document === "undefined" ? self.name : new URL("./", document.baseURI).pathname;
