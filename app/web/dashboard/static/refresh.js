// Loads the page again every few seconds and changes in place what is different, node by node: focus, scroll,
// selection, open details and typed text stay. Without it, reload by hand.
(() => {
  "use strict";
  const live = document.getElementById("live");
  const seconds = Number(live.dataset.refresh);
  if (!seconds) return;

  // What stands for the same thing in both pages: no button takes the place of another under somebody's finger.
  const telling = ["id", "data-key", "href", "action", "name", "value"];
  const keyOf = (node) => node.nodeName + telling.map((name) => node.getAttribute?.(name) ?? "").join(" ");

  const alignAttributes = (shown, fresh) => {
    for (const { name } of [...shown.attributes]) {
      if (name !== "open" && !fresh.hasAttribute(name)) shown.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) {
      if (name !== "open" && shown.getAttribute(name) !== value) shown.setAttribute(name, value);
    }
  };

  const align = (shown, fresh) => {
    if (shown.isEqualNode(fresh)) return;
    if (shown.nodeType === Node.ELEMENT_NODE) {
      alignAttributes(shown, fresh);
      alignChildren(shown, fresh);
    } else if (shown.nodeValue !== fresh.nodeValue) shown.nodeValue = fresh.nodeValue;
  };

  const alignChildren = (shown, fresh) => {
    let here = shown.firstChild;
    const removeUntil = (end) => {
      while (here !== end) {
        const gone = here;
        here = here.nextSibling;
        gone.remove();
      }
    };
    for (const wanted of [...fresh.childNodes]) {
      let same = here;
      const isElement = wanted.nodeType === Node.ELEMENT_NODE; // what stands between elements is no landmark
      while (same && keyOf(same) !== keyOf(wanted)) same = isElement ? same.nextSibling : null;
      if (same) {
        removeUntil(same);
        align(same, wanted);
        here = same.nextSibling;
      } else shown.insertBefore(wanted, here);
    }
    removeUntil(null);
  };

  const show = (text) => {
    const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("live");
    if (fresh?.dataset.refresh) alignChildren(live, fresh);
  };

  let seen = new Date();
  const look = async () => {
    if (!document.hidden) {
      try {
        const response = await fetch(location.href, { redirect: "manual" });
        if (response.type === "opaqueredirect") location.reload(); // the session is over: sign in
        if (!response.ok) throw new Error("not now");
        show(await response.text());
        seen = new Date();
        delete live.dataset.stale;
      } catch {
        live.dataset.stale = `The bridge does not answer; this is how it was at ${seen.toLocaleTimeString()}.`;
      }
    }
    setTimeout(look, seconds * 1000);
  };
  setTimeout(look, seconds * 1000);
})();
