// What each graph draws of a stream. `known` says whether the run told of it; `range` the values in view; `draw` draws and returns the legend;
// `tell` says what there is at a moment.
/// A line of steps through points, one pixel column at a time: of many points in one column the first, the highest, the lowest and the last.
function steps(context, list, when, value, y, shade) {
  context.strokeStyle = colour(shade); context.lineWidth = 1.8; context.beginPath();
  let column = NaN, low = 0, high = 0, last = NaN;
  const close = () => { if (!Number.isNaN(column)) { context.lineTo(column, low); context.lineTo(column, high); context.lineTo(column, last); } };
  for (const one of list) {
    const v = value(one);
    if (v === undefined) continue;
    const x = Math.round(timeX(when(one)) * 2) / 2, pixel = y(v);
    if (x !== column) {
      close();
      if (Number.isNaN(column)) context.moveTo(x, pixel); else { context.lineTo(x, last); context.lineTo(x, pixel); }
      column = x; low = high = pixel;
    }
    low = Math.min(low, pixel); high = Math.max(high, pixel); last = pixel;
  }
  close();
  context.stroke();
}
/// Dots or strokes, drawn once where many are the same pixels. `shape` gives [x, y1, y2].
function strokes(context, list, shade, width, shape) {
  context.strokeStyle = colour(shade); context.lineWidth = width; context.beginPath();
  let last = [];
  for (const one of list) {
    const [x, y1, y2] = shape(one);
    if (Math.abs(x - last[0]) < .6 && Math.abs(y1 - last[1]) < .6 && Math.abs(y2 - last[2]) < .6) continue;
    last = [x, y1, y2];
    context.moveTo(x, y1); context.lineTo(x, Math.abs(y2 - y1) < 2.5 ? y1 - 2.5 : y2);
  }
  context.stroke();
}
const seqOf = p => p.seq, endSeq = p => p.end_seq, ackOf = a => a.ack, edgeOf = a => a.edge, inFlight = f => f.bytes, windowOf = f => f.window, wayOf = p => endOf(p) - p.sent_us;
const bytesText = n => fill(words.n_bytes, group(n)), at = t => t.t, sentAt = p => p.sent_us;

const sequence = {
  id: 'sequence',
  known: s => s.data.length > 0,
  range(s, from, to) {
    const data = between(s.data, from, to, sentAt, [seqOf, endSeq]), acks = between(s.acks, from, to, at, [ackOf, edgeOf]);
    const low = Math.min(least(data, p => p.seq), least(acks, a => a.ack)), high = Math.max(most(data, p => p.end_seq), most(acks, a => a.ack), low + 1);
    const edge = most(acks, a => a.edge);
    // A window far larger than all that is sent would leave the picture to itself.
    this.edgeShown = edge - low < 2 * (high - low);
    return {left: [low, (this.edgeShown ? Math.max(edge, high) : high) * 1 + (high - low) * .04], unit: words.bytes};
  },
  draw(context, s, y, _, from, to) {
    const acks = between(s.acks, from, to, at, [ackOf, edgeOf]), part = list => between(list, from, to, sentAt, [seqOf, endSeq]), shape = p => [timeX(p.sent_us), y(p.seq), y(p.end_seq)];
    const some = list => list.length > 0, blocks = between(s.blocks, from, to, at, [b => b.left, b => b.right]), duplicates = between(s.duplicates, from, to, at, [ackOf]);
    if (this.edgeShown) steps(context, acks, at, a => a.edge, y, 'zero');
    steps(context, acks, at, a => a.ack, y, 'syn');
    strokes(context, blocks, 'note', 2, b => [timeX(b.t), y(b.left), y(b.right)]);
    strokes(context, duplicates, 'syn', 2, d => [timeX(d.t), y(d.ack) + 4, y(d.ack) - 4]);
    strokes(context, part(s.plain), 'plain', 2.5, shape);
    strokes(context, part(s.resent), 'again', 4, shape);
    strokes(context, part(s.missing), 'lost', 4, shape);
    return [['plain', words.sent], ...(some(s.resent) ? [['again', words.again]] : []), ...(some(s.lost) ? [['lost', words.lost]] : []),
      ['syn', words.acknowledged], ...(some(s.duplicates) ? [['syn', words.duplicate_acks, 'tick']] : []), ...(some(s.blocks) ? [['note', words.sack_blocks]] : []),
      ...(some(s.acks) ? [['zero', this.edgeShown ? words.window_edge : fill(words.window_edge_above, bytesText(most(acks, a => a.edge - a.ack)))]] : [])];
  },
  tell(s, t) {
    const ack = heldAt(s.acks, t), p = heldAt(s.data, t, sentAt);
    return [p && `${fill(words.packet_n, group(p.n))}, ${p.label}`, ack && `${words.acknowledged} ${group(ack.ack)}`, ack && `${words.window_edge} ${group(ack.edge)}`]
      .filter(one => one).join(' · ');
  },
};
const flight = {
  id: 'flight',
  known: s => s.data.some(p => p.payload > 0),
  range(s, from, to) {
    const list = between(s.flight, from, to, at, [inFlight, windowOf]), cwnd = between(s.cwnd, from, to, one => one.at_us), bytes = most(list, f => f.bytes), window = most(list, f => f.window);
    this.windowShown = window < 6 * Math.max(bytes, 1);
    return {left: [0, Math.max(1, bytes, this.windowShown ? window : 0) * 1.06], unit: words.bytes,
      right: cwnd.length > 0 ? [0, most(cwnd, c => Math.max(c.cwnd, c.ssthresh || 0)) * 1.1] : undefined};
  },
  draw(context, s, y, second, from, to) {
    const list = between(s.flight, from, to, at, [inFlight, windowOf]), cwnd = between(s.cwnd, from, to, one => one.at_us);
    context.fillStyle = colour('flight-fill'); context.beginPath();
    const points = list.filter(f => f.bytes !== undefined);
    points.forEach((f, i) => { const x = timeX(f.t); if (i) context.lineTo(x, y(points[i - 1].bytes)); else context.moveTo(x, y(0)); context.lineTo(x, y(f.bytes)); });
    if (points.length) context.lineTo(timeX(points[points.length - 1].t), y(0));
    context.fill();
    if (this.windowShown) steps(context, list, at, f => f.window, y, 'zero');
    steps(context, list, at, f => f.bytes, y, 'plain');
    const entries = [['plain', words.in_flight], ['zero', this.windowShown ? words.advertised : fill(words.window_above, bytesText(most(list, f => f.window)))]];
    if (!second) return [...entries, ['grid', words.cwnd_unknown]];
    steps(context, cwnd, c => c.at_us, c => c.cwnd, second, 'again');
    context.setLineDash([7, 4]); steps(context, cwnd, c => c.at_us, c => c.ssthresh, second, 'lost'); context.setLineDash([]);
    return [...entries, ['again', words.cwnd], ...(cwnd.some(c => c.ssthresh) ? [['lost', words.ssthresh, 'dashed']] : [])];
  },
  tell(s, t) {
    const f = heldAt(s.flight, t), c = heldAt(s.cwnd, t, one => one.at_us);
    return [f && `${words.in_flight} ${bytesText(f.bytes)}`, f && `${words.advertised} ${bytesText(f.window)}`, c && `${words.cwnd} ${group(c.cwnd)}`,
      c && c.ssthresh && `${words.ssthresh} ${group(c.ssthresh)}`].filter(one => one).join(' · ');
  },
};
const roundTrip = {
  id: 'rtt',
  known: s => s.timers.length > 0 || s.cwnd.length > 0,
  waits: s => s.resent.filter(p => p.resent.by === 'timeout' || p.resent.by === 'closed-window'),
  range(s, from, to) {
    const steps = between(s.timers, from, to, one => one[0]), samples = between(s.cwnd, from, to, one => one.at_us), waits = between(this.waits(s), from, to, sentAt);
    const rto = steps.map(one => one[3] / 1000).concat(samples.map(one => one.rto_ms), waits.map(p => p.resent.after_us / 1000));
    const low = Math.min(least(steps, one => one[1] / 1000), least(samples, one => one.srtt_ms || Infinity));
    return {left: [(Number.isFinite(low) ? low : 1) / 1.5, Math.max(most(rto, v => v), low, .01) * 1.4], logarithmic: true, unit: words.ms};
  },
  draw(context, s, y, _, from, to) {
    const steps_ = between(s.timers, from, to, one => one[0]), samples = between(s.cwnd, from, to, one => one.at_us), waits = between(this.waits(s), from, to, sentAt);
    const when = one => one[0], kernel = one => one.at_us, entries = [];
    if (s.timers.length) {
      strokes(context, steps_, 'plain', 4, one => [timeX(one[0]), y(one[1] / 1000) + 2, y(one[1] / 1000) - 2]);
      if (!s.cwnd.length) {
        steps(context, steps_, when, one => one[2] / 1000, y, 'syn');
        steps(context, steps_, when, one => one[3] / 1000, y, 'again');
      }
      entries.push(['plain', words.rtt_each, 'dot']);
    }
    if (s.cwnd.length) {
      steps(context, samples, kernel, one => one.srtt_ms || undefined, y, 'syn');
      steps(context, samples, kernel, one => one.rto_ms, y, 'again');
    }
    entries.push(['syn', s.cwnd.length ? words.srtt_kernel : words.srtt_computed], ['again', s.cwnd.length ? words.rto_kernel : words.rto_computed]);
    strokes(context, waits, 'lost', 6, p => [timeX(p.sent_us), y(p.resent.after_us / 1000) + 3, y(p.resent.after_us / 1000) - 3]);
    if (this.waits(s).length) entries.push(['lost', words.waited, 'dot']);
    return entries;
  },
  tell(s, t) {
    const one = heldAt(s.timers, t, step => step[0]), c = heldAt(s.cwnd, t, sample => sample.at_us), wait = heldAt(this.waits(s), t, sentAt);
    return [one && `RTT ${span(one[1])}`, c ? `SRTT ${span(c.srtt_ms * 1000)} · RTO ${span(c.rto_ms * 1000)}` : one && `SRTT ${span(one[2])} · RTO ${span(one[3])}`,
      wait && `${words.waited} ${span(wait.resent.after_us)}`].filter(text => text).join(' · ');
  },
};
const throughput = {
  id: 'throughput',
  known: s => s.taken.length > 1,
  bin: (from, to) => (to - from) / Math.max(10, Math.floor((area.right - area.left) / 12)),
  rates(list, from, to) {
    const wide = this.bin(from, to), out = [];
    for (let t = Math.floor(from / wide) * wide; t < to; t += wide) out.push({t, rate: (totalAt(list, t + wide) - totalAt(list, t)) * 8 / wide});
    return out;
  },
  range(s, from, to) {
    return {left: [0, Math.max(.001, most(this.rates(s.written, from, to), r => r.rate), most(this.rates(s.taken, from, to), r => r.rate)) * 1.06], unit: 'Mbit/s'};
  },
  draw(context, s, y, _, from, to) {
    steps(context, this.rates(s.written, from, to), at, r => r.rate, y, 'plain');
    steps(context, this.rates(s.taken, from, to), at, r => r.rate, y, 'syn');
    return [['plain', words.rate_sent], ['syn', words.rate_taken]];
  },
  tell(s, t) {
    const wide = this.bin(...timesShown()), from = Math.floor(t / wide) * wide, rate = list => brief((totalAt(list, from + wide) - totalAt(list, from)) * 8 / wide);
    return `${words.rate_sent} ${rate(s.written)} Mbit/s · ${words.rate_taken} ${rate(s.taken)} Mbit/s`;
  },
};
const onWire = {
  id: 'wire',
  known: s => s.ways.length > 1,
  range(s, from, to) { return {left: [0, Math.max(.001, most(between(s.ways, from, to, sentAt, [wayOf]), p => endOf(p) - p.sent_us) / 1000) * 1.1], unit: words.ms}; },
  draw(context, s, y, _, from, to) {
    strokes(context, between(s.ways, from, to, sentAt, [wayOf]), 'plain', 3.5, p => { const v = y((endOf(p) - p.sent_us) / 1000); return [timeX(p.sent_us), v + 1.75, v - 1.75]; });
    const lost = between(s.lost, from, to, sentAt, [p => p.n]), full = p => /^queue/.test(p.cause || '');
    strokes(context, lost.filter(p => !full(p)), 'lost', 2, p => [timeX(p.sent_us), 26, 12]);
    strokes(context, lost.filter(full), 'zero', 2, p => [timeX(p.sent_us), 26, 12]);
    return [['plain', words.on_the_wire, 'dot'], ...(s.lost.some(p => !full(p)) ? [['lost', words.lost]] : []), ...(s.lost.some(full) ? [['zero', words.lost_queue]] : [])];
  },
  tell(s, t) {
    const p = heldAt(s.ways, t, sentAt);
    return p ? `${fill(words.packet_n, group(p.n))} ${fill(words.took, span(endOf(p) - p.sent_us))}` : '';
  },
};
const curves = [sequence, flight, roundTrip, throughput, onWire];
