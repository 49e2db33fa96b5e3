// Elements from values. Text is always text: nothing that comes from a file or a reader is ever parsed as HTML.

/**
 * Make an element.
 * @param {string} tag - a tag name, with classes behind dots: "div.panel.wide"
 * @param {Object} [attributes] - `on…` keys are listeners, `data` an object of data attributes, others attributes;
 *   false, null and undefined are left out, true gives an empty attribute
 * @param {...(Node|string|number|null|Array)} children
 */
export function h(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "data") Object.assign(element.dataset, value);
    else if (key === "value") element.value = value;
    else if (key === "checked") element.checked = value;
    else if (key === "style") for (const [property, text] of Object.entries(value)) element.style.setProperty(property, text);
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Replace everything inside an element. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** An icon of one path on a 24-unit square, drawn in the colour of the text; decoration for screen readers. */
export function icon(path) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("icon");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

const CLIPBOARD_MS = 3000;

/**
 * Put text on the clipboard. The browser's own way is refused without focus or permission, is missing over plain HTTP to
 * another machine, and may never answer: then the old way is taken, a selection that is copied.
 * @returns {Promise<boolean>} whether it is there
 */
export async function copyText(text) {
  try {
    const late = new Promise((_, refuse) => { setTimeout(refuse, CLIPBOARD_MS, new Error("no answer")); });
    await Promise.race([navigator.clipboard.writeText(text), late]);
    return true;
  } catch {
    const held = document.activeElement;
    const field = document.body.appendChild(h("textarea.unseen", { readonly: true, "aria-hidden": "true", value: text }));
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    held?.focus?.({ preventScroll: true });
    return done;
  }
}

let speaker = null;

/** Say something to screen readers without moving anybody's focus. */
export function announce(text) {
  speaker ??= document.body.appendChild(h("div.unseen", { role: "status", "aria-live": "polite" }));
  speaker.textContent = "";
  setTimeout(() => { speaker.textContent = text; }, 30);
}

let toasts = null;

/** A message that goes by itself; faults stay until they are closed. */
export function toast(text, kind = "info") {
  toasts ??= document.body.appendChild(h("div.toasts"));
  const close = h("button.quiet", { type: "button", "aria-label": "×", onclick: () => box.remove() }, "×");
  const box = h(`div.toast.${kind}`, { role: kind === "fault" ? "alert" : "status" }, h("span", {}, text), close);
  toasts.append(box);
  if (kind !== "fault") setTimeout(() => box.remove(), 5000);
}
