// What a screen reader would stumble over.
(() => {
  const found = [];
  const named = (one) => one.getAttribute('aria-label') || one.textContent.trim() || one.title
    || [...one.querySelectorAll('img')].some((image) => image.alt);
  document.querySelectorAll('a[href], button').forEach((one) => { if (!named(one)) found.push('without a name: ' + one.outerHTML.slice(0, 80)); });
  document.querySelectorAll('input:not([type=hidden]), select, textarea').forEach((one) => { if (!one.labels.length) found.push('no label: ' + one.name); });
  document.querySelectorAll('img').forEach((one) => { if (one.alt === null) found.push('no alt'); });
  document.querySelectorAll('svg[role=img]').forEach((one) => { if (!one.getAttribute('aria-label')) found.push('chart without words'); });
  document.querySelectorAll('table').forEach((one) => { if (!one.querySelector('th[scope=col]')) found.push('table without heads'); });
  document.querySelectorAll('section').forEach((one) => { const id = one.getAttribute('aria-labelledby'); if (!id || !document.getElementById(id)) found.push('section without a name'); });
  const ids = [...document.querySelectorAll('[id]')].map((one) => one.id);
  ids.forEach((id, place) => { if (ids.indexOf(id) !== place) found.push('twice: ' + id); });
  const heads = [...document.querySelectorAll('h1, h2, h3')].map((one) => Number(one.tagName[1]));
  if (heads.filter((one) => one === 1).length !== 1) found.push('not one h1: ' + heads);
  heads.forEach((one, place) => { if (place && one > heads[place - 1] + 1) found.push('heading skipped'); });
  if (document.documentElement.lang !== 'en' || !document.title) found.push('no language or title');
  if (document.querySelectorAll('main').length !== 1) found.push('not one main');
  return found;
})()
