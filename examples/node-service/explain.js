// What went wrong, in words for whoever can do something about it: a client over HTTP, or who starts the service.

/** What the library calls its options and functions where it gives advice: nothing that a client could set. */
const IN_CODE =
  /\bembedding: (?=["[])|\(embedding\)|\bitemId: (?=["[])|RQVAE\.load\b|\b(openItems|readItems|skipInvalid)\b/;
/** How such a piece of advice begins. */
const ADVICE = ["; ", ", or ", ": choose ", ": name ", ": RQVAE.load", ": open "];
/** The calls that messages begin with. */
const CALL = /^(?:suggestConfig|RQVAE\.\w+|SemanticIdIndex\.\w+|train|encode|add|suffix): /;

/** A message of the library for a client: the fault as it is said, and advice for a request instead of advice for code. */
export function forClients(message) {
  const said = message
    .replace(CALL, "")
    .replace(/^the file: /, "the body: ")
    .replace("vectors of inputDim ", "vectors of dimension ")
    .replace("Lower learningRate or check", "Check")
    .replace(" unless you call replace", "; upload a catalogue to train anew")
    .replace(
      /but capacity is (\d+): give a larger capacity, or train with more codes or levels/,
      "and at most $1 can: POST the catalogue again with a larger codebookSize or nQuantizationLayers",
    );
  const at = said.search(IN_CODE);
  if (at < 0) return said;
  const before = said.slice(0, at + 10);
  const end = Math.max(...ADVICE.map((advice) => before.lastIndexOf(advice)));
  const fault = end < 0 ? said.slice(0, at).trimEnd() : said.slice(0, end);
  return `${fault}; send each item as {"id": "sku-1", "embedding": [0.1, 0.2]}, or csv with numbered columns, id,e0,e1`;
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
