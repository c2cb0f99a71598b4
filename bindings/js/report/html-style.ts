/** The style of the page and its hash, the only style that the page's policy allows. */

export const STYLE = `
:root { color-scheme: light dark; --paper: #fbfbf9; --card: #fff; --ink: #1d2327; --soft: #5b666f; --line: #dde2e4; --accent: #0f6e84;
  --other: #8a97a0; --good: #1d7a46; --note: #80600a; --problem: #b3361f; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181b; --card: #1c2226; --ink: #e6eaec; --soft: #9daab3; --line: #333c42;
  --accent: #4cb8d0; --other: #7c8a94; --good: #5fc98e; --note: #dfb94e; --problem: #f08a74; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: break-word; }
main { max-width: 1080px; margin: 0 auto; padding: 24px 16px 64px; }
h1 { font-size: 28px; line-height: 1.2; margin: 8px 0 4px; text-wrap: balance; }
h2 { font-size: 20px; margin: 40px 0 4px; }
h3 { font-size: 16px; margin: 0 0 8px; }
p { margin: 0 0 12px; max-width: 72ch; }
.soft, figcaption, small { color: var(--soft); }
.lead { font-size: 18px; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(130px, 1fr)); gap: 12px; margin: 20px 0; padding: 0; }
.cards > div, .box { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px; }
.cards > div { display: flex; flex-direction: column-reverse; justify-content: flex-end; }
.cards dt { color: var(--soft); font-size: 14px; line-height: 1.35; }
.cards dd { margin: 0; font-size: 26px; font-weight: 600; font-variant-numeric: tabular-nums; }
.findings { list-style: none; margin: 0; padding: 0; display: grid; gap: 8px; }
.findings li { border-left: 4px solid var(--line); padding: 2px 0 2px 12px; max-width: 80ch; }
.findings b { display: block; font-size: 14px; }
.good { border-color: var(--good) !important; } .good b { color: var(--good); }
.note { border-color: var(--note) !important; } .note b { color: var(--note); }
.problem { border-color: var(--problem) !important; } .problem b { color: var(--problem); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 6px 8px; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; font-size: 14px; line-height: 1.3; vertical-align: bottom; }
td { white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 240px), 1fr)); gap: 16px; }
.pairs { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 320px), 1fr)); gap: 16px; }
figure { margin: 0; }
figcaption { font-size: 14px; margin-top: 8px; }
.heat { display: block; width: 100%; max-width: 320px; height: auto; }
.heat rect { fill: var(--accent); stroke: none; }
.heat .h0 { fill: none; stroke: var(--line); stroke-width: 1.5; }
.h1 { fill-opacity: .16; } .h2 { fill-opacity: .32; } .h3 { fill-opacity: .49; } .h4 { fill-opacity: .66; } .h5 { fill-opacity: .83; }
.bars { display: grid; grid-template-columns: max-content 1fr max-content; gap: 4px 10px; align-items: center; font-size: 14px;
  font-variant-numeric: tabular-nums; margin: 0; }
.bars svg { width: 100%; height: 12px; display: block; }
.bars rect { fill: var(--other); } .bars .own { fill: var(--accent); } .bars .rail { fill: var(--line); fill-opacity: .5; }
.bars .n { text-align: right; }
.legend { display: flex; flex-wrap: wrap; align-items: center; gap: 6px; font-size: 14px; color: var(--soft); margin: 0 0 12px; }
.legend svg { width: 104px; height: 14px; } .legend rect { fill: var(--accent); } .legend .h0 { fill: none; stroke: var(--line); }
details { border-bottom: 1px solid var(--line); }
details details, details ul { margin-left: 18px; } details details { border: 0; }
summary { cursor: pointer; padding: 6px 0; }
summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
details ul { list-style: none; padding: 0 0 8px 14px; margin-top: 0; }
code { font: 14px/1.4 ui-monospace, monospace; color: var(--accent); white-space: nowrap; }
.count { color: var(--soft); font-variant-numeric: tabular-nums; }
`;

/** The hash of STYLE, for a content security policy. */
export const STYLE_HASH = "sha256-GIgQq24NCo5DnSDPTFPfRWGb7xnITiPIXTNxxycNtyA=";
