import { make } from "../base/dom.ts";
import { download } from "../base/download.ts";
import { showError } from "../base/page-error.ts";
import type { Sunburst } from "./sunburst.ts";
import "./picture-buttons.css";

/** Buttons that save the rings as they are shown. */
export function treePictures(sunburst: Sunburst): HTMLElement {
  const save = (format: "png" | "svg") => {
    const name = format.toUpperCase();
    const button = make("button", "button small", name);
    button.type = "button";
    button.title = `Save the tree as ${name}`;
    button.setAttribute("aria-label", button.title);
    button.dataset.testid = `tree-${format}`;
    button.addEventListener("click", () => {
      import("./tree-picture.ts") // few visitors save one
        .then(({ drawTree }) => drawTree(sunburst, format))
        .then((picture) => download(picture, `tree.${format}`))
        .catch(showError);
    });
    return button;
  };
  const row = make("div", "picture-buttons", make("span", "hint", "Save picture"), save("png"), save("svg"));
  row.setAttribute("role", "group");
  row.setAttribute("aria-label", "Picture of the tree");
  return row;
}
