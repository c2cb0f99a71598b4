/** Reads and writes files off the page's thread: a large CSV takes seconds to parse. */
import { type CodeArray, type ItemLabels, type ItemMatrix, SemanticIds } from "rqvae";
import { idsCsvChunks, readItems, readLabels } from "rqvae/formats";

export interface FileTasks {
  readItems: { input: { bytes: ArrayBuffer; name: string }; output: { items: ItemMatrix; labels?: ItemLabels } };
  readLabels: { input: { text: string }; output: ItemLabels };
  writeIds: {
    input: { codes: CodeArray; codebookSizes: readonly number[]; fingerprint?: string; labels: ItemLabels | undefined };
    output: Blob;
  };
}

export interface FileRequest<K extends keyof FileTasks = keyof FileTasks> {
  call: number;
  task: K;
  input: FileTasks[K]["input"];
}

export type FileResponse =
  | { call: number; output: unknown }
  | { call: number; error: { name: string; message: string } };

const tasks: { [K in keyof FileTasks]: (input: FileTasks[K]["input"]) => Promise<FileTasks[K]["output"]> } = {
  readItems: async ({ bytes, name }) => readItems(new Uint8Array(bytes), name),
  readLabels: async ({ text }) => readLabels(text),
  writeIds: async ({ codes, codebookSizes, fingerprint, labels }) => {
    return new Blob([...idsCsvChunks(new SemanticIds(codes, codebookSizes, fingerprint), labels)], {
      type: "text/csv",
    });
  },
};

const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<FileRequest>) => void;
  postMessage(message: FileResponse, transfer?: Transferable[]): void;
};

scope.onmessage = async ({ data: { call, task, input } }) => {
  try {
    const output = await (tasks[task] as (input: unknown) => Promise<unknown>)(input);
    const buffer = (output as { items?: ItemMatrix }).items?.data.buffer;
    scope.postMessage({ call, output }, buffer instanceof ArrayBuffer ? [buffer] : []);
  } catch (error) {
    const { name, message } = error instanceof Error ? error : { name: "Error", message: String(error) };
    scope.postMessage({ call, error: { name, message } });
  }
};
