// Milliseconds from import to the first ID in a process that has done nothing else: first-id.mjs MODEL.
const started = performance.now();
const { RQVAE } = await import("rqvae");
const model = await RQVAE.load(process.argv[2]);
model.encode(new Float32Array(model.config.inputDim)).at(0);
console.log(JSON.stringify(performance.now() - started));
