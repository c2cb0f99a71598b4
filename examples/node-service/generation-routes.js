// The routes of the generations: make the next one, look IDs up in each, switch, roll back.

const params = (properties) => ({ schema: { params: { type: "object", properties } } });
const generation = { type: "integer", minimum: 1 };
const codes = { type: "string", pattern: "^\\d+(,\\d+)*$" };

/** @param {import("fastify").FastifyInstance} app @param {import("./generations.js").Generations} generations */
export function addGenerationRoutes(app, generations) {
  app.get("/generations", () => generations.summary());
  app.post("/generations", async (_request, reply) => {
    reply.code(202);
    return generations.start();
  });
  app.post("/generations/next", () => generations.publish("next"));
  app.post("/generations/previous", () => generations.publish("previous"));

  app.get(
    "/generations/:generation/items/:id",
    params({ generation }),
    async ({ params: { generation, id } }, reply) => {
      const item = await generations.get(generation, id);
      return item ?? reply.code(404).send({ error: `item ${JSON.stringify(id)} is not in generation ${generation}` });
    },
  );
  app.get("/generations/:generation/ids/:codes", params({ generation, codes }), ({ params: { generation, codes } }) =>
    generations.items(generation, codes.split(",").map(Number)),
  );
  app.addHook("preClose", () => generations.close());
}
