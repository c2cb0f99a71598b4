/** The script of a Web Worker: `new Worker(new URL("./entry.web.js", import.meta.url), { type: "module" })`. */
import * as platform from "../runtime/load-wasm.web.ts";
import { usePlatform } from "../runtime/platform.ts";
import { serve } from "./serve.ts";
import { ownWebPort } from "./web-port.ts";

usePlatform(platform);
serve(ownWebPort());
