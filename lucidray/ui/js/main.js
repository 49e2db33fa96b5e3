// The frame of the page: bar, notice, lost connection, and which view the address names.

import * as api from "./api.js";
import { fill, h, toast } from "./dom.js";
import * as i18n from "./i18n.js";
import { help, typing } from "./keys.js";
import * as theme from "./theme.js";

const { t } = i18n;
const VIEWS = {
  "": () => import("./worklist.js"),
  reading: () => import("./reading.js"),
  compare: () => import("./compare.js"),
  playground: () => import("./playground.js"),
};

const RETRY_MS = 1500;

/** The view that is shown or on its way: `signal` tells it to go, `unsaved` whether somebody's work would go with it. */
let visit = null;
let shown = location.hash;

/** Whether unsaved work may be dropped: asked where there is some. */
const mayLeave = () => !visit?.unsaved() || confirm(t("unsaved"));

function bar() {
  const pick = h(
    "select",
    { "aria-label": t("language"), onchange: (event) => speak(event.target) },
    Object.entries(i18n.LANGUAGES).map(([code, name]) => h("option", { value: code, lang: code, selected: code === i18n.language() }, name)),
  );
  fill(
    document.getElementById("bar"),
    h("a.brand", { href: "#/" }, h("img", { src: "/ui/icon.svg", alt: "", width: "24", height: "24" }), "lucidray"),
    h("nav", { "aria-label": t("pages") }, h("a", { href: "#/" }, t("worklist")), h("a", { href: "#/playground" }, t("playground"))),
    h("div.bar-end", {}, pick, h("button.quiet", { type: "button", onclick: help, "aria-label": t("keys"), title: `${t("keys")} (?)` }, "?"), h("button.quiet", { type: "button", onclick: theme.toggle, "aria-label": t("theme"), title: t("theme") }, "◐")),
  );
}

async function speak(pick) {
  if (!mayLeave()) {
    pick.value = i18n.language();
    return;
  }
  await i18n.use(pick.value);
  frame();
  document.querySelector("#bar select").focus();
  await route({ asked: true });
}

function frame() {
  bar();
  fill(document.getElementById("skip"), t("skip"));
  fill(document.getElementById("notice"), t("notice"));
  fill(document.getElementById("offline"), t("offline"));
}

async function route({ asked = false } = {}) {
  if (!asked && !mayLeave()) {
    history.pushState(null, "", shown || "#/");
    return;
  }
  shown = location.hash;
  visit?.quit.abort();
  const quit = new AbortController();
  const mine = { quit, signal: quit.signal, unsaved: () => false };
  visit = mine;
  const [, name = "", ...rest] = location.hash.split("/");
  const load = VIEWS[name] ?? VIEWS[""];
  const main = document.getElementById("main");
  main.className = `view-${name || "worklist"}`;
  try {
    const view = await load();
    if (mine === visit) await view.open(main, rest.map(decodeURIComponent), mine);
  } catch (error) {
    if (error.name === "AbortError" || mine !== visit) return;
    fill(main, h("section.panel", { role: "alert" }, h("h1", {}, t("fault")), h("p", {}, error.message), h("p", {}, h("a", { href: "#/" }, t("back")))));
  }
}

async function begin() {
  theme.start();
  await i18n.start();
  frame();
  const lost = document.getElementById("offline");
  addEventListener("lucidray-offline", (event) => connection(lost, event.detail));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "?" || typing(event)) return;
    event.preventDefault();
    help();
  });
  addEventListener("unhandledrejection", (event) => { if (event.reason?.name !== "AbortError" && event.reason?.status !== 0) toast(event.reason?.message ?? String(event.reason), "fault"); });
  document.getElementById("skip").addEventListener("click", (event) => { event.preventDefault(); document.getElementById("main").focus(); });
  try {
    await api.begin();
  } catch (error) {
    if (error.status !== 401) throw error;
    await login();
  }
  addEventListener("hashchange", () => route());
  await route();
}

let retry = null;

/** Say that the connection is lost, and look by itself whether it is back. What somebody typed stays where it is. */
function connection(banner, isLost) {
  if (!isLost) {
    if (!banner.hidden) toast(t("online"));
    banner.hidden = true;
    clearInterval(retry);
    retry = null;
    return;
  }
  banner.hidden = false;
  retry ??= setInterval(() => api.ping().catch(() => {}), RETRY_MS);
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
