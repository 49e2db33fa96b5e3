// A person's work on a reading: text, boxes, a note, a signature; every version stays.

import * as api from "./api.js";
import { h } from "./dom.js";
import { LANGUAGES, moment, named, t } from "./i18n.js";
import { upscalers } from "./upload.js";

export function workPanel(page) {
  const { draft, locked, record, reading } = page;
  if (locked) {
    return h("section.panel", { "aria-labelledby": "work" }, h("h2", { id: "work" }, t("work")),
      h("p", {}, t("signed.by", { name: record.signed_by, when: moment(record.signed_at) })),
      h("button", { type: "button", data: { act: "reopen" }, onclick: () => page.reopen() }, t("reopen")), links(page));
  }
  return h(
    "section.panel",
    { "aria-labelledby": "work" },
    h("h2", { id: "work" }, t("work")),
    reading.accepted ? h("div.acts", {},
      h("button", { type: "button", data: { act: "edit" }, "aria-pressed": String(Boolean(page.editing)), onclick: () => page.edit(!page.editing) }, t("edit")),
      h("button", { type: "button", data: { act: "save" }, disabled: !draft.changed, onclick: () => page.save() }, t("save")),
      h("button.main", { type: "button", data: { act: "sign" }, onclick: () => page.sign() }, t("sign"))) : null,
    page.editing ? editor(page) : null,
    again(page),
    links(page),
  );
}

function editor(page) {
  const { draft } = page;
  const text = draft.report ?? draft.modelText();
  return h(
    "div.editor",
    {},
    ["findings", "locations", "impression"].map((section) => h("label", {}, h("span", {}, t(`section.${section}`)),
      h("textarea", { rows: "4", dir: "auto", value: text[section], oninput: (event) => { draft.write(section, event.target.value); saveable(page); } }))),
    h("label", {}, h("span", {}, t("note")), h("textarea", { rows: "2", dir: "auto", value: draft.note, oninput: (event) => { draft.note = event.target.value; draft.touch(); saveable(page); } })),
    h("h3", {}, t("boxes")),
    h("ul.plain.box-list", {}, draft.shown.map((box) => {
      const id = box.id ?? box.temporary;
      return h("li", { data: { box: id } },
        h("button.quiet", { type: "button", onfocus: () => page.boxes.select(id), onclick: () => page.boxes.select(id) }, `${named("label", box.label)} · ${named("origin", box.origin ?? "person")}`),
        h("button.quiet", { type: "button", "aria-label": `${t("delete")}: ${named("label", box.label)}`, onclick: () => page.removeBox(id) }, "×"));
    })),
    h("p.muted.small", {}, t("edit.how")),
  );
}

/** The same film by another reader or in another language, as a reading of its own. */
function again(page) {
  const { order } = page.record;
  const reader = h("select", {}, api.about().readers.map((one) => h("option", { value: one.name, selected: one.name === order.reader }, `${one.name}${one.sends_data_away ? ` (${t("left_machine")})` : ""}`)));
  const language = h("select", {}, api.about().languages.map((code) => h("option", { value: code, selected: code === order.language }, LANGUAGES[code] ?? code)));
  const upscale = h("select", {}, upscalers(order.upscale));
  return h("details.again", {}, h("summary", {}, t("read.again")),
    h("div.acts", {},
      h("label.choice", {}, h("span", {}, t("play.reader")), reader),
      h("label.choice", {}, h("span", {}, t("play.language")), language),
      h("label.choice", {}, h("span", {}, t("play.upscale")), upscale),
      h("button", { type: "button", onclick: () => page.again({ reader: reader.value, language: language.value, upscale: upscale.value === "none" ? null : upscale.value }) }, t("play.run"))));
}

/** Typing must not draw the panel anew, or the caret would be lost. */
function saveable(page) {
  const button = page.side.querySelector('[data-act="save"]');
  if (button) button.disabled = false;
}

function links(page) {
  return h("p.links", {},
    h("a", { href: api.reportAddress(page.id), target: "_blank", rel: "noopener" }, t("report.page")),
    h("a", { href: `#/compare/${page.id}${page.record.prior ? `/${page.record.prior}` : ""}` }, t("compare")),
    h("a", { href: `#/playground/${page.id}` }, t("playground")));
}

/** Every version of the reading that people made, the model's first. */
export function versions(record, history) {
  if (!history.length) return null;
  return h("section.panel", { "aria-labelledby": "versions" }, h("h2", { id: "versions" }, t("versions")),
    h("ol.versions", {},
      h("li", {}, `${t("version.model")} · ${moment(record.finished)}`),
      history.map((version) => h("li", {}, h("details", {},
        h("summary", {}, h("bdi", {}, version.author), ` · ${moment(version.created)}`),
        version.edit.report ? h("pre", { dir: "auto" }, Object.values(version.edit.report).filter(Boolean).join("\n\n")) : null,
        Object.entries(version.edit.decisions).map(([label, value]) => h("p", {}, `${named("label", label)}: ${t(value)}`)),
        version.edit.boxes ? h("p", {}, t("boxes.count", { count: version.edit.boxes.length })) : null)))));
}
