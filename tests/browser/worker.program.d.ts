import type { ItemMatrix, ModelOptions, TrainOptions } from "rqvae";
export declare function integers(rows: number, dim: number): ItemMatrix;
export declare const OPTIONS: ModelOptions;
export declare const TRAINING: TrainOptions;
