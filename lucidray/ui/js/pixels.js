// A film's own values on a canvas: first as lucidray shows them, then through whatever window a person sets.

export class Pixels {
  /**
   * @param {Uint16Array} values - row by row, 0 to `facts.top`
   * @param {Object} facts - of the service: slope, intercept, unit, inverted, window, tone, top
   */
  constructor(values, facts) {
    this.values = values;
    this.facts = facts;
    this.top = facts.top;
    this.inverted = false;
    this.canvas = document.createElement("canvas");
    this.canvas.width = facts.width_px;
    this.canvas.height = facts.height_px;
    this.context = this.canvas.getContext("2d", { alpha: false });
    this.image = this.context.createImageData(facts.width_px, facts.height_px);
    this.words = new Uint32Array(this.image.data.buffer);
    this.table = new Uint32Array(this.top + 1);
    this.presets = this.findPresets();
    this.set(null);
  }

  /** The window in the film's own values; null where the film is shown by its own tone curve. */
  get told() {
    if (!this.window) return null;
    const { slope, intercept } = this.facts;
    return { center: this.window.center * slope + intercept, width: this.window.width * slope };
  }

  /** Show the stored values around `center`, `width` of them wide; null shows the film as lucidray does. */
  set(window) {
    this.window = window && this.held(window);
    this.draw();
  }

  /** Widen and shift by a drag, in shares of the whole range; the first drag starts where the tone curve is. */
  drag(wider, brighter) {
    const { center, width } = this.window ?? this.start;
    const sign = this.facts.inverted ? 1 : -1;
    this.set({ center: center + sign * brighter * this.top, width: width + wider * this.top });
  }

  /** Whether this is the window that the film is shown through. */
  shows(window) {
    const given = window && this.held(window);
    return given === this.window || Boolean(given && this.window && given.center === this.window.center && given.width === this.window.width);
  }

  held({ center, width }) {
    return { center: Math.min(this.top, Math.max(0, center)), width: Math.min(2 * this.top, Math.max(2, width)) };
  }

  invert() {
    this.inverted = !this.inverted;
    this.draw();
  }

  draw() {
    const { table, top, values, words, window } = this;
    const { tone, inverted } = this.facts;
    for (let value = 0; value <= top; value += 1) {
      let grey;
      if (window) {
        grey = (value - (window.center - window.width / 2)) / window.width;
        if (inverted) grey = 1 - grey;
      } else {
        const place = (value / Math.max(1, top)) * (tone.length - 1);
        const below = Math.min(tone.length - 2, Math.floor(place));
        grey = tone[below] + (place - below) * (tone[below + 1] - tone[below]);
      }
      if (this.inverted) grey = 1 - grey;
      const shade = Math.round(255 * Math.min(1, Math.max(0, grey)));
      // Little-endian ABGR, as every browser lays pixels out.
      table[value] = 0xff000000 | (shade << 16) | (shade << 8) | shade;
    }
    for (let place = 0; place < values.length; place += 1) words[place] = table[values[place]];
    this.context.putImageData(this.image, 0, 0);
  }

  /** Windows from the film's own histogram; `film` is the tone curve. A drag starts from the file's own window, else from all. */
  findPresets() {
    const { values, top } = this;
    const { inverted, window, slope, intercept } = this.facts;
    const histogram = new Uint32Array(top + 1);
    const step = Math.max(1, Math.floor(values.length / 400000));
    let count = 0;
    for (let place = 0; place < values.length; place += step) {
      histogram[values[place]] += 1;
      count += 1;
    }
    const at = (part) => {
      let seen = 0;
      for (let value = 0; value <= top; value += 1) {
        seen += histogram[value];
        if (seen >= part * count) return value;
      }
      return top;
    };
    const between = (low, high) => ({ center: (at(low) + at(high)) / 2, width: Math.max(2, at(high) - at(low)) });
    const shown = (dark, bright) => (inverted ? between(1 - bright, 1 - dark) : between(dark, bright));
    const own = window && { center: (window.center - intercept) / slope, width: window.width / slope };
    this.start = own ?? between(0.005, 0.995);
    return { film: null, lungs: shown(0.02, 0.6), dense: shown(0.45, 0.995), [own ? "file" : "all"]: this.start };
  }
}
