(() => {
  "use strict";
  const every = 15000;
  const status = document.createElement("span");
  const button = document.createElement("button");
  const stops = (part) => [...part.querySelectorAll("a, button, summary, input, select, textarea, [tabindex]")];
  const orders = new Map();
  let paused = false;
  const show = () => { button.textContent = paused ? "refresh again" : "pause refresh"; };
  status.setAttribute("role", "status");
  button.type = "button";
  button.addEventListener("click", () => { paused = !paused; show(); });
  show();
  document.querySelector("footer").append(button, status);

  // Tables are sorted by the reader; rows that are folded away take part.
  const value = (row, column, kind) => {
    const text = row.cells[column].textContent.trim();
    if (kind === "name") return text;
    const found = /-?\d*\.?\d+/.exec(text.replaceAll(",", "").replaceAll("\u2212", "-"));
    return found ? Number(found[0]) : null;
  };
  const compare = (one, two, sign) => {
    if (one === null || two === null) return (one === null) - (two === null);
    return sign * (typeof one === "string" ? one.localeCompare(two) : one - two);
  };
  const sort = (group, column, sign, kind) => {
    const bodies = [...group.querySelectorAll("tbody")];
    const sizes = bodies.map((body) => body.rows.length);
    const rows = bodies.flatMap((body) => [...body.rows]).map((row) => [value(row, column, kind), row]);
    rows.sort((one, two) => compare(one[0], two[0], sign));
    bodies.forEach((body, at) => body.append(...rows.splice(0, sizes[at]).map((pair) => pair[1])));
    group.querySelectorAll("thead th").forEach((head) => head.removeAttribute("aria-sort"));
    group.querySelectorAll(`thead th:nth-child(${column + 1})`).forEach((head) => {
      head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
    });
  };
  const sortable = (main) => main.querySelectorAll(".sorted").forEach((group, at) => {
    group.querySelectorAll("th[data-sort]").forEach((head) => {
      const press = document.createElement("button");
      const kind = head.dataset.sort;
      press.type = "button";
      press.textContent = head.textContent;
      press.addEventListener("click", () => {
        const before = head.getAttribute("aria-sort");
        const sign = before ? (before === "ascending" ? -1 : 1) : (kind === "name" ? 1 : -1);
        orders.set(at, [head.cellIndex, sign, kind]);
        sort(group, head.cellIndex, sign, kind);
      });
      head.replaceChildren(press);
    });
    if (orders.has(at)) sort(group, ...orders.get(at));
  });

  const swap = (old, next) => {
    sortable(next);
    const open = [...old.querySelectorAll("details")].map((fold) => fold.open);
    const held = stops(old).indexOf(document.activeElement);
    const top = scrollY;
    [...next.querySelectorAll("details")].forEach((fold, at) => { fold.open = open[at] ?? false; });
    old.replaceWith(next);
    scrollTo(0, top);
    if (held >= 0) stops(next)[held]?.focus({ preventScroll: true });
  };
  // Who writes an answer goes on seeing what is answered to.
  const answering = () => {
    const form = document.querySelector("form");
    return form !== null && (form.matches(":focus-within") || form.querySelector("textarea").value !== "" ||
      form.querySelector(":checked[type=radio]") !== null);
  };
  setInterval(async () => {
    if (paused || document.hidden || String(getSelection())) return;
    if (answering()) { status.textContent = "The page stands still while you answer."; return; }
    const answer = await fetch(location.origin + location.pathname + location.search).catch(() => null);
    const page = answer?.ok ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
    const next = page?.querySelector("main");
    status.textContent = next ? "" : "The daemon does not answer: this is its last page.";
    if (next && !answering()) swap(document.querySelector("main"), next);
  }, every);
  sortable(document);
})();
