/** Which process made a file, so that what a dead one left behind can be told from what a living one is at work on. */

import { createHash } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** A process, told from all others: those of other machines and containers, of the time before the last boot, and a later one of its number. */
export interface ProcessMark {
  pid: number;
  /** Where that number counts: machine or container, since its boot. */
  realm: string;
  /** When it began, in the system's own count; empty where that is not told. */
  start: string;
}

/** What is known of a process: "foreign" is one that cannot be asked for from here. */
export type Life = "alive" | "dead" | "foreign";

const realm = digest([hostname(), tryRead("/proc/sys/kernel/random/boot_id"), tryLink("/proc/self/ns/pid")]);
const machine = hostname();

/** This process. */
export const ownMark: ProcessMark & { host: string } = {
  pid: process.pid,
  realm,
  start: statusOf(process.pid).start,
  host: machine,
};

export function lifeOf({ pid, realm: theirs, start }: ProcessMark): Life {
  if (theirs !== realm) return "foreign";
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return "dead"; // EPERM: another user's
  }
  const { state, start: now } = statusOf(pid);
  if (state === "Z" || state === "X") return "dead"; // nobody has asked for its exit code yet
  return start !== "" && now !== "" && now !== start ? "dead" : "alive";
}

/** Fields 3 and 22 of Linux's /proc/PID/stat, counted behind the name, which may hold anything; empty elsewhere. */
function statusOf(pid: number): { state: string; start: string } {
  const stat = tryRead(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { state: fields[0] ?? "", start: fields[19] ?? "" };
}

function tryRead(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function tryLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

function digest(parts: string[]): string {
  return createHash("sha256").update(parts.join("\0")).digest("hex").slice(0, 8);
}
