// Every text whose contrast with what lies behind it is less than WCAG 2.1 asks for (1.4.3: 4.5, large text 3).
(() => {
  const parse = (text) => { const c = (text.match(/[\d.]+/g) || []).map(Number); return c.length > 3 ? c : [...c, 1]; };
  const over = (a, b) => [0, 1, 2].map((i) => a[i] * a[3] + b[i] * (1 - a[3]));
  const light = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const behind = (one) => { const layers = []; for (let at = one; at; at = at.parentElement) layers.push(parse(getComputedStyle(at).backgroundColor));
    return layers.reverse().reduce((back, layer) => over(layer, back), [255, 255, 255]); };
  const poor = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const one = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !one.getClientRects().length || one.closest('.hidden, .skip, [aria-disabled], title')) continue;
    const style = getComputedStyle(one), back = behind(one);
    const ink = one.closest('svg') ? style.fill : style.color;
    const [a, b] = [light(over(parse(ink), back)), light(back)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05), size = parseFloat(style.fontSize);
    const least = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
    if (ratio < least) poor.push(`${walk.currentNode.data.trim().slice(0, 40)}: ${ratio.toFixed(2)} (${ink} on ${back})`);
  }
  return [...new Set(poor)];
})()
