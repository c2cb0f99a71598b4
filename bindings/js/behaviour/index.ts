/**
 * Vectors of items by what people choose together.
 *
 * @module rqvae/behaviour
 */

export {
  type BehaviourOptions,
  type BehaviourProgress,
  type BehaviourVectors,
  behaviourVectors,
} from "./behaviour-vectors.ts";
export { type ColdMap, type ColdQuality, coldMap } from "./cold-map.ts";
