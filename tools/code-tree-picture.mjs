// The picture at the head of the README: branches of the code tree that the README's first program learns from the emoji.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readItems } from "../dist/formats/index.js";
import { RQVAE } from "../dist/index.js";
import { ROOT } from "./setup.mjs";

const EMOJI = join(ROOT, "examples/data/emoji");
const CARDS = 6;
const ROWS = 5;
const GLYPHS = 7;

/**
 * Trains, and draws the largest branch of each of the largest groups of emoji as a card: a row for each second code.
 * @returns {Promise<string>} a page of 1200 by 600 pixels
 */
export async function codeTreePage() {
  const items = await readItems(join(EMOJI, "emoji-glovesif100.f16.npy"));
  const { titles, labels } = JSON.parse(readFileSync(join(EMOJI, "emoji.labels.json"), "utf8"));
  const model = await RQVAE.fit(items);
  const ids = model.encode(items);
  model.dispose();

  const branches = grouped([...ids].map(([first], item) => ({ key: first, item }))).map(([code, members]) => {
    const [group, most] = grouped(members.map((item) => ({ key: labels.group[item], item })))[0];
    const rows = grouped(members.map((item) => ({ key: ids.at(item)[1], item })));
    return { code, group, share: most.length / members.length, count: members.length, rows };
  });
  /** @type {Map<string, (typeof branches)[number]>} */
  const largest = new Map();
  for (const branch of branches)
    if (branch.share > 0.8 && !largest.has(branch.group)) largest.set(branch.group, branch);

  const glyph = (/** @type {number} */ item) => titles[item].split(" ")[0];
  const cards = [...largest.values()].slice(0, CARDS).map(({ code, group, count, rows }) => {
    const lines = rows.map(([second, members]) => {
      return `<p>${chip("b", second)} ${members.map((item) => `<i>${glyph(item)}</i>`).join(" ")}</p>`;
    });
    const head = `${chip("a", code)} <b>${group.replace("-", " and ")}</b> <span>${count} items</span>`;
    return `<section style="--hue: ${hue(code)}"><h2>${head}</h2>${lines.join("")}</section>`;
  });
  return `<!doctype html><meta charset="utf-8"><style>${STYLE}</style><main>${cards.join("")}</main>
    <script>${isColoured}; ${leaveOut}; leaveOut(${ROWS}, ${GLYPHS});</script>`;
}

/**
 * In the page: whether it shows an emoji in colour.
 * @param {string} glyph
 */
export function isColoured(glyph) {
  const context = new OffscreenCanvas(60, 40).getContext("2d");
  if (!context) return false;
  context.font = "30px 'Noto Color Emoji', sans-serif";
  context.fillText(glyph, 0, 32);
  const { data } = context.getImageData(0, 0, 60, 40);
  return data.some((value, i) => i % 4 === 0 && value !== data[i + 2]);
}

/**
 * In the page: leaves out emoji that are newer than the font, and what does not fit.
 * @param {number} mostRows in a card
 * @param {number} most in a row
 */
function leaveOut(mostRows, most) {
  for (const card of document.querySelectorAll("section")) {
    let rows = 0;
    for (const row of card.querySelectorAll("p")) {
      let shown = 0;
      for (const each of row.querySelectorAll("i")) {
        if (shown === most || !isColoured(each.textContent ?? "")) each.remove();
        else shown++;
      }
      if (rows === mostRows || shown < 2) row.remove();
      else rows++;
    }
  }
}

/**
 * Items by their key, the largest group first.
 * @template K
 * @param {{ key: K, item: number }[]} pairs
 * @returns {[K, number[]][]}
 */
function grouped(pairs) {
  /** @type {Map<K, number[]>} */
  const groups = new Map();
  for (const { key, item } of pairs) groups.set(key, [...(groups.get(key) ?? []), item]);
  return [...groups].sort(([, a], [, b]) => b.length - a.length);
}

/** @param {number} code */
const hue = (code) => (code * 137) % 360;

/** @param {string} level @param {number} code */
const chip = (level, code) => `<code style="--hue: ${hue(code)}">&lt;${level}_${code}></code>`;

const STYLE = `
  * { box-sizing: border-box; margin: 0; }
  body { width: 1200px; height: 600px; background: #faf9f7; color: #1a1a22; font: 20px system-ui, sans-serif; }
  main { display: grid; grid: repeat(2, 1fr) / repeat(3, 1fr); gap: 16px; padding: 16px; height: 600px; }
  section { padding: 14px 18px; background: #fff; border: 1px solid #e6e4df; border-top: 4px solid hsl(var(--hue) 60% 60%);
    border-radius: 12px; overflow: hidden; }
  h2 { display: flex; align-items: center; gap: 10px; margin-bottom: 10px; font-size: 17px; white-space: nowrap; }
  h2 span { margin-left: auto; color: #6b6b76; font-size: 15px; font-weight: 400; }
  p { margin-top: 7px; white-space: nowrap; overflow: hidden; font-size: 22px; line-height: 32px; }
  code { padding: 3px 7px; border-radius: 6px; background: hsl(var(--hue) 75% 89%); font: 15px ui-monospace, monospace; }
  i { font-family: "Noto Color Emoji", sans-serif; font-style: normal; }
  p code { margin-right: 6px; }
`;
