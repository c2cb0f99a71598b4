// The routes. Everything that a client may have done wrong is answered with the library's own message.
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import fastifyStatic from "@fastify/static";
import Fastify from "fastify";
import { EventStream } from "./events.js";

const STATUS = {
  InvalidInputError: 400,
  NotInitializedError: 409,
  BusyError: 409,
  OutOfMemoryError: 413,
};
const LIMIT = { type: "integer", minimum: 1, maximum: 1000 };
const query = (properties) => ({ schema: { querystring: { type: "object", properties } } });
/** "20" is a number; what is none is the library's to refuse. */
const numbers = (texts) =>
  Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, Number.isNaN(+text) ? text : +text]));

/** @param {{ publication: import("./publication.js").Publication, training: import("./training.js").Training }} parts */
export function makeApp({ publication, training }) {
  const app = Fastify({ bodyLimit: 2 ** 29 });
  app.removeAllContentTypeParsers(); // bodies are read by their content, as files are
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  app.setErrorHandler((error, request, reply) => {
    const status = STATUS[error.name] ?? error.statusCode ?? 500;
    if (status >= 500) console.error(request.method, request.url, error);
    reply.code(status).send({ error: status >= 500 ? "internal error" : error.message });
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
  app.get("/training", () => ({ ...training.status, published: publication.summary() }));
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
    found(publication.similar(id, query.limit), id, reply),
  );

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
