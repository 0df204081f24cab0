// SPDX-License-Identifier: MIT
#include "lab/page.hpp"

namespace aperto::lab {

// Only what is in view is in the document: a ladder of 20,000 packets scrolls as well as one of 20.
const char* const page_script = R"js('use strict';
const run = JSON.parse(document.getElementById('run').textContent), words = run.words, packets = run.packets;
const byId = id => document.getElementById(id), has = (p, m) => (p.marks || []).includes(m);
const node = (name, attributes, text) => {
  const n = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [k, v] of Object.entries(attributes)) n.setAttribute(k, v);
  if (text !== undefined) n.textContent = text;
  return n;
};
for (const n of document.querySelectorAll('[data-word]')) n.textContent = words[n.dataset.word];
const filters = {
  all: () => true,
  notable: p => p.fate === 'lost' || p.faults || (p.marks || []).length > 0 || /SYN|FIN|RST/.test(p.flags || ''),
  faults: p => p.fate === 'lost' || p.faults,
  again: p => has(p, 'retransmission'),
  data: p => p.payload > 0,
};
for (const name of Object.keys(filters)) byId('filter').add(new Option(words[name], name));
for (const name of ['client', 'server']) byId('direction').add(new Option(words[name], name));

const left = 110, right = 560, rowHeight = 34, top0 = 40;
let shown = [], places = [], chosen = null;
const endOf = p => p.arrived_us === undefined ? p.sent_us : p.arrived_us;
function layout() {
  shown = packets.filter(filters[byId('filter').value]);
  const zoom = Number(byId('zoom').value);
  places = []; let y = top0, last = shown.length ? shown[0].sent_us : 0;
  for (const p of shown) {                      // rows, stretched by the time between them as far as zoom says
    y += rowHeight + Math.min(600, Math.max(0, p.sent_us - last) / 1000 * zoom / 4);
    places.push(y); last = p.sent_us;
  }
  const height = (places.at(-1) || top0) + 260;
  byId('ladder').setAttribute('viewBox', `0 0 1150 ${height}`);
  byId('ladder').style.height = height + 'px'; byId('ladder').style.width = '1150px';
  byId('count').textContent = `${shown.length} / ${packets.length}`;
  draw();
}
function kindOf(p) {
  if (p.fate === 'lost' || has(p, 'bad-checksum')) return 'lost';
  if (has(p, 'retransmission')) return 'again';
  if (has(p, 'zero-window') || has(p, 'window-update') || has(p, 'probe')) return 'zero';
  if ((p.marks || []).some(m => ['duplicate-ack', 'sack', 'd-sack', 'out-of-order', 'overtaken'].includes(m))) return 'note';
  return /SYN|FIN|RST/.test(p.flags || '') ? 'syn' : '';
}
const group = n => n.toLocaleString(document.documentElement.lang);
function label(p) {
  if (p.seq === undefined) return `${p.length} B`;
  const range = p.payload ? ` ${group(p.seq)}–${group(p.seq + p.payload - 1)}` : '';
  return `${p.flags}${range}${p.flags.includes('ACK') ? ' ack ' + group(p.ack) : ''} win ${group(p.window)}`;
}
function slope(i) {                              // how far down it arrives: after the packets sent meanwhile
  const p = shown[i], end = endOf(p);
  let j = i; while (j + 1 < shown.length && shown[j + 1].sent_us < end && j - i < 40) j++;
  const from = places[i], to = places[j];
  return Math.min(to - from + 8, 400);
}
function packetNode(p, i) {
  const y = places[i], ltr = p.from === 'client', x1 = ltr ? left : right, x2 = ltr ? right : left, lost = p.fate === 'lost';
  const down = lost ? 6 : slope(i), xe = lost ? (x1 + x2) / 2 : x2, ye = y + (lost ? down / 2 : down);
  const g = node('g', {class: `packet ${kindOf(p)}${chosen === p.n ? ' chosen' : ''}`, tabindex: 0, role: 'listitem', 'data-n': p.n});
  const line = {x1, y1: y, x2: xe, y2: ye};
  g.append(node('rect', {x: 0, y: y - rowHeight / 2, width: 1150, height: rowHeight - 2, class: 'row'}), node('line', {...line, class: 'hit'}), node('line', {...line, class: 'way'}));
  if (lost) g.append(node('text', {x: xe, y: ye + 5, 'text-anchor': 'middle'}, '✗'));
  else { const slant = Math.atan2(ye - y, xe - x1);
    const tip = a => `${xe - 9 * Math.cos(slant + a)},${ye - 9 * Math.sin(slant + a)}`;
    g.append(node('polyline', {points: `${tip(.4)} ${xe},${ye} ${tip(-.4)}`, class: 'way'})); }
  const ms = us => (us / 1000).toFixed(2);
  g.append(node('text', {x: ltr ? left - 8 : left - 8, y: (ltr ? y : ye) + 4, 'text-anchor': 'end', class: 'time'}, ltr ? ms(p.sent_us) : lost ? '' : ms(endOf(p))),
    node('text', {x: right + 8, y: (ltr ? ye : y) + 4, class: 'time'}, ltr ? (lost ? '' : ms(endOf(p))) : ms(p.sent_us)),
    node('text', {x: (left + right) / 2, y: y - 4, 'text-anchor': 'middle'}, label(p)),
    node('text', {x: right + 90, y: y + 4}, `${p.n}  ${(p.words || '').slice(0, 90)}`));
  return g;
}
function draw() {
  const box = byId('ladder-box'), svg = byId('ladder'), from = box.scrollTop - 500, to = box.scrollTop + box.clientHeight + 100;
  const height = parseFloat(svg.style.height), out = [];
  out.push(node('line', {x1: left, y1: 24, x2: left, y2: height - 20, class: 'host'}), node('line', {x1: right, y1: 24, x2: right, y2: height - 20, class: 'host'}),
    node('text', {x: left, y: 16, 'text-anchor': 'middle'}, words.client), node('text', {x: right, y: 16, 'text-anchor': 'middle'}, words.server));
  shown.forEach((p, i) => { if (places[i] >= from && places[i] <= to) out.push(packetNode(p, i)); });
  svg.replaceChildren(...out);
}
function choose(n) {
  chosen = n;
  const p = packets.find(one => one.n === n);
  byId('details').textContent = p ? `${p.words ? p.words + '\n' : ''}${Object.entries(p).filter(([k]) => k !== 'event' && k !== 'words')
    .map(([k, v]) => `${k}: ${typeof v === 'object' ? JSON.stringify(v) : v}`).join('\n')}` : words.details;
  draw();
}
function axes(svg, xMax, yMax, w, h) {
  const out = [], x = t => 60 + t / (xMax || 1) * (w - 80), y = v => h - 30 - v / (yMax || 1) * (h - 50);
  for (let i = 0; i <= 4; i++) {
    const gx = xMax * i / 4, gy = yMax * i / 4;
    out.push(node('line', {x1: x(gx), y1: 10, x2: x(gx), y2: h - 30, class: 'grid'}), node('text', {x: x(gx), y: h - 12, 'text-anchor': 'middle'}, `${(gx / 1000).toFixed(1)} ${words.ms}`),
      node('line', {x1: 60, y1: y(gy), x2: w - 20, y2: y(gy), class: 'grid'}), node('text', {x: 55, y: y(gy) + 4, 'text-anchor': 'end'}, group(Math.round(gy))));
  }
  svg.replaceChildren(...out);
  return [x, y];
}
const path = points => points.map((p, i) => `${i ? 'L' : 'M'}${p[0].toFixed(1)} ${p[1].toFixed(1)}`).join('');
function graphs() {
  const from = byId('direction').value, tcp = packets.filter(p => p.flow === 1);
  const mine = tcp.filter(p => p.from === from && p.payload > 0), acks = tcp.filter(p => p.from !== from && p.ack !== undefined && /ACK/.test(p.flags));
  const xMax = Math.max(1, ...tcp.map(endOf)), yMax = Math.max(1, ...mine.map(p => p.end_seq));
  const s = byId('sequence'), [x, y] = axes(s, xMax, yMax, 1000, 320);
  for (const p of mine) s.append(node('circle', {cx: x(p.sent_us), cy: y(p.seq), r: 2.5, class: 'dot ' + kindOf(p)}));
  s.append(node('path', {class: 'acked', d: path(acks.filter(p => p.fate !== 'lost').map(p => [x(endOf(p)), y(p.ack)]))}));
  const steps = []; let highest = 0, acked = 0, window = 0; const events = [...mine.map(p => [p.sent_us, p, 0]), ...acks.map(p => [endOf(p), p, 1])].sort((a, b) => a[0] - b[0]);
  for (const [t, p, isAck] of events) {
    if (isAck) { acked = Math.max(acked, p.ack); window = p.window; } else highest = Math.max(highest, p.end_seq);
    steps.push([t, Math.max(0, highest - Math.max(acked, 1)), window]);
  }
  const wMax = Math.max(1, ...steps.map(v => Math.max(v[1], v[2]))), wsvg = byId('window'), [wx, wy] = axes(wsvg, xMax, wMax, 1000, 260);
  wsvg.append(node('path', {class: 'acked', d: path(steps.map(v => [wx(v[0]), wy(v[2])]))}), node('path', {class: 'flight', d: path(steps.map(v => [wx(v[0]), wy(v[1])]))}),
    node('text', {x: 70, y: 24, fill: 'currentColor'}, `― ${words.advertised}   ― ${words.in_flight}`));
}
byId('filter').onchange = byId('zoom').oninput = layout;
byId('direction').onchange = graphs;
byId('ladder-box').onscroll = draw;
byId('ladder').onclick = e => { const g = e.target.closest('.packet'); if (g) choose(Number(g.dataset.n)); };
byId('ladder').onkeydown = e => { const g = e.target.closest('.packet'); if (g && (e.key === 'Enter' || e.key === ' ')) { e.preventDefault(); choose(Number(g.dataset.n)); } };
layout(); choose(null); graphs();
)js";

}  // namespace aperto::lab
