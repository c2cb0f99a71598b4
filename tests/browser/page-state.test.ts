/** The page's states: what may follow what. */
import { describe, expect, it } from "vitest";
import type { DataSet } from "../../web/src/data/data-set.ts";
import type { DataSource, Settings } from "../../web/src/lab/types.ts";
import {
  dataOf,
  isRunning,
  lateTitles,
  next,
  type PageEvent,
  PageMachine,
  type PageState,
  START,
} from "../../web/src/page-state.ts";

const file = (name: string) => new File(["1,2"], name);
const source: DataSource = { kind: "files", items: file("items.csv") };
const sample: DataSource = { kind: "sample", key: "emoji", itemsUrl: "", labelsUrl: "" };
const data = { name: "items.csv", rows: 3, source } as DataSet;
const settings = { model: { inputDim: 2 }, train: {} } as Settings;

const stateAfter = (...events: PageEvent[]): PageState => events.reduce(next, START);
const opened: PageEvent[] = [
  { type: "read", source },
  { type: "opened", job: 1, data },
];
const training: PageEvent[] = [...opened, { type: "train", settings }];

describe("the states of the page", () => {
  it("go from no data through a run to its IDs, and to the next run", () => {
    const machine = new PageMachine(() => {});
    const names = [machine.state.name];
    for (const event of [
      ...training,
      { type: "pause" },
      { type: "paused", job: 2 },
      { type: "goOn" },
      { type: "trained", job: 3 },
      { type: "train", settings },
      { type: "nothing", job: 4 },
    ] as PageEvent[]) {
      expect(machine.send(event)).toBe(true);
      names.push(machine.state.name);
    }
    expect(names.join(" ")).toBe("idle reading ready training training paused training done training ready");
    expect(machine.state.hasTrained).toBe(true);
    expect(dataOf(machine.state)).toBe(data);
  });

  it("look at the items before a run whose settings follow them", () => {
    const measuring = stateAfter(...opened, { type: "measure", settings });
    expect([measuring.name, isRunning(measuring), dataOf(measuring)]).toEqual(["measuring", true, data]);
    expect(next(measuring, { type: "pause" })).toBe(measuring);
    expect(next(measuring, { type: "trained", job: 2 })).toBe(measuring);
    const suited = { ...settings, model: { inputDim: 2, latentDim: 1 } };
    const begun = next(measuring, { type: "measured", job: 2, settings: suited });
    expect(begun).toMatchObject({ name: "training", job: 2, settings: suited, pausing: false });
    // Stopped, failed, or begun anew, it does not go on.
    expect(next(measuring, { type: "failed", job: 2 })).toMatchObject({ name: "failed", data });
    for (const event of [
      { type: "nothing", job: 2 },
      { type: "measure", settings },
      { type: "train", settings },
      { type: "read", source: sample },
    ] as PageEvent[]) {
      const other = next(measuring, event);
      expect(other).not.toBe(measuring);
      expect(["ready", "measuring", "training", "reading"]).toContain(other.name);
      const late = next(other, { type: "measured", job: 2, settings: suited });
      expect(late).toBe(other);
    }
    expect(next(START, { type: "measure", settings })).toBe(START);
  });

  it("do not hear what an earlier job says", () => {
    const again = stateAfter(...training, { type: "read", source: sample });
    for (const event of [
      { type: "opened", job: 1, data },
      { type: "trained", job: 2 },
      { type: "paused", job: 2 },
      { type: "nothing", job: 2 },
      { type: "failed", job: 2 },
    ] as PageEvent[]) {
      expect(next(again, event)).toBe(again);
    }
    expect(next(again, { type: "failed", job: 3 }).name).toBe("failed");
  });

  it("take no event that has no place", () => {
    expect(next(START, { type: "train", settings })).toBe(START);
    expect(next(START, { type: "pause" })).toBe(START);
    const ready = stateAfter(...opened);
    for (const type of ["pause", "goOn"] as const) expect(next(ready, { type })).toBe(ready);
    expect(next(ready, { type: "trained", job: ready.job })).toBe(ready);
    const pausing = stateAfter(...training, { type: "pause" });
    expect(next(pausing, { type: "pause" })).toBe(pausing);
    const told: string[] = [];
    const machine = new PageMachine(({ name }) => told.push(name));
    expect(machine.send({ type: "goOn" })).toBe(false);
    expect(told).toEqual([]);
  });

  it("keep the items of a run that failed, and none of a file that did", () => {
    const lost = stateAfter(...training, { type: "failed", job: 2 });
    expect([lost.name, dataOf(lost)]).toEqual(["failed", data]);
    expect(next(lost, { type: "train", settings }).name).toBe("training");
    const unread = stateAfter({ type: "read", source }, { type: "failed", job: 1 });
    expect([unread.name, dataOf(unread)]).toEqual(["failed", undefined]);
  });

  it("know whether there is a run", () => {
    expect(isRunning(stateAfter(...training))).toBe(true);
    expect(isRunning(stateAfter(...training, { type: "paused", job: 2 }))).toBe(true);
    expect(isRunning(stateAfter(...training, { type: "trained", job: 2 }))).toBe(false);
  });
});

describe("titles", () => {
  const titles = file("titles.json");

  it("that came before their items are read with them, also after a file that could not be read", () => {
    const waiting = stateAfter({ type: "titles", file: titles }, { type: "read", source }, { type: "failed", job: 1 });
    const reading = next(waiting, { type: "read", source });
    expect(reading).toMatchObject({ name: "reading", source: { ...source, labels: titles } });
    expect(lateTitles(reading)).toBeUndefined();
    expect(next(reading, { type: "opened", job: 2, data }).titles).toBeUndefined();
  });

  it("that come while the items are read come after them", () => {
    const reading = stateAfter({ type: "read", source }, { type: "titles", file: titles });
    expect(lateTitles(reading)).toBe(titles);
  });

  it("are not those of a sample, nor asked for where there are items", () => {
    expect(stateAfter({ type: "titles", file: titles }, { type: "read", source: sample }).titles).toBeUndefined();
    const ready = stateAfter(...opened);
    expect(next(ready, { type: "titles", file: titles })).toBe(ready);
    expect(dataOf(next(ready, { type: "named", data: { ...data, rows: 4 } }))?.rows).toBe(4);
  });
});
