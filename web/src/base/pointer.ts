/** Reports where a mouse or pen is over an element, once per frame; undefined when it has left. */
export function hoverAt(element: HTMLElement, tell: (at: { x: number; y: number } | undefined) => void): void {
  let at: { x: number; y: number } | undefined;
  let scheduled = false;
  const schedule = (next: typeof at) => {
    at = next;
    if (scheduled) return;
    scheduled = true;
    requestAnimationFrame(() => {
      scheduled = false;
      tell(at);
    });
  };
  element.addEventListener("pointermove", (event) => {
    if (event.pointerType !== "touch") schedule({ x: event.offsetX, y: event.offsetY });
  });
  element.addEventListener("pointerleave", () => schedule(undefined));
}
