// What the graphs are drawn from: one direction of one connection, from its packets as they entered and left the wire and from what the kernel
// said of its socket (--samples). Each list is in the order of its time; what neither of the two told is not there.
function streamOf(from, flow) {
  const tcp = packets.filter(p => p.flow === flow), sent = tcp.filter(p => p.from === from && !(p.faults || []).includes('copy'));
  const data = sent.filter(p => p.payload > 0 || /SYN|FIN/.test(p.flags));
  const heard = tcp.filter(p => p.from !== from && p.fate !== 'lost' && /ACK/.test(p.flags) && !has(p, 'bad-checksum')).sort((a, b) => endOf(a) - endOf(b));
  const out = {from, flow, packets: tcp, sent, data, acks: [], flight: [], duplicates: [], blocks: []};
  followAcks(out, data, heard);
  const one = tcp.find(p => p.from === from);
  out.samples = one ? run.samples.filter(s => s.from === from && s.sport === one.sport && s.dport === one.dport) : [];
  out.cwnd = out.samples.filter(s => s.cwnd !== undefined);
  out.timers = (run.timers.find(t => t.flow === flow && t.from === from) || {steps: []}).steps;
  out.resent = data.filter(p => p.resent);
  out.plain = data.filter(p => !p.resent && p.fate !== 'lost');
  out.missing = data.filter(p => p.fate === 'lost');
  out.ways = tcp.filter(p => p.from === from && p.fate !== 'lost' && !(p.faults || []).includes('made-by-wire'));
  out.lost = tcp.filter(p => p.from === from && p.fate === 'lost');
  out.written = sums(tcp.filter(p => p.from === from), p => p.sent_us, p => p.length);
  out.taken = arrivals(tcp.filter(p => p.from === from && p.fate !== 'lost' && p.payload > 0 && !has(p, 'bad-checksum', 'seen-before')));
  return out;
}
/// What is acknowledged and how far the window reaches, when the sender hears of it, and how much it has under way.
function followAcks(out, data, heard) {
  let acked = 0, highest = 0, edge = 0, i = 0;
  const note = t => out.flight.push({t, bytes: Math.max(0, highest - acked), window: Math.max(0, edge - acked)});
  for (const p of heard) {
    const t = endOf(p);
    for (; i < data.length && data[i].sent_us <= t; ++i) { highest = Math.max(highest, data[i].end_seq); note(data[i].sent_us); }
    acked = Math.max(acked, p.ack);
    edge = Math.max(edge, p.ack + p.window);
    out.acks.push({t, ack: acked, edge, p});
    if (has(p, 'duplicate-ack')) out.duplicates.push({t, ack: p.ack, p});
    for (const [left, right] of p.sack || []) out.blocks.push({t, left, right, again: has(p, 'd-sack') && right <= acked, p});
    note(t);
  }
  for (; i < data.length; ++i) { highest = Math.max(highest, data[i].end_seq); note(data[i].sent_us); }
}
function sums(list, when, much) {
  let total = 0;
  return list.map(p => ({t: when(p), total: total += much(p)}));
}
/// New bytes as they arrived, whatever their order.
const arrivals = list => sums([...list].sort((a, b) => endOf(a) - endOf(b)), endOf, p => p.payload);
const totalAt = (list, t) => { const i = firstFrom(list, t, one => one.t); return i > 0 ? list[i - 1].total : 0; };
/// The entry that holds at a time: the last one before it.
const heldAt = (list, t, of = one => one.t) => { const i = firstFrom(list, t + .001, of); return i > 0 ? list[i - 1] : undefined; };
/// Those between two times, with one before and one after them. Of very many, those that a picture can show: in each piece of a pixel's breadth
/// the first, the last, and those with the least and the most of each of `values`.
function between(list, from, to, of = one => one.t, values = []) {
  const first = firstFrom(list, from, of), end = firstFrom(list, to, of);
  if (end - first <= 4000) return list.slice(Math.max(0, first - 1), end + 1);
  const level = 2 * Math.ceil(Math.log2(graphZoom.k) / 2), name = 'thin' + level;
  if (!list[name]) list[name] = thinned(list, of, values, 1024 * 2 ** level);
  return between(list[name], from, to, of);
}
function thinned(list, of, values, pieces) {
  const out = [], scale = pieces / (span1 - span0);
  for (let i = 0; i < list.length;) {
    const limit = span0 + (Math.floor((of(list[i]) - span0) * scale) + 1) / scale, begin = i;
    for (++i; i < list.length && of(list[i]) < limit;) ++i;
    if (i - begin <= 2 + 2 * values.length) {
      for (let n = begin; n < i; ++n) out.push(list[n]);
      continue;
    }
    const kept = [begin, i - 1];
    for (const value of values) {
      let low = begin, high = begin, lowest = value(list[begin]), highest = lowest;
      for (let n = begin + 1; n < i; ++n) {
        const one = value(list[n]);
        if (one < lowest) { lowest = one; low = n; } else if (one > highest) { highest = one; high = n; }
      }
      kept.push(low, high);
    }
    kept.sort((a, b) => a - b);
    kept.forEach((n, place) => { if (n !== kept[place - 1]) out.push(list[n]); });
  }
  return out;
}
function most(list, of) {
  let out = -Infinity;
  for (const one of list) { const v = of(one); if (v > out) out = v; }
  return out;
}
const least = (list, of) => -most(list, one => -of(one));
