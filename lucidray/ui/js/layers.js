// What can be laid over the film: a finding's heatmap, the organs' outlines with the heart's line, and a ruler.

/* global Konva */

export class HeatLayer {
  constructor(size) {
    this.size = size;
    this.group = new Konva.Group({ listening: false });
    this.opacity = 0.45;
  }

  /** Show a picture over the whole film, or nothing. */
  show(image) {
    this.group.destroyChildren();
    if (image) this.group.add(new Konva.Image({ image, width: this.size.width, height: this.size.height, opacity: this.opacity }));
    this.group.getLayer()?.batchDraw();
  }

  fade(opacity) {
    this.opacity = opacity;
    this.group.getChildren().forEach((child) => child.opacity(opacity));
    this.group.getLayer()?.batchDraw();
  }
}

const ORGAN_COLOURS = { right_lung: "#58c4dd", left_lung: "#58c4dd", heart: "#ff9aa2", right_clavicle: "#c9d18f", left_clavicle: "#c9d18f" };

export class OutlineLayer {
  /**
   * @param {Object<string, number[][][]>} outlines - for each organ closed polygons in film pixels
   * @param {number[][]} lines - measured lines, (x0, y0, x1, y1) in film pixels
   */
  constructor(outlines, lines) {
    this.group = new Konva.Group({ listening: false, visible: false });
    for (const [organ, rings] of Object.entries(outlines)) {
      for (const ring of rings) {
        this.group.add(new Konva.Line({ points: ring.flat(), closed: true, stroke: ORGAN_COLOURS[organ] ?? "#fff", strokeWidth: 1.5, strokeScaleEnabled: false }));
      }
    }
    for (const line of lines) {
      this.group.add(new Konva.Line({ points: line, stroke: "#ffd166", strokeWidth: 2, dash: [8, 5], strokeScaleEnabled: false }));
    }
  }

  toggle(visible) {
    this.group.visible(visible);
    this.group.getLayer()?.batchDraw();
  }
}

const MARK_PX = 22;

/** The patient's sides at the edges of the film: they turn with it, since they belong to it. */
export class SideMarks {
  /**
   * @param {{width: number, height: number}} size - of the stored film
   * @param {number} turns - clockwise quarter turns that show it as it was read, the patient's right on the left
   * @param {[string, string]} texts - at the left and at the right edge of the film as it was read
   */
  constructor({ width, height }, turns, texts) {
    this.group = new Konva.Group({ listening: false });
    const back = (-turns * Math.PI) / 2;
    const [across, down] = turns % 2 ? [height, width] : [width, height];
    texts.forEach((text, place) => {
      // From the film's middle to near an upper corner, turned back into the stored film's pixels.
      const [x, y] = [(place ? 0.47 : -0.47) * across, -0.45 * down];
      this.group.add(new Konva.Text({
        text, fontSize: MARK_PX, fontStyle: "bold", fontFamily: "system-ui, sans-serif", fill: "#fff", stroke: "#000", strokeWidth: 4, fillAfterStrokeEnabled: true,
        name: "side-mark", x: width / 2 + x * Math.cos(back) - y * Math.sin(back), y: height / 2 + x * Math.sin(back) + y * Math.cos(back), rotation: -90 * turns,
      }));
    });
    for (const mark of this.group.getChildren()) mark.offset({ x: mark.width() / 2, y: mark.height() / 2 });
  }

  zoomed(scale) {
    for (const mark of this.group.getChildren()) mark.scale({ x: 1 / scale, y: 1 / scale });
  }
}

/** What to write at the edges, or nothing where the sides are not known. */
export function sidesOf(reading) {
  if (!reading.accepted) return [];
  return reading.warnings.some((note) => note.code === "mirrored") ? ["R?", "L?"] : ["R", "L"];
}

/** A ruler: drawn with the pointer, told in mm where the film says how large its pixels are. */
export class Ruler {
  /** @param {[number, number]|null} spacing - (row, column), in mm */
  constructor(spacing, words) {
    this.group = new Konva.Group({ listening: false });
    this.spacing = spacing;
    this.words = words;
    this.scale = 1;
  }

  begin(point) {
    this.group.destroyChildren();
    this.start = point;
    this.line = new Konva.Line({ points: [point.x, point.y, point.x, point.y], stroke: "#ffe45c", strokeWidth: 2, strokeScaleEnabled: false });
    this.text = new Konva.Text({ text: "", fontSize: 14, fill: "#ffe45c", stroke: "#000", strokeWidth: 3, fillAfterStrokeEnabled: true, fontFamily: "system-ui, sans-serif" });
    this.group.add(this.line, this.text);
  }

  move(point) {
    if (!point) return;
    this.line.points([this.start.x, this.start.y, point.x, point.y]);
    this.text.text(this.told(point));
    this.text.setAttrs({ x: point.x, y: point.y, scaleX: 1 / this.scale, scaleY: 1 / this.scale });
  }

  end() {}

  told(point) {
    const [dx, dy] = [point.x - this.start.x, point.y - this.start.y];
    if (!this.spacing) return `${Math.hypot(dx, dy).toFixed(0)} px · ${this.words.none}`;
    const [row, column] = this.spacing;
    return `${Math.hypot(dx * column, dy * row).toFixed(1)} mm · ${this.words.source}`;
  }

  clear() {
    this.group.destroyChildren();
    this.group.getLayer()?.batchDraw();
  }

  zoomed(scale) {
    this.scale = scale;
    this.text?.scale({ x: 1 / scale, y: 1 / scale });
  }
}
