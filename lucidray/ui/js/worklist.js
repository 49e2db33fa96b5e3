// The worklist: most pressing first, filters, many films at once by drag and drop, all of it by keyboard too.

import * as api from "./api.js";
import { announce, fill, h, toast } from "./dom.js";
import { moment, named, nameOf, share, t } from "./i18n.js";
import { Uploads } from "./upload.js";

const PAGE = 50;
const REFRESH_MS = 5000;
const UNFINISHED = new Set(["queued", "running"]);

export async function open(main) {
  const state = { sort: "risk", status: "", risk: "", signed: "", finding: "", offset: 0 };
  const leaving = new AbortController();
  const rows = h("tbody");
  const pages = h("div.pages");
  const counted = h("p.muted", { role: "status" });
  const empty = h("div.empty", { hidden: true });
  const uploads = new Uploads(() => refresh());

  const table = h(
    "table.worklist",
    { "aria-label": t("worklist") },
    h("thead", {}, h("tr", {}, ["risk", "film", "findings", "status", "when", "actions"].map((key) => h("th", { scope: "col" }, t(`column.${key}`))))),
    rows,
  );

  let drawn = new Map();

  async function refresh() {
    const page = await api.list({ ...state, limit: PAGE }, leaving.signal);
    const focused = document.activeElement?.closest?.("tr")?.dataset.id;
    // Only what changed is drawn anew: every thumbnail that is fetched is a look at a film, and the audit log tells it.
    const known = new Map(page.items.map((entry) => {
      const told = JSON.stringify(entry);
      const before = drawn.get(entry.id);
      return [entry.id, before?.told === told ? before : { told, line: row(entry, refresh) }];
    }));
    if ([...known.values()].some(({ line }, place) => rows.children[place] !== line) || rows.children.length !== known.size) {
      fill(rows, [...known.values()].map(({ line }) => line));
    }
    drawn = known;
    if (focused && document.activeElement === document.body) rows.querySelector(`tr[data-id="${CSS.escape(focused)}"] a`)?.focus();
    fill(counted, t("films", { count: page.total }));
    empty.hidden = page.total > 0;
    table.hidden = page.total === 0;
    if (page.total === 0) fill(empty, filtered() ? t("empty.filtered") : t("empty"));
    fill(pages, pager(page.total));
    return page;
  }

  const filtered = () => Boolean(state.status || state.risk || state.signed || state.finding);

  function pager(total) {
    if (total <= PAGE) return [];
    const step = (by) => async () => {
      state.offset = Math.max(0, state.offset + by);
      await refresh();
    };
    return [
      h("button", { type: "button", disabled: state.offset === 0, onclick: step(-PAGE) }, t("previous")),
      h("bdi", {}, `${state.offset + 1}–${Math.min(total, state.offset + PAGE)} / ${total}`),
      h("button", { type: "button", disabled: state.offset + PAGE >= total, onclick: step(PAGE) }, t("next")),
    ];
  }

  function choice(key, values, kind) {
    return h(
      "label.choice",
      {},
      h("span", {}, t(`filter.${key}`)),
      h("select", { name: key, onchange: async (event) => { state[key] = event.target.value; state.offset = 0; await refresh(); } },
        values.map((value) => h("option", { value, selected: value === state[key] }, value === "" ? t("all") : named(kind, value)))),
    );
  }

  fill(
    main,
    h("div.worklist-head", {},
      h("h1", {}, t("worklist")),
      uploads.element),
    h("div.filters", { role: "search", "aria-label": t("filters") },
      choice("sort", ["risk", "newest", "oldest", "probability"], "sort"),
      choice("risk", ["", "High", "Moderate", "Low"], "risk"),
      choice("status", ["", "queued", "running", "done", "failed", "cancelled"], "state"),
      choice("signed", ["", "true", "false"], "signed"),
      choice("finding", ["", ...api.about().findings.map((finding) => finding.label)], "label"),
      counted),
    h("div.scroll", {}, table),
    empty,
    pages,
    h("p.muted.small.keys", {}, t("worklist.keys")),
  );

  let last = await refresh();
  const timer = setInterval(async () => {
    // A list that changes under the hand is only fetched again while something is being read, or from time to time.
    if (document.hidden) return;
    try {
      last = await refresh();
    } catch (error) {
      if (error.name !== "AbortError" && error.status !== 0) toast(error.message, "fault");
    }
  }, REFRESH_MS);

  const keys = (event) => {
    if (event.target.closest("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
    const lines = [...rows.querySelectorAll("tr")];
    const at = lines.findIndex((line) => line.contains(document.activeElement));
    if (event.key === "j" || event.key === "k") {
      const next = Math.max(0, Math.min(lines.length - 1, at + (event.key === "j" ? 1 : -1)));
      lines[next]?.querySelector("a")?.focus();
      event.preventDefault();
    } else if (event.key === "u") uploads.ask();
  };
  document.addEventListener("keydown", keys);
  const stopDrop = uploads.dropOn(document.body);
  announce(t("films", { count: last.total }));
  return () => {
    leaving.abort();
    clearInterval(timer);
    stopDrop();
    document.removeEventListener("keydown", keys);
  };
}

function row(entry, refresh) {
  const finished = !UNFINISHED.has(entry.status);
  const level = entry.risk_level;
  const act = (call, question) => async () => {
    if (question && !confirm(question)) return;
    try {
      await call(entry.id);
      await refresh();
    } catch (error) {
      toast(error.message, "fault");
    }
  };
  return h(
    `tr${entry.signed_by ? ".signed" : ""}`,
    { data: { id: entry.id } },
    h("td", {}, level ? h(`span.badge.risk-${level.toLowerCase()}`, {}, named("risk", level)) : h("span.muted", {}, "–")),
    h("td.film", {},
      finished && entry.status === "done" ? h("img.thumb", { src: api.thumbnailAddress(entry.id), alt: "", loading: "lazy", width: "40", height: "40" }) : h("span.thumb"),
      h("a", { href: `#/reading/${entry.id}` }, h("bdi", {}, nameOf(entry))),
      entry.view && entry.view !== "unknown" ? h("span.tag", {}, named("view", entry.view)) : null),
    h("td.what", {}, summary(entry)),
    h("td", {}, state(entry)),
    h("td.when", {}, moment(entry.created)),
    h("td.acts", {},
      finished ? null : h("button.quiet", { type: "button", onclick: act(api.cancel) }, t("cancel")),
      finished ? h("button.quiet", { type: "button", "aria-label": `${t("delete")}: ${nameOf(entry)}`, onclick: act(api.remove, t("delete.sure")) }, t("delete")) : null),
  );
}

function summary(entry) {
  if (entry.status === "failed") return h("span.fault", {}, entry.problem?.detail ?? t("state.failed"));
  if (entry.accepted === false) return h("span.refused-word", {}, t("refused"));
  const present = entry.findings.filter((finding) => finding.status === "present");
  if (present.length) return present.map((finding) => h("span.tag.present", {}, named("label", finding.label)));
  if (entry.status !== "done") return "";
  const { overall_probability: overall } = entry;
  // Where nothing was assessed, nothing was found either, and that must not read as a normal film.
  if (overall === null && entry.risk_level === null) return h("span.muted", {}, named("status", "unsupported"));
  return h("span.muted", {}, overall === null ? t("nothing") : t("nothing.overall", { probability: share(overall) }));
}

function state(entry) {
  if (entry.signed_by) return h("span.state.signed", {}, t("signed"));
  return h(`span.state.${entry.status}`, {}, named("state", entry.status));
}
