/** Ports for servers that cannot choose one and say which. */
import { createServer } from "node:net";

/** @returns {Promise<number>} a port of the loopback interface that is free */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
      server.close(() => resolve(port));
    });
  });
}
