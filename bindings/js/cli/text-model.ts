/** Models that make embeddings of text, by `@huggingface/transformers`: an optional peer, which is imported where it is needed. */

import { stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { basename, dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { FileError } from "./files.ts";

const PEER = "@huggingface/transformers";

/** What is used of the peer. */
interface Transformers {
  env: {
    allowRemoteModels: boolean;
    allowLocalModels: boolean;
    localModelPath: string;
    remoteHost: string;
    cacheDir: string | null;
  };
  pipeline(
    task: "feature-extraction",
    model: string,
    options: { dtype: string; local_files_only?: boolean; progress_callback?: (event: LoadEvent) => void },
  ): Promise<FeatureExtraction>;
}

interface LoadEvent {
  status: string;
  file?: string;
  /** Percent of the file. */
  progress?: number;
}

interface FeatureExtraction {
  (
    texts: string[],
    options: { pooling: Pooling; normalize: boolean },
  ): Promise<{ dims: readonly number[]; data: ArrayLike<number> }>;
  dispose(): Promise<unknown>;
}

export const POOLINGS = ["mean", "cls"] as const;
export const DTYPES = ["fp32", "fp16", "q8", "int8", "uint8", "q4"] as const;
export type Pooling = (typeof POOLINGS)[number];

export interface TextModelOptions {
  /** A folder, or a name on the Hugging Face Hub or on what HF_ENDPOINT names. */
  model: string;
  dtype: (typeof DTYPES)[number];
  pooling: Pooling;
  /** Fetches nothing: the model is in a folder or was fetched before. */
  offline: boolean;
  /** Share of the file that is being fetched, if one is. */
  onFetch?: (progress: number) => void;
}

/** A model that is loaded. */
export interface TextModel {
  /** Embeddings of unit length, a row a text: texts x dim. */
  embed(texts: string[]): Promise<{ data: Float32Array; dim: number }>;
  dispose(): Promise<void>;
}

/** @throws FileError when the peer is not installed or the model cannot be loaded. */
export async function loadTextModel(options: TextModelOptions): Promise<TextModel> {
  const { model, dtype, pooling, offline, onFetch } = options;
  const { env, pipeline } = await importPeer();
  const host = hubHost();
  env.remoteHost = `${host}/`;
  const { HF_HOME } = process.env;
  if (HF_HOME) env.cacheDir = join(resolve(HF_HOME), "transformers.js"); // else inside the package, where npm ci removes it
  const isFolder = (await stat(model).catch(() => undefined))?.isDirectory() === true;
  let name = model;
  if (isFolder) {
    env.allowLocalModels = true;
    env.localModelPath = dirname(resolve(model));
    name = basename(resolve(model));
  }
  if (isFolder || offline) env.allowRemoteModels = false;
  else if (/^[.~]{0,2}[\\/]/.test(model)) throw new FileError(`${model}: no such folder`);
  const extract = await pipeline("feature-extraction", name, {
    dtype,
    local_files_only: isFolder || offline,
    ...(onFetch && {
      progress_callback: ({ status, progress = 0 }: LoadEvent) => status === "progress" && onFetch(progress / 100),
    }),
  }).catch((cause: unknown) => {
    const why = (cause instanceof Error ? cause.message : String(cause)).trim();
    const remedy = isFolder
      ? `the folder needs config.json, tokenizer.json, tokenizer_config.json and onnx/${dtype === "fp32" ? "model.onnx" : `the model for --dtype ${dtype}`}`
      : offline
        ? "it was not fetched before: leave --offline out once, or name a folder"
        : `is its name on ${host.replace(/^https:\/\//, "")} right, has it an onnx folder, and is there a network? A folder with the model can be named instead`;
    throw new FileError(`${model}: the model could not be loaded: ${why}${/[.!?]$/.test(why) ? "" : "."} (${remedy})`);
  });
  return {
    async embed(texts) {
      const { dims, data } = await extract(texts, { pooling, normalize: true });
      if (dims.length !== 2 || dims[0] !== texts.length) {
        throw new FileError(`${model}: gives [${dims}] for ${texts.length} texts, and no embedding for each`);
      }
      return { data: Float32Array.from(data), dim: dims[1]! };
    },
    async dispose() {
      await extract.dispose();
    },
  };
}

/** Where models are fetched from: HF_ENDPOINT, as other programs of the field are told of a mirror or a hub of one's own. */
function hubHost(): string {
  const { HF_ENDPOINT: given } = process.env;
  if (!given) return "https://huggingface.co";
  if (URL.canParse(given) && /^https?:/i.test(given)) return given.replace(/\/+$/, "");
  throw new FileError(
    `HF_ENDPOINT must be the URL of a hub, such as https://huggingface.co, but is ${JSON.stringify(given)}`,
  );
}

/** The peer beside this package, or in the folder that the command is run in. */
async function importPeer(): Promise<Transformers> {
  const found = await importFrom(PEER).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ERR_MODULE_NOT_FOUND") throw broken(error);
    return undefined;
  });
  if (found) return found;
  let path: string;
  try {
    path = createRequire(join(process.cwd(), "package.json")).resolve(PEER);
  } catch {
    throw new FileError(`${PEER} is not installed, and rqvae embed needs it: npm install ${PEER}@4`);
  }
  const own = await importFrom(pathToFileURL(path).href).catch((error) => {
    throw broken(error);
  });
  return own;
}

async function importFrom(specifier: string): Promise<Transformers> {
  const imported = (await import(specifier)) as Partial<Transformers> & { default?: Transformers };
  return "pipeline" in imported ? (imported as Transformers) : (imported.default as Transformers); // as CommonJS
}

const broken = (error: unknown) =>
  new FileError(`${PEER} is installed but does not start: ${error instanceof Error ? error.message : error}`);
