/** The script of a Web Worker: `new Worker(new URL("./entry.web.js", import.meta.url), { type: "module" })`. */
import * as platform from "../runtime/load-wasm.web.ts";
import { usePlatform } from "../runtime/platform.ts";
import { serve } from "./serve.ts";

usePlatform(platform);

// Typed here because the DOM's types describe the page's `self`, not the worker's.
const scope = self as unknown as {
  postMessage(message: unknown, transfer: Transferable[]): void;
  addEventListener(type: "message" | "messageerror", listener: (event: MessageEvent) => void): void;
};

serve({
  post: (reply, transfer) => scope.postMessage(reply, transfer),
  onRequest: (listener) => scope.addEventListener("message", (event) => listener(event.data)),
});
// The call that it carried could never be answered: fail loudly, so that the client rejects it.
scope.addEventListener("messageerror", () => {
  throw new Error("a message to the worker could not be read");
});
