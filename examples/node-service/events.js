// Server-sent events: each listener gets the status of now, then every change of it.

export class EventStream {
  #listeners = new Set();
  // Silence ends connections on the way, and a listener that is gone shows only when written to.
  #heartbeat = setInterval(() => {
    for (const listener of this.#listeners) listener.write(":\n\n");
  }, 15_000).unref();

  /** @param {import("node:http").ServerResponse} response @param {{ state: string }} status */
  add(response, status) {
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    this.#listeners.add(response);
    response.on("close", () => this.#listeners.delete(response));
    this.#write(response, status);
  }

  send(status) {
    for (const listener of this.#listeners) {
      // Who does not keep up misses some of the progress, never its end.
      if (status.state !== "training" || !listener.writableNeedDrain) this.#write(listener, status);
    }
  }

  close() {
    clearInterval(this.#heartbeat);
    for (const listener of this.#listeners) listener.end();
  }

  #write(response, status) {
    response.write(`event: ${status.state}\ndata: ${JSON.stringify(status)}\n\n`);
  }
}
