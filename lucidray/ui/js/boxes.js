// Boxes of findings on the film: coloured, named, lit from the report, and movable where a person edits.

/* global Konva */

export class Boxes {
  /**
   * @param {{onselect?: Function, onhover?: Function, onchange?: Function}} listeners
   * @param {{width: number, height: number}} size - of the film, in pixels
   */
  constructor(size, listeners = {}) {
    this.size = size;
    this.listeners = listeners;
    this.group = new Konva.Group();
    this.shapes = new Map();
    this.editable = false;
    this.scale = 1;
    this.transformer = new Konva.Transformer({
      rotateEnabled: false,
      flipEnabled: false,
      keepRatio: false,
      ignoreStroke: true,
      anchorSize: 10,
      anchorCornerRadius: 5,
      borderDash: [4, 4],
    });
    this.group.add(this.transformer);
  }

  /**
   * Draw boxes.
   * @param {Array<{id: string, text: string, colour: string, ink: string, box: number[], dashed?: boolean, faint?: boolean}>} boxes
   */
  set(boxes) {
    for (const { rect, tag } of this.shapes.values()) {
      rect.destroy();
      tag.destroy();
    }
    this.shapes.clear();
    for (const one of boxes) this.shapes.set(one.id, this.make(one));
    this.transformer.nodes([]);
    this.transformer.moveToTop();
    this.zoomed(this.scale);
  }

  make({ id, text, colour, ink, box, dashed, faint }) {
    const [x0, y0, x1, y1] = box;
    const rect = new Konva.Rect({
      id,
      x: x0,
      y: y0,
      width: x1 - x0,
      height: y1 - y0,
      stroke: colour,
      strokeWidth: 2,
      strokeScaleEnabled: false,
      dash: dashed ? [6, 5] : [],
      fill: "rgba(0,0,0,0.001)",
      draggable: this.editable,
    });
    const tag = new Konva.Label({ x: x0, y: y0, listening: false });
    tag.add(new Konva.Tag({ fill: colour, cornerRadius: 2 }), new Konva.Text({ text, fontSize: 12, padding: 3, fill: ink, fontFamily: "system-ui, sans-serif" }));
    rect.on("pointerenter", () => this.listeners.onhover?.(id));
    rect.on("pointerleave", () => this.listeners.onhover?.(null));
    rect.on("pointerclick", () => this.select(id));
    rect.on("dragmove transform", () => tag.position(rect.position()));
    rect.on("dragend transformend", () => this.changed(id));
    this.group.add(rect, tag);
    rect.visible(!faint);
    tag.visible(!faint);
    return { rect, tag, faint };
  }

  changed(id) {
    const { rect } = this.shapes.get(id);
    const width = rect.width() * rect.scaleX();
    const height = rect.height() * rect.scaleY();
    rect.scale({ x: 1, y: 1 });
    const x0 = Math.max(0, Math.min(rect.x(), this.size.width - 4));
    const y0 = Math.max(0, Math.min(rect.y(), this.size.height - 4));
    const x1 = Math.min(this.size.width, Math.max(x0 + 4, rect.x() + width));
    const y1 = Math.min(this.size.height, Math.max(y0 + 4, rect.y() + height));
    this.listeners.onchange?.(id, [x0, y0, x1, y1].map((edge) => Math.round(edge * 10) / 10));
  }

  /** Move the edges of a box by whole pixels of the film, [left, top, right, bottom]. */
  nudge(id, [left, top, right, bottom]) {
    const shape = this.shapes.get(id);
    if (!shape || !this.editable) return;
    const { rect, tag } = shape;
    const [x, y] = [rect.x() + left, rect.y() + top];
    const [width, height] = [rect.width() + right - left, rect.height() + bottom - top];
    if (width < 4 || height < 4 || x < 0 || y < 0 || x + width > this.size.width || y + height > this.size.height) return;
    rect.setAttrs({ x, y, width, height });
    tag.position({ x, y });
    this.changed(id);
    this.group.getLayer()?.batchDraw();
  }

  select(id) {
    const shape = this.shapes.get(id);
    if (this.editable) {
      // Boxes lie over one another: the chosen one comes on top, so that a drag takes it and no other.
      shape?.rect.moveToTop();
      shape?.tag.moveToTop();
      this.transformer.moveToTop();
      this.transformer.nodes(shape ? [shape.rect] : []);
    }
    this.listeners.onselect?.(id);
    this.group.getLayer()?.batchDraw();
  }

  edit(allowed) {
    this.editable = allowed;
    for (const { rect } of this.shapes.values()) rect.draggable(allowed);
    if (!allowed) this.transformer.nodes([]);
  }

  /** Light some boxes and dim the others; an empty set lights none and dims none. */
  light(ids) {
    for (const [id, { rect, tag, faint: hidden }] of this.shapes) {
      const lit = ids.has(id);
      rect.visible(lit || !hidden);
      tag.visible(lit || !hidden);
      rect.strokeWidth(lit ? 4 : 2);
      rect.fill(lit ? "rgba(255,255,255,0.14)" : "rgba(0,0,0,0.001)");
      const faint = ids.size > 0 && !lit ? 0.3 : 1;
      rect.opacity(faint);
      tag.opacity(faint);
    }
    this.group.getLayer()?.batchDraw();
  }

  zoomed(scale) {
    this.scale = scale;
    for (const { rect, tag } of this.shapes.values()) {
      tag.scale({ x: 1 / scale, y: 1 / scale });
      // The name stands above its box, and inside it where the film ends.
      const above = tag.height() / scale;
      tag.offsetY(rect.y() > above ? tag.height() : 0);
    }
  }
}

/** Draws a new box with the pointer. */
export class BoxDrawer {
  constructor(group, done) {
    this.group = group;
    this.done = done;
  }

  begin(point) {
    this.start = point;
    this.rect = new Konva.Rect({ x: point.x, y: point.y, width: 1, height: 1, stroke: "#fff", dash: [6, 5], strokeScaleEnabled: false });
    this.group.add(this.rect);
  }

  move(point) {
    if (!point) return;
    this.last = point;
    this.rect.setAttrs({
      x: Math.min(point.x, this.start.x),
      y: Math.min(point.y, this.start.y),
      width: Math.abs(point.x - this.start.x),
      height: Math.abs(point.y - this.start.y),
    });
  }

  end() {
    const { x, y, width, height } = this.rect.attrs;
    this.rect.destroy();
    if (width > 8 && height > 8) this.done([x, y, x + width, y + height].map((edge) => Math.round(edge * 10) / 10));
  }
}
