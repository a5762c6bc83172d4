// Renews the page's living part every few seconds while somebody looks and nobody is in the middle of something.
(() => {
  const every = 8000;
  const renew = async () => {
    const part = document.querySelector("[data-live]");
    if (!part || document.hidden || part.contains(document.activeElement)) return;
    if (!window.getSelection().isCollapsed) return;
    try {
      const answer = await fetch(location.href, { credentials: "same-origin", redirect: "error" });
      if (!answer.ok) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("[data-live]");
      if (!fresh || fresh.innerHTML === part.innerHTML) return;
      const open = new Set([...part.querySelectorAll("details[open]")].map((one) => one.id));
      part.replaceWith(fresh);
      fresh.querySelectorAll("details").forEach((one) => { if (open.has(one.id)) one.open = true; });
    } catch (error) { /* the console is away: the page stays as it is */ }
  };
  setInterval(renew, every);
})();
