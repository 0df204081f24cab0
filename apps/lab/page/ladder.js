const left = 90, right = 640, wordsAt = right + 80, top0 = 44, sendGap = 30, arrivalGap = 14, letter = 7.3;
let shown = [], leaves = [], arrives = [], chosen = null, height = 0, width = 0;
const endOf = p => p.arrived_us === undefined ? p.sent_us : p.arrived_us;

// Every departure and every arrival has a height of its own, in the order of time: arrows cross where packets
// overtook each other, and no two times are written over one another. Zoom adds room for the time between.
function layout() {
  shown = packets.filter(filters[byId('filter').value]).filter(p => !chosenFlow() || p.flow === chosenFlow());
  const moments = [];
  shown.forEach((p, i) => {
    moments.push([p.sent_us, i, true]);
    if (p.fate !== 'lost') moments.push([endOf(p), i, false]);
  });
  moments.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const zoom = Number(byId('zoom').value);
  let y = top0 - sendGap, last = moments.length ? moments[0][0] : 0;
  leaves = []; arrives = [];
  for (const [at, i, leaving] of moments) {
    y += (leaving ? sendGap : arrivalGap) + Math.min(600, (at - last) / 1000 * zoom / 4);
    (leaving ? leaves : arrives)[i] = y;
    last = at;
  }
  height = y + 60;
  byId('count').textContent = `${group(shown.length)} / ${group(packets.length)}`;
  draw();
}
function kindOf(p) {
  if (p.fate === 'lost' || has(p, 'bad-checksum')) return 'lost';
  if (has(p, 'retransmission')) return 'again';
  if (has(p, 'zero-window', 'window-update', 'probe')) return 'zero';
  if (has(p, 'duplicate-ack', 'sack', 'd-sack', 'out-of-order', 'overtaken', 'seen-before')) return 'note';
  return /SYN|FIN|RST/.test(p.flags || '') ? 'syn' : '';
}
function label(p) {
  if (p.seq === undefined) return `${p.protocol || ''} ${group(p.length)} B`;
  const range = p.payload ? ` ${group(p.seq)}–${group(p.seq + p.payload - 1)}` : '';
  return `${p.flags}${range}${p.flags.includes('ACK') ? ' ack ' + group(p.ack) : ''} win ${group(p.window)}`;
}
function lines(text) {                            // at most two, broken between words
  const most = Math.floor((width - wordsAt - 50) / letter);
  if (text.length <= most) return [text];
  const cut = text.lastIndexOf(' ', most), first = text.slice(0, cut > 0 ? cut : most), rest = text.slice(first.length).trim();
  const end = rest.lastIndexOf(' ', most - 2);
  return [first, rest.length <= most ? rest : rest.slice(0, end > 0 ? end : most - 2) + ' …'];
}
function arrow(x1, y1, x2, y2) {
  const slant = Math.atan2(y2 - y1, x2 - x1), tip = a => `${x2 - 9 * Math.cos(slant + a)},${y2 - 9 * Math.sin(slant + a)}`;
  return node('polyline', {points: `${tip(.4)} ${x2},${y2} ${tip(-.4)}`, class: 'way'});
}
function packetNode(p, i) {
  const y = leaves[i], up = p.from === 'client', lost = p.fate === 'lost', x1 = up ? left : right;
  const x2 = lost ? (left + right) / 2 : up ? right : left, y2 = lost ? y + 6 : arrives[i];
  const g = node('g', {class: `packet ${kindOf(p)}${chosen === p.n ? ' chosen' : ''}`, tabindex: -1, role: 'listitem', 'data-n': p.n});
  const way = {x1, y1: y, x2, y2}, beside = [left - 8, right + 8], anchor = ['end', 'start'];
  const clock = (us, y, server) => node('text', {x: beside[+server], y: y + 4, 'text-anchor': anchor[+server], class: 'time'}, time(us));
  g.append(node('title', {}, p.words || ''), node('rect', {x: 0, y: y - 16, width, height: sendGap - 2, class: 'row'}),
    node('line', {...way, class: 'hit'}), node('line', {...way, class: 'way'}), clock(p.sent_us, y, !up));
  g.append(lost ? node('text', {x: x2, y: y2 + 5, 'text-anchor': 'middle'}, '✗') : arrow(x1, y, x2, y2));
  if (!lost) g.append(clock(endOf(p), y2, up));
  g.append(node('text', {x: wordsAt + 36, y: y + 4, 'text-anchor': 'end', class: 'time'}, group(p.n)));
  lines(p.words || '').forEach((text, line) => g.append(node('text', {x: wordsAt + 46, y: y + 4 + 13 * line}, text)));
  const over = node('g', {class: `over ${kindOf(p)}`});  // drawn last, so that no arrow crosses what is written
  over.append(node('text', {x: x1 + (up ? 8 : -8), y: y - 5, 'text-anchor': anchor[+up], class: 'label'}, label(p)));
  return [g, over];
}
function draw() {
  const box = byId('ladder-box'), svg = byId('ladder'), from = box.scrollTop - 100, to = box.scrollTop + box.clientHeight + 100;
  width = Math.max(box.clientWidth, 1150);
  svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
  svg.style.height = height + 'px'; svg.style.width = width + 'px';
  const host = (x, name) => [node('line', {x1: x, y1: 24, x2: x, y2: height - 20, class: 'host'}), node('text', {x, y: 16, 'text-anchor': 'middle'}, name)];
  const out = [...host(left, words.client), ...host(right, words.server)];
  const visible = [];
  shown.forEach((p, i) => { if ((arrives[i] ?? leaves[i]) >= from && leaves[i] <= to) visible.push(packetNode(p, i)); });
  svg.replaceChildren(...out, ...visible.map(v => v[0]), ...visible.map(v => v[1]));
}
function choose(n, bringIntoView) {
  chosen = n;
  const p = packets.find(one => one.n === n), told = byId('details');
  told.replaceChildren();
  const line = (text, name) => { const d = document.createElement('div'); d.className = name; d.textContent = text; told.append(d); };
  line(p ? p.words || label(p) : words.details, 'words');
  for (const [k, v] of Object.entries(p || {}))
    if (k !== 'event' && k !== 'words') line(`${k}: ${typeof v === 'object' ? JSON.stringify(v) : v}`, 'fact');
  if (p) told.append(...page_hooks.packet_actions(p));
  const i = shown.indexOf(p), box = byId('ladder-box');
  if (bringIntoView && i >= 0 && (leaves[i] < box.scrollTop + 30 || leaves[i] > box.scrollTop + box.clientHeight - 60))
    box.scrollTop = leaves[i] - box.clientHeight / 2;
  draw();
}
function step(by) {
  const at = shown.findIndex(p => p.n === chosen), to = at < 0 ? 0 : Math.min(shown.length - 1, Math.max(0, at + by));
  if (shown[to]) choose(shown[to].n, true);
}
byId('filter').onchange = byId('zoom').oninput = layout;
byId('ladder-box').onscroll = draw;
window.onresize = draw;
byId('ladder').onclick = e => { const g = e.target.closest('.packet'); if (g) choose(Number(g.dataset.n)); byId('ladder-box').focus({preventScroll: true}); };
byId('ladder-box').onkeydown = e => {
  const by = {ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity}[e.key];
  if (by) { e.preventDefault(); step(by); }
};
