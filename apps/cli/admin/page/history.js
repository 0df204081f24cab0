// SPDX-License-Identifier: MIT
// What is known of the server and of each connection, for ten minutes; asked from /connections and /metrics.
const kept_ms = 600e3, minute_ms = 60e3;
const server = {moments: [], version: '', ready: undefined};
const connections = new Map();
let look = 0, silent_since, passed_over = 0;

/** `{name: value}` of what /metrics says, labels with the name. */
function read_metrics(text) {
  const all = new Map();
  for (const line of text.split('\n')) {
    const blank = line.lastIndexOf(' ');
    if (blank > 0 && line[0] !== '#') all.set(line.slice(0, blank), Number(line.slice(blank + 1)));
  }
  return all;
}

function take_metrics(text, now) {
  const all = read_metrics(text), buckets = [];
  for (const [name, value] of all) {
    const version = /^aperto_build_info\{version="([^"]*)"/.exec(name), bound = /^aperto_message_latency_seconds_bucket\{le="([^"]*)"/.exec(name);
    if (version) server.version = version[1];
    if (bound) buckets.push([bound[1] === '+Inf' ? Infinity : Number(bound[1]), value]);
  }
  server.ready = all.get('aperto_ready');
  const moment = {when: now, connections: all.get('aperto_connections'), total: all.get('aperto_messages_total'), buckets, resent: 0};
  const before = server.moments[server.moments.length - 1];
  // A server that began again counts from 0.
  if (before && moment.total >= before.total) {
    const seconds = (now - before.when) / 1000;
    moment.messages = (moment.total - before.total) / seconds;
    moment.p99 = quantile(before.buckets, buckets, 0.99);
  }
  server.moments.push(moment);
  while (server.moments[0].when < now - kept_ms) server.moments.shift();
}

/** The bound that so large a part of what was counted between two looks stayed within; none where nothing was counted. */
function quantile(before, after, part) {
  if (before.length !== after.length || !after.length) return undefined;
  const all = after[after.length - 1][1] - before[before.length - 1][1];
  if (!(all > 0)) return undefined;
  const found = after.findIndex(([, count], i) => count - before[i][1] >= part * all);
  return Number.isFinite(after[found][0]) ? after[found][0] : undefined;
}

const grown = (before, after) => before === undefined || after === undefined ? undefined : Math.max(0, after - before);

function take_connections(told, now) {
  ++look;
  let resent = 0, counted = false;
  passed_over = told.workers_passed_over.length;
  for (const one of told.connections) {
    const tcp = one.tcp || {};
    let kept = connections.get(one.connection);
    if (!kept || kept.now.peer !== one.peer) connections.set(one.connection, kept = {moments: [], now: undefined});
    if (kept.now) {
      const was = kept.now.tcp || {};
      const again = grown(was.total_retrans, tcp.total_retrans);
      if (again !== undefined) { resent += again; counted = true; }
      kept.moments.push({when: now, span: now - kept.when, rtt: tcp.rtt_us, cwnd: tcp.snd_cwnd, bytes_in: grown(was.bytes_received, tcp.bytes_received),
        bytes_out: grown(was.bytes_acked, tcp.bytes_acked), sent: grown(was.bytes_sent, tcp.bytes_sent), again: grown(was.bytes_retrans, tcp.bytes_retrans),
        busy: grown(was.busy_time_us, tcp.busy_time_us), window: grown(was.rwnd_limited_us, tcp.rwnd_limited_us), buffer: grown(was.sndbuf_limited_us, tcp.sndbuf_limited_us)});
      while (kept.moments.length && kept.moments[0].when < now - kept_ms) kept.moments.shift();
    }
    kept.now = one;
    kept.when = now;
    kept.look = look;
  }
  for (const [key, kept] of connections) if (kept.look !== look) connections.delete(key);
  const last = server.moments[server.moments.length - 1], before = server.moments[server.moments.length - 2];
  if (last && before && counted) last.resent = resent * 1000 / (last.when - before.when);
}

/** As docs/operating.md says it: what the last minute's times add up to. */
function blame_of(kept) {
  const sum = {span: 0, busy: 0, window: 0, buffer: 0, sent: 0, again: 0, moved: 0, out: 0};
  for (let i = kept.moments.length - 1; i >= 0; --i) {
    const one = kept.moments[i];
    if (one.busy === undefined || (sum.span && sum.span + one.span > minute_ms)) break;
    sum.span += one.span; sum.busy += one.busy; sum.window += one.window || 0; sum.buffer += one.buffer || 0;
    sum.sent += one.sent || 0; sum.again += one.again || 0; sum.out += one.bytes_out || 0; sum.moved += (one.bytes_in || 0) + (one.bytes_out || 0) + (one.sent || 0);
  }
  if (!sum.span) return undefined;
  const part = us => Math.min(1, Math.max(0, us / 1000 / sum.span));
  const parts = {network: part(sum.busy - sum.window - sum.buffer), client_window: part(sum.window), send_buffer: part(sum.buffer)};
  let whose, share = 0;
  for (const [name, value] of Object.entries(parts)) if (value >= 0.05 && value > share) { whose = name; share = value; }
  if (!whose) { whose = sum.moved ? 'application' : 'quiet'; share = 1 - part(sum.busy); }
  return {whose, share, parts, sum};
}

function blame_text(blame) {
  if (!blame) return '';
  if (blame.whose === 'quiet') return words.quiet;
  let text = words[blame.whose] + ' ' + whole(blame.share * 100) + ' %';
  if (blame.whose === 'network' && blame.sum.again) text += ': ' + decimals(blame.sum.again / blame.sum.sent * 100, 1) + ' % ' + words.sent_again;
  if (blame.whose === 'client_window') text += ': ' + words.reads + ' ' + size_text(blame.sum.out * 1000 / blame.sum.span) + '/s';
  return text;
}
