// A load test: so many clients at once, each with its next request as soon as the last is answered. Prints latencies.
//   npm run load -- [--url http://127.0.0.1:3000] [--parallel 200] [--requests 10000] [--writes 0.05]
// Of the requests, the share `writes` adds an item (use a copy of the service for that), the others look up similar items. The first ten
// of each client are not counted: connections are made, and the machine code.
import { Agent, request } from "node:http";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    url: { type: "string", default: "http://127.0.0.1:3000" },
    parallel: { type: "string", default: "200" },
    requests: { type: "string", default: "10000" },
    writes: { type: "string", default: "0.05" },
  },
});
const [parallel, requests, writes] = [values.parallel, values.requests, values.writes].map(Number);
const { TOKEN } = process.env;
const authorization = TOKEN && { authorization: `Bearer ${TOKEN}` };
const agent = new Agent({ keepAlive: true, maxSockets: parallel });

/** Sends a request and reads its answer to the end. @returns {Promise<{ status: number, text: string }>} */
function send(method, path, body) {
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, values.url), {
      method,
      agent,
      headers: { ...authorization, ...(body && { "content-type": "application/json" }) },
    });
    sent.on("error", reject).on("response", (response) => {
      let text = "";
      response.setEncoding("utf8").on("error", reject);
      response.on("data", (chunk) => (text += chunk)).on("end", () => resolve({ status: response.statusCode, text }));
    });
    sent.end(body);
  });
}

const { published } = JSON.parse((await send("GET", "/training")).text);
if (!published) throw new Error(`${values.url} has published nothing yet: POST a catalogue first`);
const items = JSON.parse((await send("GET", "/items?limit=1000")).text);
const run = Date.now().toString(36);
const embedding = () => Array.from({ length: published.dim }, () => Math.random() - 0.5);

const latencies = { all: [], read: [], write: [] };
let sent = 0;
let failed = 0;
async function client(until) {
  while (sent < until) {
    const number = sent++;
    const kind = Math.floor(number * writes) < Math.floor((number + 1) * writes) ? "write" : "read";
    const { id } = items[number % items.length];
    const body = kind === "write" ? JSON.stringify({ id: `load-${run}-${number}`, embedding: embedding() }) : undefined;
    const start = performance.now();
    const answer = body
      ? send("POST", "/items", body)
      : send("GET", `/items/${encodeURIComponent(id)}/similar?limit=10`);
    const { status } = await answer.catch(() => ({ status: 0 }));
    const milliseconds = performance.now() - start;
    if (status !== 200) failed++;
    latencies.all.push(milliseconds);
    latencies[kind].push(milliseconds);
  }
}
const clients = (until) => Promise.all(Array.from({ length: parallel }, () => client(until)));
const warmUp = 10 * parallel;
await clients(warmUp);
for (const list of Object.values(latencies)) list.length = 0;
const start = performance.now();
await clients(warmUp + requests);
const seconds = (performance.now() - start) / 1000;
agent.destroy();

console.log(`${requests} requests by ${parallel} clients in ${seconds.toFixed(1)} s, ${failed} failed`);
console.log(`${Math.round(requests / seconds)} requests/s`);
for (const [kind, list] of Object.entries(latencies)) {
  list.sort((a, b) => a - b);
  const at = (share) => (list[Math.max(0, Math.ceil(share * list.length) - 1)] ?? 0).toFixed(1);
  console.log(`${kind.padEnd(5)} ${String(list.length).padStart(6)}  p50 ${at(0.5)} ms  p99 ${at(0.99)} ms`);
}
if (failed > 0) process.exitCode = 1;
