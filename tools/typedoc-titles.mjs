// A plugin of typedoc: a guide is listed by its first heading, not by the name of its file.
import { Converter } from "typedoc";

/** @param {import("typedoc").Application} app */
export function load(app) {
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_, document) => {
    const heading = /^# (.+)\n+/.exec(document.content.map(({ text }) => text).join(""));
    if (!heading) return;
    document.name = heading[1];
    // The page has its name as a title already.
    const [first] = document.content;
    if (first.text.startsWith(heading[0])) first.text = first.text.slice(heading[0].length);
  });
}
