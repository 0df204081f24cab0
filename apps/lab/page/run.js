'use strict';
// The page of one run. Whoever has a run's object calls show_run(run), as often as there is another to show: once with the one that
// the page was written with, or again and again with what a server tells of a run that goes on. What is chosen, zoomed and answered stays.
//
//     run = {title, headline, topic,               texts
//            lines: [text, …],                     the summary, a line each
//            checks: [{holds, text, evidence}, …], what was expected of the run
//            packets: [{…, words, header}, …],     as --json has them, what the ladder says of each, and its headers in hexadecimal
//            left_out,                             how many packets there were beyond these
//            samples: [{…}, …],                    as --json has them
//            timers: [{flow, from, steps: [[at_us, rtt_us, srtt_us, rto_us], …]}, …],
//            lesson: {intro, questions: [{text, choices}], after, facts: [{known, right, evidence}]}}   or null
//
// The seam for who adds to the page (aperto::lab::page_text puts style and script behind the page's own, as `more`):
//     page_hooks.packet_actions(packet)            elements that stand below a chosen packet's details, such as buttons
//     page_hooks.shown(run)                        called after each show_run
//     show_panel(title)                            returns the element of a side panel of that title, beside the lesson and the packet;
//                                                  it stays, and is the caller's to fill
const page_hooks = {packet_actions: () => [], shown: () => {}};
const byId = id => document.getElementById(id);
const words = JSON.parse(byId('words').textContent);
let run = {packets: [], samples: [], timers: [], checks: [], lines: []}, packets = [], flows = [], chosen = null;
/// Of the packets that filter and connection leave: indices into `packets`, in the order in which they were sent.
let shown = [];

const language = document.documentElement.lang;
const whole = new Intl.NumberFormat(language), cents = new Intl.NumberFormat(language, {minimumFractionDigits: 2, maximumFractionDigits: 2});
const short = new Intl.NumberFormat(language, {maximumSignificantDigits: 4});
const group = n => whole.format(n), time = us => cents.format(us / 1000), brief = n => short.format(n);
/// A duration as one would say it.
const span = us => us < 1000 ? `${brief(us)} µs` : us < 1e6 ? `${brief(us / 1000)} ms` : `${brief(us / 1e6)} s`;
const has = (p, ...marks) => (p.marks || []).some(m => marks.includes(m));
const endOf = p => p.arrived_us === undefined ? p.sent_us : p.arrived_us;
const fill = (text, ...values) => values.reduce((out, one) => out.replace('{}', one), text);

function made(name, attributes, ...inside) {
  const n = document.createElement(name);
  for (const [k, v] of Object.entries(attributes)) if (v !== undefined && v !== false) n.setAttribute(k, v);
  n.append(...inside);
  return n;
}
function drawn(name, attributes, text) {
  const n = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [k, v] of Object.entries(attributes)) n.setAttribute(k, v);
  if (text !== undefined) n.textContent = text;
  return n;
}
/// The first index of `list` whose value is not below `value`.
function firstFrom(list, value, of = one => one) {
  let low = 0, high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (of(list[middle]) < value) low = middle + 1; else high = middle;
  }
  return low;
}
/// About `count` round steps.
function ticks(from, to, count) {
  const rough = Math.max((to - from) / count, 1e-9), power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map(n => n * power).find(n => n >= rough * .999), out = [];
  for (let n = Math.ceil(from / step); n * step <= to; ++n) out.push(n * step);
  return out;
}
/// Draws once for all that asks in the meantime.
const waiting = new Set();
function soon(draw) {
  if (waiting.size === 0) requestAnimationFrame(() => {
    const all = [...waiting];
    waiting.clear();
    for (const one of all) one();
  });
  waiting.add(draw);
}

const kinds = ['lost', 'again', 'zero', 'note', 'syn', 'plain'];
function kindOf(p) {
  if (p.fate === 'lost' || has(p, 'bad-checksum')) return 'lost';
  if (has(p, 'retransmission')) return 'again';
  if (has(p, 'zero-window', 'window-update', 'probe', 'keepalive')) return 'zero';
  if (p.faults || has(p, 'duplicate-ack', 'sack', 'd-sack', 'out-of-order', 'overtaken', 'seen-before', 'ce')) return 'note';
  return /SYN|FIN|RST/.test(p.flags || '') ? 'syn' : 'plain';
}
function label(p) {
  if (p.seq === undefined) return `${{1: 'ICMP', 58: 'ICMPv6', 17: 'UDP'}[p.protocol] || words.other_packet} ${group(p.length)} B`;
  const flags = p.flags.split(' ').filter(f => f !== 'ACK' && (f !== 'PSH' || !p.payload)).join(' ');
  const range = p.payload ? `${group(p.seq)}–${group(p.seq + p.payload - 1)}` : '';
  const ack = p.payload || !/ACK/.test(p.flags) || /SYN|FIN|RST/.test(p.flags) ? '' : `ACK ${group(p.ack)}`;
  return [flags, range, ack].filter(t => t).join(' ');
}
const filters = {
  all: () => true,
  notable: p => p.kind !== 'plain',
  faults: p => p.fate === 'lost' || p.faults,
  again: p => has(p, 'retransmission'),
  data: p => p.payload > 0,
};
const chosenFlow = () => Number(byId('flow').value);
const packetOf = n => packets[firstFrom(packets, n, p => p.n)];

function applyFilter() {
  const wanted = filters[byId('filter').value], flow = chosenFlow();
  shown = [];
  packets.forEach((p, i) => { if (wanted(p) && (!flow || p.flow === flow)) shown.push(i); });
  ladder.reshape();
}
/// Shows a packet everywhere. `bring`: the ladder goes to where it is.
function choose(n, bring) {
  chosen = n === null || packetOf(n)?.n !== n ? null : n;
  tellPacket(chosen === null ? null : packetOf(chosen));
  if (chosen !== null && bring) ladder.bring(packetOf(chosen));
  soon(ladder.draw);
  soon(drawGraphs);
}
/// The packet so many further on among those that are shown.
function step(by) {
  if (shown.length === 0) return;
  const at = firstFrom(shown, chosen ?? 0, i => packets[i].n);
  const to = chosen === null ? (by > 0 ? 0 : shown.length - 1) : Math.min(shown.length - 1, Math.max(0, at + by));
  choose(packets[shown[to]].n, true);
}
function stepNotable(by) {
  let at = chosen === null ? (by > 0 ? -1 : packets.length) : packets.indexOf(packetOf(chosen));
  do at += by; while (packets[at] && packets[at].kind === 'plain');
  if (packets[at]) choose(packets[at].n, true);
}
