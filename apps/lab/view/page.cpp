// SPDX-License-Identifier: MIT
#include "lab/view/page.hpp"

#include "core/sentence.hpp"
#include "lab/view/json_lines.hpp"
#include "lab/view/sockets.hpp"
#include "lab/view/summary.hpp"

#include <cerrno>
#include <fstream>
#include <sstream>
#include <system_error>

namespace aperto::lab {

namespace {

constexpr const char* page_style = R"css(
:root { color-scheme: light dark; --line: #456; --soft: #8888; --lost: #c22; --again: #b60; --zero: #a2a; --note: #077; --syn: #272; }
@media (prefers-color-scheme: dark) { :root { --line: #9bd; --lost: #f77; --again: #fb5; --zero: #e8f; --note: #5cc; --syn: #7d7; } }
body { font: 15px/1.4 system-ui, sans-serif; margin: 1rem auto; max-width: 100rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; } h2 { font-size: 1.05rem; margin: 1.2rem 0 .3rem; }
pre, #details { background: #8881; padding: .6rem; border-radius: 6px; font: 13px/1.45 ui-monospace, monospace; }
#summary div { white-space: pre-wrap; padding-left: 15ch; text-indent: -15ch; }
.bar { display: flex; gap: 1rem; align-items: center; flex-wrap: wrap; margin: .5rem 0; }
.bar label { display: flex; gap: .4rem; align-items: center; } .bar label[hidden] { display: none; }
.key::before { content: ''; display: inline-block; width: 1.4rem; border-top: 3px solid; vertical-align: middle; margin-right: .4rem; }
.key.lost { color: var(--lost); } .key.again { color: var(--again); } .key.zero { color: var(--zero); } .key.note { color: var(--note); } .key.syn { color: var(--syn); }
#ladder-box { height: 65vh; overflow: auto; border: 1px solid var(--soft); border-radius: 6px; }
#ladder-box:focus-visible { outline: 2px solid var(--note); }
#details { min-height: 3rem; overflow-wrap: anywhere; columns: 22rem; margin: .6rem 0; } #details .words { column-span: all; font-weight: 600; margin-bottom: .3rem; }
svg { display: block; width: 100%; } svg text { font: 12px ui-monospace, monospace; fill: currentColor; }
.packet { cursor: pointer; outline: none; } .row { fill: transparent; } .packet:hover .row, .packet.chosen .row { fill: #8883; }
.hit { stroke: transparent; stroke-width: 12; } .way { stroke: var(--line); stroke-width: 1.5; fill: none; } .chosen .way { stroke-width: 3; }
.over { pointer-events: none; } .label { paint-order: stroke; stroke: Canvas; stroke-width: 4px; }
.lost .way { stroke: var(--lost); stroke-dasharray: 5 3; } .lost text { fill: var(--lost); }
.again .way { stroke: var(--again); } .again text { fill: var(--again); }
.zero .way { stroke: var(--zero); } .zero text { fill: var(--zero); }
.note .way { stroke: var(--note); } .note text { fill: var(--note); }
.syn .way { stroke: var(--syn); } .host { stroke: var(--soft); stroke-width: 2; } .time { opacity: .65; }
.grid { stroke: var(--soft); stroke-width: .5; } .dot { stroke: var(--line); stroke-width: 3; cursor: pointer; } .dot.again { stroke: var(--again); stroke-width: 5; } .dot.lost { stroke: var(--lost); stroke-width: 5; }
.acked { stroke: var(--syn); fill: none; stroke-width: 1.4; } .flight { stroke: var(--again); fill: none; stroke-width: 1.4; } .level { stroke: var(--zero); fill: none; stroke-width: 1.4; stroke-dasharray: 6 3; }
)css";

constexpr const char* page_body = R"html(<h2 data-word="ladder"></h2>
<div class="bar">
<label><span data-word="show"></span> <select id="filter"></select></label>
<label id="flow-label"><span data-word="connection"></span> <select id="flow"></select></label>
<label><span data-word="zoom"></span> <input id="zoom" type="range" min="0" max="100" value="0"></label>
<span id="count"></span>
<span class="key syn" data-word="key_syn"></span><span class="key lost" data-word="key_lost"></span><span class="key again" data-word="again"></span>
<span class="key note" data-word="key_note"></span><span class="key zero" data-word="key_zero"></span></div>
<div id="ladder-box" tabindex="0"><svg id="ladder" role="list"></svg></div>
<div id="details" aria-live="polite"></div>
<div class="bar"><label><span data-word="direction"></span> <select id="direction"></select></label></div>
<h2 data-word="sequence"></h2>
<svg id="sequence" viewBox="0 0 1200 360" role="img"></svg>
<h2 data-word="window"></h2>
<svg id="window" viewBox="0 0 1200 280" role="img"></svg>
<div id="samples" hidden><h2 data-word="segments"></h2>
<svg id="segments" viewBox="0 0 1200 280" role="img"></svg>
<h2 data-word="timers"></h2>
<svg id="timers" viewBox="0 0 1200 280" role="img"></svg></div>)html";

// Only what is in view is in the document: a ladder of 20,000 packets scrolls as well as one of 20.
constexpr const char* page_script = R"js('use strict';
const run = JSON.parse(document.getElementById('run').textContent), words = run.words, packets = run.packets;
const byId = id => document.getElementById(id), has = (p, ...marks) => (p.marks || []).some(m => marks.includes(m));
const group = n => n.toLocaleString(document.documentElement.lang);
const time = us => (us / 1000).toLocaleString(document.documentElement.lang, {minimumFractionDigits: 2, maximumFractionDigits: 2});
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
const flows = [...new Set(packets.map(p => p.flow || 0))].filter(n => n > 0);
byId('flow').add(new Option(words.all_connections, ''));
for (const n of flows) byId('flow').add(new Option(n, n));
byId('flow-label').hidden = flows.length < 2;
const chosenFlow = () => Number(byId('flow').value);

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
layout(); choose(null);
)js";

// Both graphs share the time axis. A segment stands as a stroke from its first byte to its last, at the time
// it was sent; what was acknowledged is the step line under it, at the times the sender heard of it.
constexpr const char* page_graphs = R"js(
const largest = (list, of) => list.reduce((most, one) => Math.max(most, of(one)), 1);
function ticks(max) {                             // about five round steps
  const rough = max / 5, power = 10 ** Math.floor(Math.log10(rough)), step = [1, 2, 5, 10].find(n => n * power >= rough) * power;
  return Array.from({length: Math.floor(max / step) + 1}, (_, i) => i * step);
}
function axes(svg, xMax, yMax, w, h, unit) {
  const out = [], x0 = 80, y0 = h - 34, x = t => x0 + t / xMax * (w - x0 - 30), y = v => y0 - v / yMax * (y0 - 30);
  for (const t of ticks(xMax)) out.push(node('line', {x1: x(t), y1: 24, x2: x(t), y2: y0, class: 'grid'}),
    node('text', {x: x(t), y: y0 + 18, 'text-anchor': 'middle'}, `${group(t / 1000)} ${words.ms}`));
  for (const v of ticks(yMax)) out.push(node('line', {x1: x0, y1: y(v), x2: w - 30, y2: y(v), class: 'grid'}),
    node('text', {x: x0 - 6, y: y(v) + 4, 'text-anchor': 'end'}, group(v)));
  out.push(node('text', {x: x0 - 6, y: 14, 'text-anchor': 'end'}, unit));
  svg.replaceChildren(...out);
  return [x, y];
}
function legend(svg, entries) {
  let x = 90;
  for (const [name, text] of entries) {
    svg.append(node('line', {x1: x, y1: 10, x2: x + 22, y2: 10, class: name}), node('text', {x: x + 28, y: 14}, text));
    x += 28 + text.length * letter + 24;
  }
}
const steps = points => points.map((p, i) => i ? `H${p[0].toFixed(1)}V${p[1].toFixed(1)}` : `M${p[0].toFixed(1)} ${p[1].toFixed(1)}`).join('');
function graphs() {
  const from = byId('direction').value, flow = chosenFlow() || flows[0], tcp = packets.filter(p => p.flow === flow);
  const mine = tcp.filter(p => p.from === from && p.payload > 0 && !(p.faults || []).includes('copy'));
  const acks = tcp.filter(p => p.from !== from && p.fate !== 'lost' && /ACK/.test(p.flags || '')).sort((a, b) => endOf(a) - endOf(b));
  const xMax = largest(tcp, endOf);
  const s = byId('sequence'), [x, y] = axes(s, xMax, largest(mine, p => p.end_seq), 1200, 360, words.bytes);
  s.append(node('path', {class: 'acked', d: steps(acks.map(p => [x(endOf(p)), y(p.ack)]))}));
  for (const p of mine) {
    const dot = node('line', {x1: x(p.sent_us), x2: x(p.sent_us), y1: y(p.seq), y2: Math.min(y(p.end_seq), y(p.seq) - 3), class: 'dot ' + kindOf(p), 'data-n': p.n});
    dot.append(node('title', {}, `${group(p.n)} · ${time(p.sent_us)} ${words.ms} · ${label(p)}`));
    s.append(dot);
  }
  legend(s, [['dot', words.sent], ['dot again', words.again], ['dot lost', words.lost], ['acked', words.acknowledged]]);
  const moments = [...mine.map(p => [p.sent_us, p, false]), ...acks.map(p => [endOf(p), p, true])].sort((a, b) => a[0] - b[0]);
  const seen = []; let highest = 1, acked = 1, offered = 0;
  for (const [t, p, isAck] of moments) {
    if (isAck) { acked = Math.max(acked, p.ack); offered = p.window; } else highest = Math.max(highest, p.end_seq);
    seen.push([t, Math.max(0, highest - acked), offered]);
  }
  const w = byId('window'), [wx, wy] = axes(w, xMax, largest(seen, v => Math.max(v[1], v[2])), 1200, 280, words.bytes);
  w.append(node('path', {class: 'acked', d: steps(seen.map(v => [wx(v[0]), wy(v[2])]))}),
    node('path', {class: 'flight', d: steps(seen.map(v => [wx(v[0]), wy(v[1])]))}));
  legend(w, [['acked', words.advertised], ['flight', words.in_flight]]);
  sampled(from, tcp.find(p => p.from === from), xMax);
}
// What the host's kernel said of the connection's socket (--samples).
function sampled(from, packet, xMax) {
  const all = run.samples.filter(s => s.from === from && s.cwnd && packet && s.sport === packet.sport && s.dport === packet.dport);
  byId('samples').hidden = all.length === 0;
  const draw = (id, unit, curves) => {
    const svg = byId(id), [x, y] = axes(svg, xMax, largest(all, s => Math.max(...curves.map(c => s[c[0]] || 0))), 1200, 280, unit);
    for (const [key, name] of curves)
      svg.append(node('path', {class: name, d: steps(all.filter(s => s[key] !== undefined).map(s => [x(s.at_us), y(s[key])]))}));
    legend(svg, curves.map(c => [c[1], c[2]]));
  };
  draw('segments', '', [['cwnd', 'acked', 'cwnd'], ['ssthresh', 'level', 'ssthresh'], ['in_flight', 'flight', words.in_flight]]);
  draw('timers', words.ms, [['rto_ms', 'flight', 'RTO'], ['srtt_ms', 'acked', 'SRTT']]);
}
byId('direction').onchange = graphs;
byId('flow').onchange = () => { layout(); graphs(); };
byId('sequence').onclick = e => { const n = e.target.closest('.dot[data-n]'); if (n) { byId('filter').value = 'all'; layout(); choose(Number(n.dataset.n), true); } };
graphs();
)js";

/// JSON inside <script>: no "</" may end the element early.
std::string for_script(std::string text) {
    for (auto at = text.find("</"); at != std::string::npos; at = text.find("</", at + 3)) {
        text.replace(at, 2, "<\\/");
    }
    return text;
}

std::string words_json() {
    const std::vector<std::pair<const char*, const char*>> words{
        {"client", _("client")},
        {"server", _("server")},
        {"all", _("all packets")},
        {"notable", _("out of the ordinary")},
        {"faults", _("struck by the wire")},
        {"again", _("sent again")},
        {"data", _("with data")},
        {"connection", _("connection")},
        {"all_connections", _("all connections")},
        {"ladder", _("Ladder")},
        {"sequence", _("Time and sequence numbers")},
        {"window", _("Window")},
        {"zoom", _("zoom")},
        {"show", _("show")},
        {"details", _("Click a packet for its details; the arrow keys go from one to the next.")},
        {"key_syn", _("beginning and end")},
        {"key_lost", _("lost or damaged")},
        {"key_note", _("out of order, SACK, duplicate ACK")},
        {"key_zero", _("zero window and its end")},
        {"ms", "ms"},
        {"bytes", _("bytes")},
        {"sent", _("sent")},
        {"lost", _("lost")},
        {"acknowledged", _("acknowledged")},
        {"in_flight", _("sent but not acknowledged")},
        {"advertised", _("window the receiver offers")},
        {"segments", _("Segments, as the kernel counts them")},
        {"timers", _("Round trip and retransmission timer, as the kernel has them")},
        {"direction", _("stream of the")}};
    std::string out = "{";
    for (const auto& [key, text] : words) {
        out += (out.size() > 1 ? "," : "") + json_string(key) + ":" + json_string(text);
    }
    return out + "}";
}

}  // namespace

void page_data::add(const event& one) {
    if (count_ == packets_max) {
        ++left_out_;
        return;
    }
    auto object = event_json(one, *named_);
    object.pop_back();
    const auto loss = words_.loss(one);
    auto text = words_.about(one);
    if (!loss.empty()) {
        text = loss + (text.empty() ? "" : " · ") + text;
    }
    packets_ += (count_ > 0 ? ",\n" : "") + object + R"(,"words":)" + json_string(text) + "}";
    ++count_;
}

void page_data::write(const std::string& path, const run_report& report,
                      const std::vector<verdict>& verdicts) const {
    std::ofstream file(path, std::ios::trunc);
    if (!file) {
        throw std::system_error(errno, std::system_category(), path);
    }
    const std::string language = std::string_view(_("en")).substr(0, 2) == "pt" ? "pt-BR" : "en";
    file << "<!DOCTYPE html>\n<html lang=\"" << language << "\">\n<head>\n<meta charset=\"utf-8\">\n"
         << "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
            "'unsafe-inline'; script-src "
            "'unsafe-inline'\">\n"
         << "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>"
         << for_markup(title_) << "</title>\n<style>" << page_style << "</style>\n</head>\n<body>\n<h1>"
         << for_markup(title_) << "</h1>\n<pre id=\"summary\">";
    std::string samples;
    for (const auto& one : report.socket_samples) {
        samples += (samples.empty() ? "" : ",\n") + sample_json(one);
    }
    auto summary = summary_text(report);
    for (const auto& one : verdicts) {
        summary += fmt::format("{} {}   {}\n", one.holds ? "✓" : "✗", one.text, one.evidence);
    }
    if (left_out_ > 0) {
        summary +=
            counted("{} more packet is not on this page", "{} more packets are not on this page", left_out_) +
            "\n";
    }
    std::istringstream lines(summary);
    for (std::string line; std::getline(lines, line);) {
        file << "<div>" << for_markup(line) << "</div>";
    }
    file << "</pre>\n"
         << page_body
         << "\n<script id=\"run\" type=\"application/json\">{\"words\":" << for_script(words_json())
         << ",\"packets\":[\n"
         << for_script(packets_) << "\n],\"samples\":[\n"
         << samples << "\n]}</script>\n<script>" << page_script << page_graphs
         << "</script>\n</body>\n</html>\n";
    file.close();
    if (file.fail()) {
        throw std::system_error(EIO, std::system_category(), path);
    }
}

std::string for_markup(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
        case '&':
            out += "&amp;";
            break;
        case '<':
            out += "&lt;";
            break;
        case '>':
            out += "&gt;";
            break;
        case '"':
            out += "&quot;";
            break;
        default:
            out += c;
        }
    }
    return out;
}

}  // namespace aperto::lab
