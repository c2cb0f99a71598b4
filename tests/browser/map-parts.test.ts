/** Parts of the map that need no page. */
import type { RQVAE } from "rqvae";
import { describe, expect, it, vi } from "vitest";
import { turned, turnTowards } from "../../web/src/lab/layout/align.ts";
import { measureKept } from "../../web/src/lab/layout/kept-neighbours.ts";
import { type LayoutEvent, makeLayout } from "../../web/src/lab/layout/make-layout.ts";
import { nearestAmong, nearestOf } from "../../web/src/lab/layout/neighbours.ts";
import { followDirections, widestDirections } from "../../web/src/lab/layout/projection.ts";
import { spread } from "../../web/src/lab/layout/spread.ts";
import { layOut } from "../../web/src/lab/layout/umap.ts";
import { LiveFrames } from "../../web/src/lab/live-frames.ts";
import type { LiveFrame } from "../../web/src/lab/types.ts";
import { Vectors } from "../../web/src/lab/vectors.ts";
import { Camera } from "../../web/src/map/camera.ts";
import { stampDots } from "../../web/src/map/dots.ts";
import { glyphZooms } from "../../web/src/map/glyph-zoom.ts";
import { type MapLabel, placeLabels } from "../../web/src/map/labels.ts";
import { pointsInside } from "../../web/src/map/lasso.ts";
import { placeAmong } from "../../web/src/map/place-among.ts";
import { PointGrid } from "../../web/src/map/point-grid.ts";
import { addFrame, MOST_FRAMES } from "../../web/src/training/film.ts";
import { catalogue, generator } from "../js/support/catalogue.ts";

const rowsOf = (n: number, dim: number) => ({ data: catalogue(n, dim).data, dim });
const all = (n: number) => Uint32Array.from({ length: n }, (_, i) => i);

/** x, y of points that are anywhere from -1 to 1. */
function scattered(n: number, seed = 3): Float32Array {
  const next = generator(seed);
  return Float32Array.from({ length: 2 * n }, () => next());
}

/** The k nearest others of a row, by comparing all distances in double precision. */
function bruteForce(data: Float32Array, dim: number, i: number, k: number): number[] {
  const distance = (j: number) => {
    let sum = 0;
    for (let d = 0; d < dim; d++) sum += (data[i * dim + d]! - data[j * dim + d]!) ** 2;
    return sum;
  };
  return [...all(data.length / dim)]
    .filter((j) => j !== i)
    .map((j) => [distance(j), j] as const)
    .sort((a, b) => a[0] - b[0] || a[1] - b[1])
    .slice(0, k)
    .map(([, j]) => j);
}

describe("the search for neighbours", () => {
  it("equals brute force", () => {
    const rows = rowsOf(500, 7);
    rows.data.copyWithin(7 * 40, 7 * 41, 7 * 42); // two that are the same
    const { k, indices, distances } = nearestOf(rows, all(500), 12);
    expect(k).toBe(12);
    for (let i = 0; i < 500; i++) {
      expect([...indices.subarray(12 * i, 12 * i + 12)]).toEqual(bruteForce(rows.data, 7, i, 12));
      expect([...distances.subarray(12 * i, 12 * i + 12)]).toEqual(
        [...distances.subarray(12 * i, 12 * i + 12)].sort((a, b) => a - b),
      );
    }
  });

  it("never gives more neighbours than there are", () => {
    expect(nearestOf(rowsOf(4, 3), all(4), 12).k).toBe(3);
  });

  it("among groups finds nearly all of them", () => {
    const rows = rowsOf(3000, 6);
    const others = { data: rows.data.map((x, i) => x + 0.01 * ((i * 7) % 5)), dim: 6 };
    const { k, indices } = nearestAmong(rows, others, 5);
    const joint = new Float32Array(6 * 3001);
    joint.set(rows.data);
    let found = 0;
    for (let i = 0; i < 3000; i += 10) {
      joint.set(others.data.subarray(6 * i, 6 * i + 6), 6 * 3000);
      const truth = bruteForce(joint, 6, 3000, 5);
      found += truth.filter((j) => indices.subarray(k * i, k * i + k).includes(j)).length;
    }
    expect(found / (300 * 5)).toBeGreaterThan(0.9);
  });
});

describe("the layout by neighbours", () => {
  const done = (n: number, seed: number, dim = 8) => {
    const events: LayoutEvent[] = [];
    makeLayout({ latents: rowsOf(n, dim).data, dim, seed }, (event) => events.push(event));
    return events;
  };
  const layoutOf = (events: LayoutEvent[]) => {
    const last = events.at(-1)!;
    return last.kind === "done" ? last.layout : undefined;
  };

  it("is the same for the same seed, and another for another", () => {
    const [first, again, other] = [done(150, 1), done(150, 1), done(150, 2)].map((events) => layoutOf(events)!.points);
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
    expect(first!.every(Number.isFinite)).toBe(true);
    expect(Math.max(...first!.map(Math.abs))).toBeCloseTo(1, 5);
  });

  it("begins with the widest directions, whose neighbours are kept less often than its own", () => {
    const events = done(300, 1, 12);
    expect(events[0]!.kind).toBe("plane");
    const plane = events.find((event) => event.kind === "planeKept")!;
    expect(layoutOf(events)!.kept.amongFifty).toBeGreaterThan(
      plane.kind === "planeKept" ? plane.kept.amongFifty : Infinity,
    );
  });

  it("leaves a handful of items where the widest directions have them", () => {
    for (const n of [1, 2, 3, 15]) {
      const events = done(n, 1);
      expect(events.map(({ kind }) => kind)).toEqual(["plane", "done"]);
      expect(layoutOf(events)).toBeUndefined();
    }
    expect(layoutOf(done(16, 1))!.points).toHaveLength(32);
  });

  it("has finite places for items that are all the same", () => {
    const events: LayoutEvent[] = [];
    makeLayout({ latents: new Float32Array(40 * 4).fill(2), dim: 4, seed: 1 }, (event) => events.push(event));
    expect(layoutOf(events)!.points.every(Number.isFinite)).toBe(true);
  });

  it("brings two clouds apart together within themselves", () => {
    const next = generator(9);
    const data = Float32Array.from({ length: 200 * 5 }, (_, i) => next() + (i < 100 * 5 ? 0 : 8));
    const neighbours = nearestOf({ data, dim: 5 }, all(200), 10);
    const points = layOut(neighbours, scattered(200), 1, () => {});
    // The nearest on the map of each is of its own cloud.
    const grid = new PointGrid(points);
    let own = 0;
    for (let i = 0; i < 200; i++) {
      const nearest = grid.nearest(points[2 * i]!, points[2 * i + 1]!, 4, (j) => j !== i);
      if (nearest < 100 === i < 100) own++;
    }
    expect(own).toBeGreaterThan(195);
  });

  it("is spread without changing the order along its axes", () => {
    const points = scattered(400).map((x) => x ** 3);
    const even = spread(points);
    for (const axis of [0, 1]) {
      const order = (of: Float32Array) => [...all(400)].sort((a, b) => of[2 * a + axis]! - of[2 * b + axis]!);
      expect(order(even)).toEqual(order(points));
    }
  });
});

describe("the number that says how far to trust a map", () => {
  it("equals counting", () => {
    const n = 300;
    const rows = rowsOf(n, 5);
    const points = scattered(n, 4);
    const asked = all(n).filter((i) => i % 3 === 0);
    const kept = measureKept(points, asked, nearestOf(rows, asked, 10));
    let [ten, fifty] = [0, 0];
    for (const i of asked) {
      const onMap = bruteForce(points, 2, i, 50);
      for (const j of bruteForce(rows.data, 5, i, 10)) {
        if (onMap.slice(0, 10).includes(j)) ten++;
        if (onMap.includes(j)) fifty++;
      }
    }
    expect(kept.amongTen).toBeCloseTo(ten / (10 * asked.length), 9);
    expect(kept.amongFifty).toBeCloseTo(fifty / (10 * asked.length), 9);
    expect(kept.asked).toBe(100);
  });

  it("is whole for a map that is the space itself", () => {
    const points = scattered(100);
    const kept = measureKept(points, all(100), nearestOf({ data: points, dim: 2 }, all(100), 10));
    expect(kept.amongTen).toBeCloseTo(1, 9);
  });
});

describe("pictures of a training", () => {
  it("follow the widest directions as if they were found anew", () => {
    const { data } = rowsOf(400, 6);
    for (let i = 0; i < data.length; i++) data[i]! *= [6, 3, 1, 0.5, 0.2, 0.1][i % 6]!;
    const before = widestDirections(data, 6);
    const moved = data.map((x, i) => x + 0.3 * data[(i + 1) % data.length]!);
    const anew = widestDirections(moved, 6);
    const followed = [1, 2, 3].reduce((directions) => followDirections(directions, moved, 6), before);
    for (const k of [0, 1]) {
      const cosine = anew.axes[k]!.reduce((sum, x, j) => sum + x * followed.axes[k]![j]!, 0);
      expect(Math.abs(cosine)).toBeGreaterThan(0.99);
    }
  });

  it("take a twentieth of the training at most, however slow they are", async () => {
    const { data } = rowsOf(60, 4);
    const read = (first: number, count: number) => data.subarray(4 * first, 4 * (first + count));
    const frames = await LiveFrames.of(new Vectors({ rows: 60, dim: 4, read }));
    let now = 0;
    const clock = vi.spyOn(performance, "now").mockImplementation(() => now);
    try {
      const model = {
        config: { latentDim: 4 },
        latents: () => {
          now += 80;
          return data;
        },
        codebooks: () => [data.slice(0, 4 * 6)],
      } as unknown as RQVAE;
      const taken: LiveFrame[] = [];
      const start = now;
      for (let epoch = 0; epoch < 500; epoch++) {
        if (frames.isDue(now - start)) taken.push(frames.take(model, epoch));
        now += 100;
      }
      expect(taken.length).toBeGreaterThan(25);
      expect(taken[0]!.epoch).toBe(0);
      expect(80 * taken.length).toBeLessThanOrEqual(0.05 * (now - start) + 80);
      // The items are where they were: nothing turns or flips when nothing has changed.
      for (const { points } of taken.slice(1))
        expect(Math.max(...points.map((x, i) => Math.abs(x - taken[0]!.points[i]!)))).toBeLessThan(400);
      expect(taken[0]!.codes.every((code) => code < 6)).toBe(true);
    } finally {
      clock.mockRestore();
    }
  });

  it("are turned back, whether they were turned or mirrored", () => {
    const points = scattered(50);
    const [cos, sin] = [Math.cos(2), Math.sin(2)];
    for (const turn of [
      [cos, -sin, sin, cos],
      [cos, sin, sin, -cos],
      [-1, 0, 0, 1],
    ] as [number, number, number, number][]) {
      const other = turned(points, turn);
      const back = turned(other, turnTowards(other, points));
      for (let i = 0; i < points.length; i++) expect(back[i]).toBeCloseTo(points[i]!, 5);
    }
  });

  it("are bounded in number, and spread over the run", () => {
    let film: { epoch: number }[] = [];
    for (let epoch = 0; epoch < 1000; epoch++) {
      film = addFrame(film, { epoch });
      expect(film.length).toBeLessThanOrEqual(MOST_FRAMES);
      expect([film[0]!.epoch, film.at(-1)!.epoch]).toEqual([0, epoch]);
    }
    expect(film).toHaveLength(MOST_FRAMES);
    const gaps = film.slice(1).map(({ epoch }, i) => epoch - film[i]!.epoch);
    expect(Math.min(...gaps)).toBeGreaterThan(0);
    expect(Math.max(...gaps)).toBeLessThan(70);
  });
});

describe("the camera", () => {
  const camera = () => Object.assign(new Camera(), { width: 800, height: 500 });

  it("keeps what is under the pointer while it zooms", () => {
    const view = camera();
    const at = view.toMap(300, 200);
    view.zoomAt(3, 300, 200);
    expect(view.toScreenX(at[0])).toBeCloseTo(300, 6);
    expect(view.toScreenY(at[1])).toBeCloseTo(200, 6);
  });

  it("never leaves the points, and shows all of them at the end", () => {
    const view = camera();
    view.zoomAt(4, 400, 250);
    view.panBy(99_999, -99_999);
    expect([view.x, view.y]).toEqual([-0.75, 0.75]);
    view.zoomAt(0.0001, 10, 10);
    expect([view.k, view.x, view.y]).toEqual([1, 0, 0]);
  });

  it("brings a point into view only if it is not", () => {
    const view = camera();
    expect(view.reveal(0.9, 0.9)).toBe(false);
    view.zoomAt(10, 400, 250);
    expect(view.reveal(0.9, 0.9)).toBe(true);
    expect(view.toScreenX(0.9)).toBeLessThan(800);
    expect(view.toScreenY(0.9)).toBeLessThan(500);
  });
});

describe("points by their places", () => {
  it("are found as by brute force, with few looked at", () => {
    const points = scattered(20_000);
    const grid = new PointGrid(points);
    const next = generator(8);
    for (let trial = 0; trial < 200; trial++) {
      const [x, y] = [1.1 * next(), 1.1 * next()];
      let best = -1;
      let least = 0.03 ** 2;
      for (let i = 0; i < 20_000; i++) {
        const distance = (points[2 * i]! - x) ** 2 + (points[2 * i + 1]! - y) ** 2;
        if (distance < least) [best, least] = [i, distance];
      }
      expect(grid.nearest(x, y, 0.03)).toBe(best);
      expect(grid.looked).toBeLessThan(300);
    }
    expect(new PointGrid(new Float32Array()).nearest(0, 0, 1)).toBe(-1);
  });

  it("are inside an outline as by the even-odd rule over every edge", () => {
    const points = scattered(5000);
    const grid = new PointGrid(points);
    const next = generator(6);
    for (let trial = 0; trial < 20; trial++) {
      // A star around somewhere, which may cross itself.
      const corners = 3 + Math.floor(20 * (next() + 1));
      const [x, y] = [0.5 * next(), 0.5 * next()];
      const outline = Array.from({ length: corners }, (_, i) => {
        const [angle, radius] = [(6.28 * 2 * i) / corners, 0.1 + 0.4 * (next() + 1)];
        return [x + radius * Math.cos(angle), y + radius * Math.sin(angle)];
      }).flat();
      const inside = [...all(5000)].filter((point) => {
        const [px, py] = [points[2 * point]!, points[2 * point + 1]!];
        let odd = false;
        for (let i = 0; i < corners; i++) {
          const j = (i + 1) % corners;
          const [ax, ay, bx, by] = [outline[2 * i]!, outline[2 * i + 1]!, outline[2 * j]!, outline[2 * j + 1]!];
          if (ay > py !== by > py && px < ax + ((bx - ax) * (py - ay)) / (by - ay)) odd = !odd;
        }
        return odd;
      });
      expect(inside.length).toBeGreaterThan(0);
      expect([...pointsInside(points, grid, outline)]).toEqual(inside);
    }
    expect(pointsInside(points, grid, [0, 0, 1, 1])).toHaveLength(0);
  });

  it("place an item that is new between its nearest ones, at the nearest if it is the same", () => {
    const points = Float32Array.of(0, 0, 1, 0, 0, 1);
    const [x, y] = placeAmong(points, [0, 1], [1, 1]);
    expect([x, y]).toEqual([0.5, 0]);
    const same = placeAmong(points, [2, 1], [0, 1]);
    expect(same[0]).toBeCloseTo(0, 9);
    expect(same[1]).toBeCloseTo(1, 9);
  });
});

describe("the labels of a map", () => {
  const labels = Array.from({ length: 400 }, (_, i): MapLabel => {
    const [x, y] = scattered(1, i + 1);
    return { text: "label ".repeat(1 + (i % 3)), x: x!, y: y!, level: i % 3, hue: 0, prefix: [i] };
  });
  const view = (k: number) => {
    const camera = Object.assign(new Camera(), { width: 700, height: 450 });
    camera.zoomAt(k, 350, 225);
    return camera;
  };
  const measure = ({ text }: MapLabel) => 7 * text.length;

  it("never overlap, whatever the zoom, and keep out of what is reserved", () => {
    const reserved = { left: 640, top: 0, width: 60, height: 130 };
    for (const k of [1, 1.7, 3, 8, 30]) {
      const placed = placeLabels(labels, view(k), measure, [reserved]);
      if (k < 30) expect(placed.length).toBeGreaterThan(0);
      const boxes = [reserved, ...placed];
      for (const [i, a] of boxes.entries()) {
        for (const b of boxes.slice(i + 1)) {
          const apart =
            a.left >= b.left + b.width ||
            b.left >= a.left + a.width ||
            a.top >= b.top + b.height ||
            b.top >= a.top + a.height;
          expect(apart).toBe(true);
        }
        expect(a.left >= 0 && a.top >= 0 && a.left + a.width <= 700 && a.top + a.height <= 450).toBe(true);
      }
    }
  });

  it("give the first ones the first choice, and finer ones only from closer by", () => {
    expect(placeLabels(labels, view(1), measure)[0]!.label).toBe(labels[0]);
    expect(placeLabels(labels, view(1), measure).every(({ label }) => label.level === 0)).toBe(true);
    expect(placeLabels(labels, view(3), measure).some(({ label }) => label.level === 1)).toBe(true);
    expect(placeLabels(labels, view(8), measure).some(({ label }) => label.level === 2)).toBe(true);
  });
});

describe("the glyphs of a map", () => {
  it("have their room at every zoom, and only more of them appear as one comes closer", () => {
    const points = scattered(800);
    const zooms = glyphZooms(points, (i) => i % 7 !== 0, 0.1, 60);
    for (let i = 0; i < 800; i += 7) expect(zooms[i]).toBe(Infinity);
    for (const k of [1, 2, 5, 20]) {
      const shown = [...all(800)].filter((i) => zooms[i]! <= k);
      expect(shown.length).toBeGreaterThan(20);
      let least = Infinity;
      for (const [a, i] of shown.entries()) {
        for (const j of shown.slice(a + 1)) {
          const distance = Math.hypot(points[2 * i]! - points[2 * j]!, points[2 * i + 1]! - points[2 * j + 1]!);
          // The zoom at which the later one appeared is the one at which it had room.
          least = Math.min(least, distance * Math.max(zooms[i]!, zooms[j]!));
        }
      }
      expect(least).toBeGreaterThanOrEqual(0.1 - 1e-6);
    }
  });
});

describe("dots without a graphics card", () => {
  const camera = Object.assign(new Camera(), { width: 400, height: 300 });
  const picture = () => ({ width: 400, height: 300, pixels: new Uint8ClampedArray(4 * 400 * 300), ratio: 1 });
  const cloud = (points: Float32Array, lit = 1) => ({
    ...{ from: points, to: points, t: 1, version: 0 },
    colors: new Uint8Array((3 * points.length) / 2).fill(200),
    lit: new Uint8Array(points.length / 2).fill(lit),
  });

  it("are where the camera has them", () => {
    const shown = picture();
    const [x, y] = [0.25, -0.5];
    stampDots(shown, cloud(Float32Array.of(x, y)), camera, 5, [0, 1]);
    let [sumX, sumY, sum] = [0, 0, 0];
    for (let i = 0; i < 400 * 300; i++) {
      const weight = shown.pixels[4 * i]!;
      sumX += weight * ((i % 400) + 0.5);
      sumY += weight * (Math.floor(i / 400) + 0.5);
      sum += weight;
    }
    expect(Math.abs(sumX / sum - camera.toScreenX(x))).toBeLessThan(0.2);
    expect(Math.abs(sumY / sum - camera.toScreenY(y))).toBeLessThan(0.2);
    expect(sum / 200).toBeCloseTo(Math.PI * 2.5 ** 2, -1); // its area
  });

  it("of a hundred thousand cost a handful of pixels each, and those out of view none", () => {
    const points = scattered(100_000);
    expect(stampDots(picture(), cloud(points), camera, 2, [0.1, 0.8])).toBeLessThan(100_000 * 16);
    const close = Object.assign(new Camera(), { width: 400, height: 300 });
    close.zoomAt(20, 200, 150);
    expect(stampDots(picture(), cloud(points), close, 2, [0.1, 0.8])).toBeLessThan(10_000);
    expect(stampDots(picture(), cloud(scattered(5).map((x) => x + 9)), camera, 2, [0.1, 0.8])).toBe(0);
  });

  it("that are lit cover the others", () => {
    const shown = picture();
    const both = cloud(Float32Array.of(0, 0, 0, 0));
    both.colors.set([255, 0, 0, 0, 0, 255]);
    both.lit.set([1, 0]);
    stampDots(shown, both, camera, 6, [0.5, 1]);
    expect([...shown.pixels.subarray(4 * (150 * 400 + 200), 4 * (150 * 400 + 200) + 3)]).toEqual([255, 0, 0]);
  });
});
