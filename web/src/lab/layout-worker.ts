/** A worker beside the lab's: the layout of a map takes seconds, and the lab answers other questions meanwhile. */
import { type LayoutEvent, type LayoutRequest, makeLayout } from "./layout/make-layout.ts";

const port = globalThis as unknown as {
  postMessage(message: unknown, transfer: Transferable[]): void;
  onmessage: ((event: MessageEvent<LayoutRequest>) => void) | null;
};

port.onmessage = ({ data }) => {
  makeLayout(data, (event: LayoutEvent) => {
    const points = event.kind === "moving" ? event.points : event.kind === "done" ? event.layout?.points : undefined;
    port.postMessage(event, points ? [points.buffer as ArrayBuffer] : []);
  });
};
