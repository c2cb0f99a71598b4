import { hook, make, scrollTo } from "../base/dom.ts";
import { showError } from "../base/page-error.ts";
import { type Lab, LabGone } from "../lab/lab.ts";
import { partsOf } from "./report-view.ts";

const panel = hook("own-ids", HTMLElement);

/** Assesses a file of IDs that were made elsewhere, and shows the report. Nothing is trained. */
export async function assessOwnIds(lab: Lab, file: File): Promise<void> {
  panel.hidden = false;
  panel.replaceChildren(make("p", "hint", `Reading the IDs of ${file.name}…`));
  scrollTo(panel, "center");
  try {
    const { name, report, beside } = await lab.call("openIds", { file });
    const close = make("button", "button small", "Close");
    close.type = "button";
    close.addEventListener("click", () => {
      panel.hidden = true;
    });
    panel.replaceChildren(
      make("div", "view-head", make("h3", "", `The IDs of ${name}`), close),
      make("p", "hint", `These IDs are assessed, not trained on. ${beside}`),
      make("div", "report", ...partsOf(report, ["item", "items"])),
    );
  } catch (error) {
    panel.hidden = true;
    if (!(error instanceof LabGone)) showError(error);
  }
}
