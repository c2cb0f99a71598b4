import { scrollTo } from "./dom.ts";

const links = [...document.querySelectorAll<HTMLAnchorElement>(".steps a")];

/** Links within the page scroll it without changing its address, which holds the settings. */
export function guideSteps(): void {
  for (const link of document.querySelectorAll<HTMLAnchorElement>('a[href^="#"]')) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const target = document.querySelector<HTMLElement>(link.getAttribute("href")!);
      if (!target || target.hidden) return;
      scrollTo(target);
      const focus = target.querySelector<HTMLElement>("h2") ?? target;
      focus.tabIndex = -1;
      focus.focus({ preventScroll: true });
    });
  }
  const sections = links.map((link) => document.querySelector<HTMLElement>(link.getAttribute("href")!)!);
  const update = () => {
    let current = -1;
    sections.forEach((section, i) => {
      if (!section.hidden && section.getBoundingClientRect().top < innerHeight * 0.45) current = i;
      if (section.hidden) links[i]!.setAttribute("aria-disabled", "true");
      else links[i]!.removeAttribute("aria-disabled");
    });
    links.forEach((link, i) => {
      if (i === current) link.setAttribute("aria-current", "step");
      else link.removeAttribute("aria-current");
    });
  };
  let scheduled = false;
  const schedule = () => {
    if (scheduled) return;
    scheduled = true;
    requestAnimationFrame(() => {
      scheduled = false;
      update();
    });
  };
  addEventListener("scroll", schedule, { passive: true });
  const watcher = new MutationObserver(schedule);
  for (const section of sections) watcher.observe(section, { attributes: true, attributeFilter: ["hidden"] });
  update();
}
