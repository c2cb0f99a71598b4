// The routes. What a client may have done wrong is answered with the message of the library, its advice for code left out.
import { createHash, timingSafeEqual } from "node:crypto";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import fastifyStatic from "@fastify/static";
import Fastify from "fastify";
import { EventStream } from "./events.js";
import { forClients } from "./explain.js";
import { addGenerationRoutes } from "./generation-routes.js";
import { BODY_TYPES, isOneJsonValue } from "./upload.js";

const STATUS = {
  InvalidInputError: 400,
  NotInitializedError: 409,
  BusyError: 409,
  OutOfMemoryError: 413,
};
/** What the item's present state does not allow. */
const CONFLICTS = ["ITEM_MOVED"];
const LIMIT = { type: "integer", minimum: 1, maximum: 1000 };
const query = (properties) => ({ schema: { querystring: { type: "object", properties } } });
/** "20" is a number; what is none is the library's to refuse. */
const numbers = (texts) =>
  Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, Number.isNaN(+text) ? text : +text]));
const digest = (text) => createHash("sha256").update(text).digest();

/**
 * @param {{ publication: import("./publication.js").Publication, training: import("./training.js").Training, limits: object,
 *   generations: import("./generations.js").Generations, token?: string }} parts
 */
export function makeApp({ publication, training, generations, limits, token }) {
  const app = Fastify({
    bodyLimit: limits.MAX_BYTES,
    requestTimeout: limits.REQUEST_MS, // Fastify's own is none: a body that trickles would be waited for for ever
    http: {
      headersTimeout: Math.min(limits.REQUEST_MS, 60_000),
      connectionsCheckingInterval: Math.min(limits.REQUEST_MS, 10_000),
    },
  });

  // Authentication in a line. Digests are of one length, and compared in constant time.
  app.addHook("onRequest", async ({ headers }, reply) => {
    if (token && !timingSafeEqual(digest(headers.authorization ?? ""), digest(`Bearer ${token}`)))
      return reply
        .code(401)
        .send({ error: "the header must be authorization: Bearer, with the token of this service" });
  });

  // Bodies stay bytes. None of these types can be sent from another site's page without this server's consent.
  app.removeAllContentTypeParsers();
  const tooLarge = Object.assign(new Error(), { statusCode: 413, code: "FST_ERR_CTP_BODY_TOO_LARGE" });
  const asBytes = (_request, body, done) =>
    done(body.length > limits.MAX_JSON_BYTES && isOneJsonValue(body) ? tooLarge : null, body);
  for (const type of BODY_TYPES) {
    const bodyLimit = type === "application/json" ? limits.MAX_JSON_BYTES : limits.MAX_BYTES;
    app.addContentTypeParser(type, { parseAs: "buffer", bodyLimit }, asBytes); // refused by its length, before it comes
  }
  const explain = {
    FST_ERR_CTP_INVALID_MEDIA_TYPE: `content-type must be application/json, or one of ${BODY_TYPES.slice(1).join(", ")}`,
    FST_ERR_CTP_BODY_TOO_LARGE:
      `the body is too large: at most ${limits.MAX_JSON_BYTES} bytes of application/json, and ${limits.MAX_BYTES} of other types; ` +
      "send JSON lines as application/x-ndjson, or npy as application/octet-stream",
  };
  app.setErrorHandler((error, request, reply) => {
    const status = CONFLICTS.includes(error.code) ? 409 : (STATUS[error.name] ?? error.statusCode ?? 500);
    if (status >= 500) console.error(request.method, request.url, error);
    reply.code(status).send({ error: status >= 500 ? "internal error" : (explain[error.code] ?? forClients(error)) });
  });
  app.setNotFoundHandler((request, reply) =>
    reply.code(404).send({ error: `no route ${request.method} ${request.url}` }),
  );
  const found = (answer, id, reply) =>
    answer ?? reply.code(404).send({ error: `item ${JSON.stringify(id)} is not in the index` });

  app.post("/catalogue", async ({ body, query }, reply) => {
    reply.code(202);
    return training.start(body ?? new Uint8Array(0), numbers(query));
  });

  const events = new EventStream();
  training.on("status", (status) => events.send(status));
  const state = () => ({ ...training.status, published: publication.summary() });
  app.get("/training", state);
  app.delete("/training", async () => {
    await training.cancel();
    return state();
  });
  app.get("/training/events", (_request, reply) => {
    reply.hijack(); // stays open
    events.add(reply.raw, training.status);
  });

  app.get("/items", query({ limit: { ...LIMIT, default: 100 }, after: { type: "string", default: "" } }), ({ query }) =>
    publication.list(query.after, query.limit),
  );
  app.post("/items", ({ body }) => publication.add(body ?? new Uint8Array(0)));
  app.get("/items/:id", async ({ params: { id } }, reply) => found(publication.get(id), id, reply));
  app.get("/items/:id/similar", query({ limit: { ...LIMIT, default: 10 } }), async ({ params: { id }, query }, reply) =>
    found(await publication.similar(id, query.limit), id, reply),
  );
  app.put("/items/:id", async ({ params: { id }, body }, reply) => {
    const { added, ...item } = await publication.put(id, body ?? new Uint8Array(0));
    return reply.code(added ? 201 : 200).send(item);
  });
  app.delete("/items/:id", async ({ params: { id } }, reply) => found(await publication.remove(id), id, reply));

  addGenerationRoutes(app, generations);

  // For clients that encode by themselves, and the page that shows how.
  const file = (bytes, reply) => reply.type("application/octet-stream").header("cache-control", "no-cache").send(bytes);
  app.get("/encoder", (_request, reply) => file(publication.encoder(), reply));
  app.get("/index", (_request, reply) => file(publication.index(), reply));
  const page = fileURLToPath(new URL("../web-client", import.meta.url));
  const library = dirname(fileURLToPath(import.meta.resolve("rqvae")));
  app.register(fastifyStatic, { root: page });
  app.register(fastifyStatic, { root: library, prefix: "/rqvae/", decorateReply: false });

  app.addHook("preClose", async () => {
    events.close(); // else the server would wait for them for ever
    await training.close();
  });
  return app;
}
