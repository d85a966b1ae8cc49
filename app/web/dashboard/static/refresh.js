// Loads the page again every few seconds and puts in place what has changed; without it, reload by hand.
(() => {
  "use strict";
  const main = document.getElementById("main");
  const seconds = Number(main.dataset.refresh);
  if (!seconds) return;

  const isBusy = () => {
    const active = document.activeElement;
    const editing = active && main.contains(active) && active.matches("input:not([readonly]), select, textarea");
    return document.hidden || editing || !window.getSelection().isCollapsed;
  };

  const openDetails = () => [...main.querySelectorAll("details[open][id]")].map((each) => each.id);

  // Focus stays on what has the same address, name or id; the rest of the page stays where it was.
  const focusOf = (element) => {
    if (!element || !main.contains(element)) return null;
    const all = [...main.querySelectorAll(element.tagName)];
    return { tag: element.tagName, place: all.indexOf(element) };
  };

  const show = (text) => {
    const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("main");
    if (!fresh || !fresh.dataset.refresh || fresh.innerHTML === last) return;
    last = fresh.innerHTML;
    const open = openDetails();
    const focus = focusOf(document.activeElement);
    const scrolled = [...main.querySelectorAll(".scroll")].map((each) => each.scrollLeft);
    main.replaceChildren(...fresh.childNodes);
    open.forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
    main.querySelectorAll(".scroll").forEach((each, place) => { each.scrollLeft = scrolled[place] || 0; });
    if (focus) main.querySelectorAll(focus.tag)[focus.place]?.focus({ preventScroll: true });
  };

  let last = main.innerHTML;
  const look = async () => {
    if (!isBusy()) {
      try {
        const response = await fetch(location.href, { credentials: "same-origin", redirect: "manual" });
        if (response.ok) show(await response.text());
      } catch { /* the bridge restarts: look again */ }
    }
    setTimeout(look, seconds * 1000);
  };
  setTimeout(look, seconds * 1000);
})();
