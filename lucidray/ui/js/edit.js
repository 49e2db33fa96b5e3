// What a person changes of a reading, kept apart from what the model said until it is saved as a version of its own.

export class Draft {
  /**
   * @param {Object} reading - the model's
   * @param {{number: number, edit: Object}|null} version - the latest one that was saved
   */
  constructor(reading, version) {
    this.reading = reading;
    this.number = version?.number ?? 0;
    const edit = version?.edit ?? {};
    this.report = edit.report ?? null;
    this.decisions = { ...(edit.decisions ?? {}) };
    this.boxes = edit.boxes ? edit.boxes.map((box) => ({ ...box })) : null;
    this.note = edit.note ?? "";
    this.changed = false;
  }

  /** Boxes as they stand: the person's where there are some, the model's otherwise. */
  get shown() {
    if (this.boxes) return this.boxes;
    return this.reading.findings.flatMap((finding) => finding.regions.map((region) => ({ id: region.id, label: finding.label, box_xyxy_px: region.box_xyxy_px, origin: "model" })));
  }

  touch() {
    this.changed = true;
  }

  decide(label, value) {
    if (value) this.decisions[label] = value;
    else delete this.decisions[label];
    this.touch();
  }

  own() {
    this.boxes ??= this.shown.map((box) => ({ ...box }));
    this.touch();
    return this.boxes;
  }

  move(id, box) {
    const one = this.own().find((each) => (each.id ?? each.temporary) === id);
    if (one) Object.assign(one, { box_xyxy_px: box, origin: one.origin === "person" ? "person" : "moved" });
  }

  remove(id) {
    this.boxes = this.own().filter((each) => each.id !== id);
  }

  add(label, box) {
    this.count = (this.count ?? 0) + 1;
    this.own().push({ id: null, temporary: `new-${this.count}`, label, box_xyxy_px: box, origin: "person" });
  }

  write(section, text) {
    this.report ??= this.modelText();
    this.report[section] = text;
    this.touch();
  }

  modelText() {
    const { findings, locations, impression } = this.reading.report;
    const text = (list) => list.map((sentence) => sentence.text).join("\n");
    return { findings: text(findings), locations: text(locations), impression: text(impression) };
  }

  /** As the service takes it; the service says of each box whose it is. */
  body() {
    const boxes = this.boxes?.map(({ id, label, box_xyxy_px: box }) => ({ id, label, box_xyxy_px: box })) ?? null;
    return { report: this.report, decisions: this.decisions, boxes, note: this.note };
  }
}
