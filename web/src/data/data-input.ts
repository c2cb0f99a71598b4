import { hook } from "../base/dom.ts";
import "./data-input.css";

/** Lines from which on text that is pasted anywhere is a list. */
const LIST = 2;
const PASTED = "Pasted list";

/** Where data come from. */
export interface Arrivals {
  /** Files of any kind: dropped, pasted or chosen. */
  files(files: File[]): void;
  /** A file that was chosen as titles. */
  titles(file: File): void;
}

const asFile = (text: string) => new File([text], PASTED, { type: "text/plain" });
const isField = (target: EventTarget | null) =>
  target instanceof Element && target.closest("input, textarea, select, [contenteditable]") !== null;

/** Where data come from: the file fields, the box for a list, files dropped and data pasted anywhere on the page. */
export function onArrivals({ files, titles }: Arrivals): void {
  const zone = hook("drop-zone", HTMLDivElement);
  const box = hook("paste-box", HTMLTextAreaElement);
  const itemsInput = hook("file-input", HTMLInputElement);
  const labelsInput = hook("labels-input", HTMLInputElement);

  itemsInput.addEventListener("change", () => {
    if (itemsInput.files?.length) files([...itemsInput.files]);
  });
  labelsInput.addEventListener("change", () => {
    if (labelsInput.files?.[0]) titles(labelsInput.files[0]);
  });
  hook("paste-use", HTMLButtonElement).addEventListener("click", () => {
    if (box.value.trim() === "") box.focus();
    else files([asFile(box.value)]);
  });

  addEventListener("paste", (event) => {
    const { clipboardData } = event;
    if (!clipboardData || isField(event.target)) return;
    const text = clipboardData.getData("text/plain");
    // Spreadsheets paste a picture of their cells beside the text.
    if (text.trim().split("\n").length >= LIST) files([asFile(text)]);
    else if (clipboardData.files.length > 0) files([...clipboardData.files]);
    else return;
    event.preventDefault();
  });

  // Anywhere on the page, which shows where files go; a file must not replace the page.
  let depth = 0;
  const mark = (over: number) => {
    depth = Math.max(0, over);
    zone.classList.toggle("is-over", depth > 0);
    document.body.classList.toggle("is-dropping", depth > 0);
  };
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("dragenter", () => mark(depth + 1));
  addEventListener("dragleave", () => mark(depth - 1));
  addEventListener("drop", () => mark(0), true); // also when a part of the page takes the file for itself
  addEventListener("drop", (event) => {
    const { dataTransfer } = event;
    if (dataTransfer?.files.length) {
      event.preventDefault();
      files([...dataTransfer.files]);
    } else if (!isField(event.target)) {
      event.preventDefault();
      const text = dataTransfer?.getData("text/plain") ?? "";
      if (text.trim().split("\n").length >= LIST) files([asFile(text)]);
    }
  });
}
