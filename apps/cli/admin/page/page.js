// SPDX-License-Identifier: MIT
// What is shown, and when the server is asked.
const at = id => document.getElementById(id);
const view = {sorted: 'bytes_out', up: false, filter: '', paused: false, chosen: undefined, rows: 100, messages: []};

/** Points of `[when, value]` as a line over the last ten minutes, or what there is of them; where nothing is known, there is none. */
function graph(name, points, text, label) {
  const figure = make('figure'), caption = make('figcaption', name), drawn = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const known = points.filter(([, value]) => value !== undefined), most = Math.max(0, ...known.map(([, value]) => value)), now = points.length ? points[points.length - 1][0] : 0,
    wide = points.length ? Math.min(kept_ms, Math.max(minute_ms, now - points[0][0])) : minute_ms;
  const latest = known.length ? text(known[known.length - 1][1]) : '–';
  caption.append(make('b', latest));
  drawn.setAttribute('viewBox', '0 0 600 80');
  drawn.setAttribute('preserveAspectRatio', 'none');
  drawn.setAttribute('role', 'img');
  drawn.setAttribute('aria-label', `${name}: ${latest}; ${label || ''}`);
  let way = '', before;
  for (const [when, value] of points) {
    if (value === undefined) { before = undefined; continue; }
    const x = 600 - (now - when) / wide * 600, y = 78 - (most > 0 ? value / most * 74 : 0);
    way += (before === undefined ? 'M' : 'L') + x.toFixed(1) + ' ' + y.toFixed(1);
    before = value;
  }
  for (const [kind, d] of [['base', 'M0 79H600'], ['graph', way]]) {
    const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    path.setAttribute('class', kind);
    path.setAttribute('d', d);
    drawn.append(path);
  }
  const scale = make('figcaption', '−' + time_text(wide / 1000));
  scale.append(make('span', known.length ? '↑ ' + text(most) : ''));
  figure.append(caption, drawn, scale);
  return figure;
}

const of_tcp = (name, text) => one => one.now.tcp && one.now.tcp[name] !== undefined ? text(one.now.tcp[name]) : '';
const number_of = name => one => one.now.tcp ? one.now.tcp[name] : undefined;
/** Bytes under way: sent, and neither acknowledged nor sent for a second time. */
function in_flight(one) {
  const tcp = one.now.tcp;
  if (!tcp || tcp.unacked === undefined) return undefined;
  return tcp.unacked === 0 ? 0 : Math.max(0, tcp.bytes_sent - tcp.bytes_acked - tcp.bytes_retrans);
}
// Columns: [name, text, what it is sorted by, left aligned, hidden on a phone]
const columns = [
  ['peer', one => one.now.peer, one => one.now.peer, true, false],
  ['state', one => one.now.state, one => one.now.state, true, true],
  ['age', one => time_text(one.now.age_ms / 1000), one => one.now.age_ms, false, true],
  ['bytes_in', one => size_text(one.now.bytes_in), one => one.now.bytes_in, false, true],
  ['bytes_out', one => size_text(one.now.bytes_out), one => one.now.bytes_out, false, false],
  ['rtt', of_tcp('rtt_us', us => time_text(us / 1e6)), number_of('rtt_us'), false, false],
  ['rto', of_tcp('rto_us', us => time_text(us / 1e6)), number_of('rto_us'), false, true],
  ['cwnd', of_tcp('snd_cwnd', whole), number_of('snd_cwnd'), false, true],
  ['flight', one => in_flight(one) === undefined ? '' : size_text(in_flight(one)), in_flight, false, true],
  ['again', of_tcp('total_retrans', whole), number_of('total_retrans'), false, true],
  ['idle', one => time_text(one.now.without_progress_ms / 1000), one => one.now.without_progress_ms, false, true],
  ['blame', one => blame_text(one.blame), one => one.blame ? one.blame.share * (['quiet', 'application'].includes(one.blame.whose) ? 0.01 : 1) : undefined, true, false],
];

function show_titles() {
  at('titles').replaceChildren(...columns.map(([name, , , left, far]) => {
    const sorted = view.sorted === name, cell = make('th', undefined, {class: (left ? 'text' : '') + (far ? ' far' : ''), 'aria-sort': sorted ? (view.up ? 'ascending' : 'descending') : 'none', scope: 'col'});
    const button = make('button', words[name] + (sorted ? (view.up ? ' ▲' : ' ▼') : ''));
    button.onclick = () => { view.up = sorted ? !view.up : name === 'peer' || name === 'state'; view.sorted = name; show_titles(); show_rows(); };
    cell.append(button);
    return cell;
  }));
}

function show_rows() {
  const by = columns.find(([name]) => name === view.sorted)[2], wanted = view.filter.toLowerCase().split(' ').filter(Boolean);
  let all = [...connections].map(([key, one]) => { one.key = key; one.blame = blame_of(one); return one; });
  if (wanted.length) all = all.filter(one => { const text = (one.now.peer + ' ' + one.now.local + ' ' + one.now.state + ' ' + blame_text(one.blame)).toLowerCase(); return wanted.every(word => text.includes(word)); });
  all.sort((one, other) => {
    const a = by(one), b = by(other);
    if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
    return (a < b ? -1 : a > b ? 1 : one.key - other.key) * (view.up ? 1 : -1);
  });
  const shown = all.slice(0, view.rows), focused = document.activeElement && document.activeElement.dataset.key;
  at('rows').replaceChildren(...shown.map(one => {
    const row = make('tr', undefined, {tabindex: 0, 'data-key': one.key});
    if (one.key === view.chosen) row.className = 'chosen';
    row.append(...columns.map(([name, text, , left, far]) => make('td', text(one), {class: (left ? 'text' : '') + (far ? ' far' : '') + (name === 'blame' ? ' blame' : '') + (name === 'blame' && one.blame ? ' ' + one.blame.whose : '')})));
    row.onclick = () => choose(one.key);
    row.onkeydown = event => { if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); choose(one.key); } };
    return row;
  }));
  if (focused) { const row = at('rows').querySelector(`[data-key="${Number(focused)}"]`); if (row) row.focus({preventScroll: true}); }
  at('count').textContent = all.length ? `${whole(shown.length)} / ${whole(connections.size)} ${words.shown}` : words.no_connections;
  at('more').hidden = shown.length === all.length;
}

function show_server() {
  const of = name => server.moments.map(one => [one.when, one[name]]);
  at('version').textContent = server.version;
  at('ready').textContent = server.ready === undefined ? '' : server.ready ? words.ready : words.draining;
  at('graphs').replaceChildren(graph(words.connections, of('connections'), whole), graph(words.messages, of('messages'), value => decimals(value, value < 10 ? 1 : 0)),
    graph(words.latency, of('p99'), time_text), graph(words.resent, of('resent'), value => decimals(value, value < 10 ? 1 : 0)));
}

function show_one() {
  const box = at('one'), one = connections.get(view.chosen);
  box.hidden = view.chosen === undefined;
  if (view.chosen === undefined) return;
  const top = make('div', undefined, {class: 'top'}), close = make('button', words.close);
  close.onclick = () => choose(undefined);
  if (!one) { top.append(make('h2', words.gone), close); box.replaceChildren(top); return; }
  top.append(make('h2', one.now.peer), close);
  const tcp = one.now.tcp || {}, list = make('dl'), parts = [top, list];
  const add = (name, text) => { if (text === '' || text === undefined) return; const pair = make('div'); pair.append(make('dt', words[name]), make('dd', text)); list.append(pair); };
  add('local', one.now.local); add('messages_of', whole(one.now.messages)); add('algorithm', tcp.ca_name);
  for (const [name, text] of columns) if (name !== 'peer' && name !== 'blame') add(name, text(one));
  if (tcp.snd_ssthresh !== undefined) add('ssthresh', whole(tcp.snd_ssthresh));
  if (tcp.snd_mss !== undefined) add('segments_of', size_text(tcp.snd_mss));
  if (tcp.notsent_bytes !== undefined) add('not_sent', size_text(tcp.notsent_bytes));
  const blame = blame_of(one);
  if (blame) {
    parts.push(make('h2', `${words.in_the_last} ${time_text(blame.sum.span / 1000)}: ${blame_text(blame)}`));
    for (const [name, share] of Object.entries(blame.parts)) {
      const row = make('div', undefined, {class: 'share ' + name}), bar = make('i');
      bar.style.width = share * 100 + '%';
      row.append(make('span', words[name]), make('b', whole(share * 100) + ' %'), bar);
      parts.push(row);
    }
  }
  if (view.messages.length) parts.push(make('h2', words.timed), ...view.messages.map(message_bar));
  const graphs = make('div', undefined, {class: 'graphs'}), of = value => one.moments.map(each => [each.when, value(each)]);
  const rate = name => each => each[name] === undefined ? undefined : each[name] * 1000 / each.span;
  graphs.append(graph(words.round_trip, of(each => each.rtt && each.rtt / 1e6), time_text), graph(words.window, of(each => each.cwnd), whole),
    graph(words.out_rate, of(rate('bytes_out')), size_text), graph(words.in_rate, of(rate('bytes_in')), size_text));
  box.replaceChildren(...parts, graphs);
}

const part_colours = ['#157', '#a60', '#272', '#a2a', '#c22', '#567', '#077', '#753'];
function message_bar(one) {
  const row = make('div', undefined, {class: 'message'}), bar = make('div', undefined, {class: 'parts'});
  Object.entries(one.parts_us).forEach(([name, us], i) => {
    if (!(us > 0)) return;
    const text = `${name} ${time_text(us / 1e6)}`, part = make('span', text, {title: text});
    part.style.flex = `${us} 1 0`;
    part.style.background = part_colours[i % part_colours.length];
    bar.append(part);
  });
  row.append(make('span', '#' + whole(one.message)), make('span', time_text(one.total_us / 1e6)), bar);
  return row;
}

function choose(key) {
  view.chosen = key;
  view.messages = [];
  show_one();
  show_rows();
}

function show() {
  if (view.paused) return;
  show_server();
  show_rows();
  show_one();
}

async function ask(path) {
  const answer = await fetch(path, {cache: 'no-store', signal: AbortSignal.timeout(40000)});
  if (answer.status === 503) return undefined;
  if (!answer.ok) throw new Error(path + ': ' + answer.status);
  return answer.text();
}

/** Once a second; less often where an answer is so large that asking would be work for the server: a twentieth of the time at most. */
async function turn() {
  const began = performance.now();
  let took = 0;
  try {
    const metrics = await ask('metrics'), now = Date.now();
    const before = performance.now(), text = await ask('connections');
    took = performance.now() - before;
    take_metrics(metrics, now);
    if (text !== undefined) take_connections(JSON.parse(text), now);
    if (view.chosen !== undefined) view.messages = await messages_of(view.chosen);
    silent_since = undefined;
    at('trouble').textContent = text === undefined ? words.busy : passed_over ? `${whole(passed_over)} ${words.passed_over}` : '';
    show();
  } catch (why) {
    silent_since = silent_since || new Date();
    at('trouble').textContent = words.silent + silent_since.toLocaleTimeString(document.documentElement.lang);
  }
  setTimeout(turn, Math.max(1000 - (performance.now() - began), took * 20));
}

async function messages_of(key) {
  const answer = await fetch('messages', {cache: 'no-store'});
  if (!answer.ok) return [];
  return (await answer.json()).messages.filter(one => one.connection === key).slice(-10).reverse();
}

at('filter').placeholder = words.filter;
at('filter').setAttribute('aria-label', words.filter);
at('filter').oninput = event => { view.filter = event.target.value; show_rows(); };
at('pause').textContent = words.pause;
at('pause').onclick = () => { view.paused = !view.paused; at('pause').setAttribute('aria-pressed', view.paused); at('pause').textContent = view.paused ? words.go_on : words.pause; show(); };
at('more').textContent = words.more;
at('more').onclick = () => { view.rows += 200; show_rows(); };
at('name').textContent = 'aperto · ' + location.host;
document.title = 'aperto · ' + location.host;
show_titles();
turn();
