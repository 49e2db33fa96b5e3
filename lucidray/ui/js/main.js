// The frame of the page: bar, notice, lost connection, and which view the address names.

import * as api from "./api.js";
import { fill, h, toast } from "./dom.js";
import * as i18n from "./i18n.js";
import * as theme from "./theme.js";

const { t } = i18n;
const VIEWS = {
  "": () => import("./worklist.js"),
  reading: () => import("./reading.js"),
  compare: () => import("./compare.js"),
  playground: () => import("./playground.js"),
};

let leave = null;
let count = 0;

function bar() {
  const pick = h(
    "select",
    { "aria-label": t("language"), onchange: async (event) => { await i18n.use(event.target.value); frame(); await route(); } },
    Object.entries(i18n.LANGUAGES).map(([code, name]) => h("option", { value: code, lang: code, selected: code === i18n.language() }, name)),
  );
  fill(
    document.getElementById("bar"),
    h("a.brand", { href: "#/" }, h("img", { src: "/ui/icon.svg", alt: "", width: "24", height: "24" }), "lucidray"),
    h("nav", { "aria-label": t("pages") }, h("a", { href: "#/" }, t("worklist")), h("a", { href: "#/playground" }, t("playground"))),
    h("div.bar-end", {}, pick, h("button.quiet", { type: "button", onclick: theme.toggle, "aria-label": t("theme"), title: t("theme") }, "◐")),
  );
}

function frame() {
  bar();
  fill(document.getElementById("skip"), t("skip"));
  fill(document.getElementById("notice"), t("notice"));
  fill(document.getElementById("offline"), t("offline"));
}

async function route() {
  const mine = (count += 1);
  const [, name = "", ...rest] = location.hash.split("/");
  const load = VIEWS[name] ?? VIEWS[""];
  leave?.();
  leave = null;
  const main = document.getElementById("main");
  main.className = `view-${name || "worklist"}`;
  try {
    const view = await load();
    if (mine === count) leave = (await view.open(main, rest.map(decodeURIComponent))) ?? null;
  } catch (error) {
    if (error.name === "AbortError" || mine !== count) return;
    fill(main, h("section.panel", { role: "alert" }, h("h1", {}, t("fault")), h("p", {}, error.message), h("p", {}, h("a", { href: "#/" }, t("back")))));
  }
}

async function begin() {
  theme.start();
  await i18n.start();
  frame();
  const lost = document.getElementById("offline");
  addEventListener("lucidray-offline", (event) => { lost.hidden = !event.detail; });
  addEventListener("unhandledrejection", (event) => { if (event.reason?.name !== "AbortError") toast(event.reason?.message ?? String(event.reason), "fault"); });
  document.getElementById("skip").addEventListener("click", (event) => { event.preventDefault(); document.getElementById("main").focus(); });
  try {
    await api.begin();
  } catch (error) {
    if (error.status !== 401) throw error;
    await login();
  }
  addEventListener("hashchange", route);
  await route();
}

/** Ask for a token where the service wants one. */
async function login() {
  await new Promise((resolve) => {
    const field = h("input", { type: "password", autocomplete: "current-password", required: true, id: "token" });
    const form = h("form.panel.login", {
      onsubmit: async (event) => {
        event.preventDefault();
        try {
          await api.login(field.value);
          resolve();
        } catch (error) {
          toast(error.message, "fault");
        }
      },
    }, h("h1", {}, t("login")), h("label", { for: "token" }, t("token")), field, h("p.muted", {}, t("token.how")), h("button.main", {}, t("login")));
    fill(document.getElementById("main"), form);
    field.focus();
  });
}

begin();
