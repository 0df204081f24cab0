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
