// What went wrong, in words for whoever can do something about it: a client over HTTP, or who starts the service.
import { RQVAEError } from "rqvae";

/** What to do about the request, where the library says what to do in code. By the codes of its errors. */
const ADVICE = {
  ITEM_MOVED: "; PUT it to /items/ID to give it another, or upload a catalogue to train again",
  TOO_FEW_CODES: ": POST the catalogue again with a larger codebookSize or nQuantizationLayers",
};
const FORM = '; send each item as {"id": "sku-1", "embedding": [0.1, 0.2]}, or csv with numbered columns, id,e0,e1';

/** What to do is about an option that no client could set. */
const namesOption = ({ hint }) => typeof hint !== "string" && hint.some((part) => part.option !== undefined);

/** An error for a client: the library's own messages without the names of calls, with advice for a request instead of advice for code. */
export function forClients(error) {
  if (!(error instanceof RQVAEError)) return error.message;
  if (error.code === "DIVERGED") return "training diverged: check the items for extreme values";
  return error.inWords((part) => {
    if ("call" in part) return "";
    if ("file" in part) return part.form ? "the body" : "the body: ";
    if (part.option === "inputDim") return "dimension";
    if ("hint" in part) return ADVICE[error.code] ?? (namesOption(part) ? FORM : undefined);
    return undefined;
  });
}

/** Why the service cannot start, in a line; undefined for what nobody expects. */
export function whyNotStarted(error, { host, port }) {
  switch (error.code) {
    case "EADDRINUSE":
      return `port ${port} of ${host} is taken: end the program that listens there, or set PORT to another`;
    case "EACCES":
      return error.syscall === "listen"
        ? `port ${port} of ${host} needs more rights: set PORT to another, from 1024 on`
        : error.message;
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return `${host} is no address of this machine: set HOST to one, such as 127.0.0.1`;
    case "ERR_SOCKET_BAD_PORT":
      return `PORT must be a whole number from 0 to 65535, but is ${port}`;
    default:
      return undefined;
  }
}
