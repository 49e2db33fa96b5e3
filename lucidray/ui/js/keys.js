// The quick keys: what each does in a reading, and the list of all of them that "?" shows.

import { fill, h } from "./dom.js";
import { t } from "./i18n.js";

const LISTED = [
  ["?", "keys"], ["j k", "key.move"], ["Enter", "key.open"], ["u", "upload"],
  ["w", "tool.window"], ["p", "tool.pan"], ["m", "tool.ruler"], ["+ -", "key.zoom"], ["i", "tool.invert"], ["r", "tool.turn"],
  ["0", "tool.reset"], ["f", "tool.fullscreen"], ["b", "tool.boxes"], ["o", "tool.outlines"], ["c", "key.copy"], ["e", "edit"],
  ["← ↑ → ↓", "key.arrows"], ["Shift + ← ↑ → ↓", "key.resize"], ["Delete", "key.delete"],
];

/** Whether somebody is typing, or asks the browser for something. */
export function typing(event) {
  return Boolean(event.target.closest?.("input:not([type=range]), select, textarea, dialog[open]")) || event.ctrlKey || event.metaKey || event.altKey;
}

/** Show all quick keys; Escape or the button closes the list. */
export function help() {
  if (document.querySelector("dialog[open]")) return;
  // It goes at once: a key that follows Escape before the browser has told of the close is a key of the page again.
  const leave = () => {
    box.close();
    box.remove();
  };
  const close = h("button.main", { type: "button", onclick: leave }, t("close"));
  const box = h("dialog.keys-help", { "aria-labelledby": "keys-title", oncancel: leave, onclose: leave });
  fill(box, h("h2", { id: "keys-title" }, t("keys")),
    h("dl", {}, LISTED.map(([keys, what]) => [h("dt", {}, h("kbd", { dir: "ltr" }, keys)), h("dd", {}, t(what).replace(/ \([^)]*\)$/, ""))])),
    close);
  document.body.append(box);
  box.showModal();
  close.focus();
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const PAN_PX = 40;

/** Listen to the keys of a reading's page. @returns {(event: KeyboardEvent) => void} */
export function keysOf(page) {
  const acts = {
    i: () => page.tools.invert(),
    r: () => page.viewer.turn(),
    0: () => page.tools.reset(),
    "+": () => page.viewer.zoom(1.25),
    "-": () => page.viewer.zoom(0.8),
    w: () => page.tools.use("window"),
    p: () => page.tools.use("pan"),
    m: () => page.tools.use("ruler"),
    f: () => page.tools.fullscreen(),
    o: () => page.tools.toggle("outlines"),
    b: () => page.tools.toggle("boxes"),
    c: () => page.reading.accepted && page.copy(),
    e: () => page.reading.accepted && page.edit(!page.editing),
    Delete: () => page.removeBox(page.chosen),
  };
  return (event) => {
    // Report and work are there before the film is; the other keys are the film's.
    if (typing(event) || !(page.tools || "ce".includes(event.key))) return;
    const arrow = ARROWS[event.key];
    if (arrow) {
      if (!arrowed(page, arrow, event.shiftKey)) return;
    } else if (acts[event.key]) acts[event.key]();
    else return;
    event.preventDefault();
  };
}

/** Arrows belong to the chosen box while somebody edits, else to the film where it has the focus. */
function arrowed(page, [dx, dy], resize) {
  const focus = document.activeElement;
  const onFilm = page.stageBox.contains(focus);
  if (page.editing && page.chosen && (onFilm || focus?.closest?.(".box-list"))) {
    page.boxes.nudge(page.chosen, resize ? [0, 0, dx, dy] : [dx, dy, dx, dy]);
    return true;
  }
  if (!onFilm) return false;
  page.viewer.pan(-PAN_PX * dx, -PAN_PX * dy);
  return true;
}

/** A selector of what has the focus in the report's side, which is drawn anew after every change. */
export function focusIn(side) {
  const held = document.activeElement;
  if (!side.contains(held)) return null;
  const box = held.closest("[data-box]")?.dataset.box;
  if (box) return `[data-box="${CSS.escape(box)}"] button`;
  const finding = held.closest("[data-finding]")?.dataset.finding;
  const act = held.dataset.act;
  if (finding) return `[data-finding="${CSS.escape(finding)}"] ${act ? `[data-act="${act}"]` : "button"}`;
  return act ? `[data-act="${act}"]` : null;
}
