import type { Camera } from "./camera.ts";

export interface GestureHandlers {
  /** The view has changed. */
  moved(): void;
  /** A click or tap at a pixel. */
  tapped(x: number, y: number): void;
  /** The outline that is being drawn, in pixels; `ended` when it is whole. */
  outlined(outline: readonly number[], ended: boolean): void;
  /** A wheel was turned that scrolls the page, although it may have been meant for the map. */
  scrolledPast(): void;
  /** Escape: what is selected is given up. */
  escaped(): void;
}

/** Pixels that a press may move before it becomes a drag. */
const SLACK = 4;
const STEP = 60;

/**
 * Wheel, pinch, drag and keys on a map. A page that scrolls is not held up by a map in its way: the wheel zooms with Ctrl or ⌘ (a pinch on
 * a trackpad comes as that), or once the map has the focus. A finger scrolls the page up and down; two fingers move the map.
 */
export class Gestures {
  /** Whether a drag draws an outline instead of moving the map. */
  drawing = false;
  private readonly element: HTMLElement;
  private readonly camera: Camera;
  private readonly handlers: GestureHandlers;
  private readonly fingers = new Map<number, { x: number; y: number }>();
  private start: { x: number; y: number } | undefined;
  private dragged = false;
  private outline: number[] = [];

  constructor(element: HTMLElement, camera: Camera, handlers: GestureHandlers) {
    this.element = element;
    this.camera = camera;
    this.handlers = handlers;
    element.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    element.addEventListener("pointerdown", (event) => this.press(event));
    element.addEventListener("pointermove", (event) => this.move(event));
    element.addEventListener("pointerup", (event) => this.release(event, true));
    element.addEventListener("pointercancel", (event) => this.release(event, false));
    element.addEventListener("keydown", (event) => this.key(event));
    element.addEventListener("dblclick", (event) => {
      const { x, y } = this.at(event);
      camera.zoomAt(event.shiftKey ? 0.5 : 2, x, y);
      handlers.moved();
    });
  }

  get isDragging(): boolean {
    return this.dragged && this.fingers.size > 0;
  }

  private at(event: MouseEvent): { x: number; y: number } {
    const { left, top } = this.element.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  }

  private wheel(event: WheelEvent): void {
    const isMeant = event.ctrlKey || event.metaKey || this.element.contains(document.activeElement);
    if (!isMeant) {
      this.handlers.scrolledPast();
      return;
    }
    event.preventDefault();
    const { x, y } = this.at(event);
    const lines = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
    // A pinch comes in small steps, the notch of a wheel in one of about 100.
    const turn = Math.min(120, Math.max(-120, event.deltaY * lines)) * (event.ctrlKey ? 0.01 : 0.003);
    this.camera.zoomAt(Math.exp(-turn), x, y);
    this.handlers.moved();
  }

  private press(event: PointerEvent): void {
    if (event.button > 0 || (event.target as Element).closest("button, select, a, label")) return;
    const at = this.at(event);
    this.fingers.set(event.pointerId, at);
    if (this.fingers.size > 1) {
      this.outline = [];
      this.dragged = true;
    } else {
      this.start = at;
      this.dragged = false;
      if (this.drawing || (event.shiftKey && event.pointerType === "mouse")) this.outline = [at.x, at.y];
    }
  }

  private move(event: PointerEvent): void {
    const before = this.fingers.get(event.pointerId);
    if (!before) return;
    const at = this.at(event);
    if (!this.dragged && this.start && Math.hypot(at.x - this.start.x, at.y - this.start.y) < SLACK) return;
    if (!this.dragged) {
      this.dragged = true;
      this.element.setPointerCapture(event.pointerId);
    }
    const other = [...this.fingers].find(([id]) => id !== event.pointerId)?.[1];
    this.fingers.set(event.pointerId, at);
    if (this.outline.length > 0) {
      if (Math.hypot(at.x - this.outline.at(-2)!, at.y - this.outline.at(-1)!) < 3) return;
      this.outline.push(at.x, at.y);
      this.handlers.outlined(this.outline, false);
      return;
    }
    if (other) {
      const factor = Math.hypot(at.x - other.x, at.y - other.y) / Math.hypot(before.x - other.x, before.y - other.y);
      this.camera.zoomAt(
        Number.isFinite(factor) && factor > 0 ? factor : 1,
        (at.x + other.x) / 2,
        (at.y + other.y) / 2,
      );
      this.camera.panBy((at.x - before.x) / 2, (at.y - before.y) / 2);
    } else this.camera.panBy(at.x - before.x, at.y - before.y);
    this.handlers.moved();
  }

  private release(event: PointerEvent, whole: boolean): void {
    if (!this.fingers.delete(event.pointerId)) return;
    const { outline } = this;
    this.outline = [];
    if (outline.length > 0 && this.dragged) this.handlers.outlined(whole ? outline : [], true);
    else if (whole && !this.dragged && this.start) this.handlers.tapped(this.start.x, this.start.y);
  }

  private key(event: KeyboardEvent): void {
    if (event.target !== this.element || event.altKey || event.ctrlKey || event.metaKey) return;
    const { camera } = this;
    const moves: Record<string, () => void> = {
      ArrowLeft: () => camera.panBy(STEP, 0),
      ArrowRight: () => camera.panBy(-STEP, 0),
      ArrowUp: () => camera.panBy(0, STEP),
      ArrowDown: () => camera.panBy(0, -STEP),
      "+": () => camera.zoomAt(1.5, camera.width / 2, camera.height / 2),
      "=": () => camera.zoomAt(1.5, camera.width / 2, camera.height / 2),
      "-": () => camera.zoomAt(1 / 1.5, camera.width / 2, camera.height / 2),
      Home: () => camera.showAll(),
      "0": () => camera.showAll(),
    };
    if (event.key === "Escape") this.handlers.escaped();
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    move();
    this.handlers.moved();
  }
}
