"""A browser without a window, where there is one."""

import shutil

import pytest

SIZES = {"phone": (390, 844), "desktop": (1440, 900)}


def chromium() -> str:
    """The path of a browser; skips the test where there is none."""
    pytest.importorskip("playwright", reason="playwright is not installed")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
    if found is None:
        pytest.skip("there is no chromium: apt-get install chromium")
    return found


def open_page(browser, path, *, size="desktop", scheme="light", javascript=True):
    """A tab that shows a file, and lists of what went wrong and of what it asked for."""
    context = browser.new_context(
        viewport=dict(zip(("width", "height"), SIZES[size], strict=True)),
        color_scheme=scheme,
        java_script_enabled=javascript,
        accept_downloads=True,
    )
    tab, wrong, asked = context.new_page(), [], []
    tab.on("console", lambda said: wrong.append(f"{said.type}: {said.text}"))
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(path.as_uri())
    return tab, wrong, asked


CUT_OFF = """() => {
  const scrolls = (e) => ["auto", "scroll"].includes(getComputedStyle(e).overflowX);
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    if (element.closest(".skip, [hidden], svg *") || !element.getClientRects().length) continue;
    if (getComputedStyle(element).display === "inline") continue;
    let [outer, scrollable] = [element.parentElement, false];
    const [a, b] = [element.getBoundingClientRect(), outer.getBoundingClientRect()];
    for (; outer; outer = outer.parentElement) scrollable = scrollable || scrolls(outer);
    if (!scrollable && (a.left < b.left - 1 || a.right > b.right + 1))
      found.push(`${element.outerHTML.slice(0, 80)}: ${a.left}-${a.right}, ${b.left}-${b.right}`);
  }
  return found;
}"""
"""Elements whose box is not within their parent's, except where one scrolls on purpose."""

FAINT = """() => {
  const parse = (c) => (c.match(/[\\d.]+/g) || []).map(Number);
  const linear = (v) => v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const below = (e) => {
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] > 0) return c;
    }
    return [255, 255, 255];
  };
  const found = new Set();
  for (const element of document.querySelectorAll("body *")) {
    const texts = [...element.childNodes].filter((n) => n.nodeType === 3 && n.textContent.trim());
    if (!texts.length || !element.getClientRects().length) continue;
    if (element.closest("script, style, defs")) continue;
    const style = getComputedStyle(element);
    const own = light(parse(element.closest("svg") ? style.fill : style.color));
    const behind = light(below(element));
    const ratio = (Math.max(own, behind) + 0.05) / (Math.min(own, behind) + 0.05);
    const words = element.textContent.trim().slice(0, 30);
    if (ratio < 4.5) found.add(`${ratio.toFixed(2)} ${element.tagName} ${words}`);
  }
  return [...found];
}"""
"""Text whose contrast to its background is below 4.5 (WCAG 2.2, AA)."""
