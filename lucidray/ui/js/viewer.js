// The film on a canvas: zoom, pan, turn, window. What lies on the film is drawn by layers in the film's own pixels.

/* global Konva */

const LARGEST_ZOOM = 40;

export class Viewer {
  /**
   * @param {HTMLElement} container - an empty element with a size
   * @param {{label: string, onwindow?: Function, onview?: Function}} options
   */
  constructor(container, { label, onwindow, onview } = {}) {
    this.container = container;
    this.onwindow = onwindow;
    this.onview = onview;
    this.tool = "window";
    this.turns = 0;
    this.painters = [];
    container.setAttribute("tabindex", "0");
    container.setAttribute("role", "application");
    container.setAttribute("aria-label", label);
    this.stage = new Konva.Stage({ container, width: container.clientWidth || 300, height: container.clientHeight || 300 });
    this.base = this.stage.getLayers()[0] ?? new Konva.Layer();
    this.over = new Konva.Layer();
    this.stage.add(this.base, this.over);
    this.film = new Konva.Group();
    this.marks = new Konva.Group();
    this.base.add(this.film);
    this.over.add(this.marks);
    this.pointers = new Map();
    this.listen();
    this.observer = new ResizeObserver(() => this.resized());
    this.observer.observe(container);
  }

  destroy() {
    this.observer.disconnect();
    this.stage.destroy();
  }

  /**
   * Show a film.
   * @param {import("./pixels.js").Pixels} pixels
   * @param {{width: number, height: number}} size - of the stored image, to which all boxes refer
   * @param {{turns: number, inverted: boolean}} asRead - clockwise quarter turns and inversion that make it upright
   */
  show(pixels, { width, height }, asRead = { turns: 0, inverted: false }) {
    this.pixels = pixels;
    this.asRead = asRead;
    this.size = { width, height };
    this.film.destroyChildren();
    this.image = new Konva.Image({ image: pixels.canvas, width, height, listening: false });
    this.film.add(this.image);
    this.reset();
  }

  /** Add something that paints in film pixels: {group, zoomed(scale)}. */
  add(painter) {
    this.painters.push(painter);
    this.marks.add(painter.group);
    painter.zoomed?.(this.scale);
    this.over.batchDraw();
  }

  get scale() {
    return Math.abs(this.film.scaleX());
  }

  place({ x, y, scale, turns }) {
    this.turns = turns ?? this.turns;
    for (const group of [this.film, this.marks]) {
      group.position({ x, y });
      group.scale({ x: scale, y: scale });
      group.rotation(90 * this.turns);
    }
    for (const painter of this.painters) painter.zoomed?.(scale);
    this.stage.batchDraw();
    this.onview?.(this.view());
  }

  /** Zoom and middle as shares of the film, which another viewer can follow whatever its size. */
  view() {
    const middle = this.film.getAbsoluteTransform().copy().invert().point({ x: this.stage.width() / 2, y: this.stage.height() / 2 });
    return { zoom: this.scale / this.fitScale(), x: middle.x / this.size.width, y: middle.y / this.size.height, turns: this.turns };
  }

  follow({ zoom, x, y, turns }) {
    if (!this.size) return;
    this.turns = turns;
    const scale = zoom * this.fitScale();
    const angle = (turns * Math.PI) / 2;
    const [dx, dy] = [x * this.size.width * scale, y * this.size.height * scale];
    const told = this.onview;
    this.onview = null;
    this.place({
      x: this.stage.width() / 2 - (dx * Math.cos(angle) - dy * Math.sin(angle)),
      y: this.stage.height() / 2 - (dx * Math.sin(angle) + dy * Math.cos(angle)),
      scale,
      turns,
    });
    this.onview = told;
  }

  fitScale() {
    const { width, height } = this.turns % 2 ? { width: this.size.height, height: this.size.width } : this.size;
    return Math.min(this.stage.width() / width, this.stage.height() / height);
  }

  /** The whole film, as it was read: upright, with the window that it came with. */
  reset() {
    this.turns = this.asRead.turns;
    if (this.pixels.inverted !== this.asRead.inverted) this.pixels.invert();
    this.pixels.set(this.pixels.presets.film);
    this.onwindow?.(this.pixels);
    this.fit();
  }

  fit() {
    this.follow({ zoom: 1, x: 0.5, y: 0.5, turns: this.turns });
    this.onview?.(this.view());
  }

  turn() {
    const before = this.view();
    this.follow({ ...before, turns: (this.turns + 1) % 4 });
    this.onview?.(this.view());
  }

  invert() {
    this.pixels.invert();
    this.base.batchDraw();
    this.onwindow?.(this.pixels);
  }

  windowTo(window) {
    this.pixels.set(window);
    this.base.batchDraw();
    this.onwindow?.(this.pixels);
  }

  /** Zoom by a factor about a point of the stage, its middle where none is given. */
  zoom(factor, about) {
    const point = about ?? { x: this.stage.width() / 2, y: this.stage.height() / 2 };
    const scale = Math.min(LARGEST_ZOOM, Math.max(0.2 * this.fitScale(), this.scale * factor));
    const share = scale / this.scale;
    const at = this.film.position();
    this.place({ x: point.x - (point.x - at.x) * share, y: point.y - (point.y - at.y) * share, scale });
  }

  pan(dx, dy) {
    const at = this.film.position();
    this.place({ x: at.x + dx, y: at.y + dy, scale: this.scale });
  }

  /** Where on the film the pointer is, in film pixels; null outside. */
  pointer() {
    const position = this.stage.getPointerPosition();
    if (!position || !this.size) return null;
    const point = this.film.getAbsoluteTransform().copy().invert().point(position);
    const inside = point.x >= 0 && point.y >= 0 && point.x <= this.size.width && point.y <= this.size.height;
    return inside ? point : null;
  }

  /** Take over the pointer for a tool that draws: {begin(point), move(point), end(point)}. */
  use(tool, drawer = null) {
    this.tool = tool;
    this.drawer = drawer;
    this.container.dataset.tool = tool;
  }

  resized() {
    const { clientWidth, clientHeight } = this.container;
    if (!clientWidth || !clientHeight) return;
    const before = this.size && this.view();
    this.stage.size({ width: clientWidth, height: clientHeight });
    if (before) this.follow(before);
  }

  listen() {
    let last = null;
    let drawing = false;
    this.stage.on("wheel", (event) => {
      if (!this.size) return;
      event.evt.preventDefault();
      this.zoom(Math.exp(-event.evt.deltaY / (event.evt.ctrlKey ? 120 : 500)), this.stage.getPointerPosition());
    });
    this.stage.on("pointerdown", (event) => {
      this.container.focus({ preventScroll: true });
      this.pointers.set(event.evt.pointerId, { x: event.evt.clientX, y: event.evt.clientY });
      if (event.target.draggable?.() || event.target.getParent?.()?.className === "Transformer") return;
      last = { x: event.evt.clientX, y: event.evt.clientY };
      const point = this.pointer();
      if (this.drawer && this.pointers.size === 1 && point && event.evt.button === 0) {
        drawing = true;
        this.drawer.begin(point);
      }
    });
    const moved = (event) => {
      if (!last || !this.pixels) return;
      const now = { x: event.clientX, y: event.clientY };
      if (this.pointers.size === 2 && this.pointers.has(event.pointerId)) {
        this.pinch(event.pointerId, now);
        return;
      }
      this.pointers.set(event.pointerId, now);
      const [dx, dy] = [now.x - last.x, now.y - last.y];
      last = now;
      if (drawing) {
        this.stage.setPointersPositions(event);
        this.drawer.move(this.pointer());
      } else if (this.tool === "pan" || event.buttons & 6 || event.shiftKey) this.pan(dx, dy);
      else if (this.tool === "window") this.drag(dx, dy);
    };
    const ended = (event) => {
      this.pointers.delete(event.pointerId);
      if (drawing) {
        drawing = false;
        this.drawer.end(this.pointer());
      }
      last = null;
    };
    this.container.addEventListener("pointermove", moved);
    for (const name of ["pointerup", "pointercancel", "pointerleave"]) this.container.addEventListener(name, ended);
    this.container.addEventListener("contextmenu", (event) => event.preventDefault());
  }

  pinch(id, now) {
    const [other] = [...this.pointers].filter(([key]) => key !== id).map(([, point]) => point);
    const before = this.pointers.get(id);
    const length = (a, b) => Math.hypot(a.x - b.x, a.y - b.y);
    const frame = this.container.getBoundingClientRect();
    const middle = { x: (now.x + other.x) / 2 - frame.left, y: (now.y + other.y) / 2 - frame.top };
    this.zoom(length(now, other) / Math.max(1, length(before, other)), middle);
    this.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
    this.pointers.set(id, now);
  }

  /** Window by drag, as on every workstation: right is wider, up is brighter. */
  drag(dx, dy) {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.base.batchDraw();
      this.onwindow?.(this.pixels);
    });
    this.pixels.drag(dx / 800, -dy / 800);
  }
}
