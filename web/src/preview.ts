import { type DataSet, titleOf } from "./data-set.ts";
import { hook, make } from "./dom.ts";
import { formatCount } from "./words.ts";

const TITLES = 8;
const panel = hook("preview", HTMLDivElement);

/** Says that a file is being read. */
export function showReading(name: string): void {
  panel.replaceChildren(make("p", "preview-empty", `Reading ${name}…`));
}

export function showNothing(): void {
  panel.replaceChildren(make("p", "preview-empty", "No data yet. Take the emoji sample or drop a file."));
}

/** What was read: its shape, its number type and the first titles. */
export function showDataSet(data: DataSet): void {
  const { rows, dim } = data.items;
  const fact = (value: string, name: string) => make("span", "fact", make("b", "", value), ` ${name}`);
  const titles = make("ul", "preview-titles");
  for (let i = 0; i < Math.min(rows, TITLES); i++) titles.append(make("li", "", titleOf(data, i)));
  if (rows > TITLES) titles.append(make("li", "rest", `and ${formatCount(rows - TITLES)} more`));
  panel.replaceChildren(
    make("p", "preview-name", data.name),
    make(
      "p",
      "facts",
      fact(formatCount(rows), data.noun[1]),
      fact(formatCount(dim), "numbers each"),
      fact(data.type, "values"),
    ),
    ...(data.labels
      ? [titles]
      : [
          make(
            "p",
            "hint",
            "No titles, so items go by their number. Add a titles file to read the results more easily.",
          ),
        ]),
  );
}
