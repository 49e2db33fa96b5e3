"""Pages of results that need nothing else: no network, no other file, and a policy under which nothing else runs."""

import base64
import hashlib
from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup

STYLE = """
:root { color-scheme: light dark;
  --page: #f4f6f8; --card: #fff; --text: #1a2027; --muted: #535e6a; --line: #d3d9e0; --soft: #e9edf1; --accent: #0b57c4;
  --notice: #fff1cc; --notice-text: #563a00; --good: #1f6b3a; --bad: #b3261e; --doubt: #8a5a00; --bar: #5b7fae; }
@media (prefers-color-scheme: dark) { :root {
  --page: #0e1216; --card: #171c22; --text: #e8ebef; --muted: #a5afbb; --line: #303943; --soft: #222931;
  --accent: #8ab4ff; --notice: #332708; --notice-text: #ffdd94; --good: #8fd0a0; --bad: #ff9a90; --doubt: #f0be5a;
  --bar: #7f9fcb; } }
@media print { :root { color-scheme: light; } }
*, *::before, *::after { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); overflow-wrap: break-word;
  font: 1rem/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", Arial, sans-serif; }
h1 { font-size: 1.35rem; margin: 0.8rem 0 0.3rem; } h2 { font-size: 1.1rem; margin: 0 0 0.5rem; }
h3 { font-size: 0.95rem; margin: 0.6rem 0 0.2rem; }
main, header { max-width: 84rem; margin-inline: auto; padding-inline: 1rem; }
.notice { background: var(--notice); color: var(--notice-text); font-weight: 600; text-align: center;
  padding: 0.35rem 1rem; margin: 0; position: sticky; top: 0; z-index: 2; }
.muted { color: var(--muted); } .small { font-size: 0.85rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 0.9rem 1.1rem;
  margin-block: 1rem; }
.verdict { border-inline-start: 6px solid var(--accent); font-weight: 600; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; }
th, td { text-align: end; padding: 0.25rem 0.6rem; border-block-end: 1px solid var(--line); vertical-align: top; }
th:first-child, td:first-child { text-align: start; position: sticky; left: 0; background: var(--card); }
td .interval { display: block; color: var(--muted); font-size: 0.8rem; white-space: nowrap; }
thead th { font-size: 0.85rem; color: var(--muted); vertical-align: bottom; }
tr.reader td, tr.reader th { font-weight: 600; } tr.reader .interval { font-weight: 400; }
.good { color: var(--good); } .bad { color: var(--bad); } .doubt { color: var(--doubt); }
dl.facts { display: flex; flex-wrap: wrap; gap: 0.1rem 1.4rem; margin: 0.3rem 0; }
dl.facts div { display: flex; gap: 0.4rem; } dl.facts dt { color: var(--muted); }
dl.facts dd { margin: 0; font-weight: 600; }
ul { margin: 0.2rem 0; padding-inline-start: 1.2rem; }
"""


def render(package: str, template: str, *, extra_style: str = "", **content: Any) -> str:
    """Fill a template of a package; it is given `style`, `policy` and the content.

    What strangers wrote is shown as text: the environment escapes everything but our own style.
    """
    style = STYLE + extra_style
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    # The style is our own text: nobody else's is in it.
    return _environment(package).get_template(template).render(style=Markup(style), policy=policy, **content)  # noqa: S704


@cache
def _environment(package: str) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(package), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    environment.filters["number"] = number
    return environment


def number(value: float | None, digits: int = 3) -> str:
    """Write a figure; a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}f}"
