// The page that `aperto lab --open` serves: what is changed, what runs, and the state as an address. Its server puts play_words
// (in the reader's language) and play_start (the state as it was typed) before it. Nothing runs before somebody presses a button.
{
const say = key => play_words[key];
const make = (name, attributes = {}, ...children) => {
  const n = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (key.startsWith('on')) n[key] = value; else n.setAttribute(key, value);
  n.append(...children);
  return n;
};
const copied = value => JSON.parse(JSON.stringify(value));
const state = copied(play_start), actions = ['drop', 'hold', 'corrupt', 'duplicate', 'mark'];
const keptRuns = [];                              // the last two: {run, address}
let going = null, dirty = false;

// ---- the state as an address: what follows the # is what differs from what was typed

function changes() {
  const out = {};
  for (const key of ['server', 'client', 'seed', 'virtual', 'faults'])
    if (JSON.stringify(state[key]) !== JSON.stringify(play_start[key])) out[key] = state[key];
  const link = Object.entries(state.link).filter(([key, text]) => text !== play_start.link[key]);
  if (link.length) out.link = Object.fromEntries(link);
  return out;
}
function write_address() {
  const now = changes();
  history.replaceState(null, '', Object.keys(now).length ? '#' + encodeURIComponent(JSON.stringify(now)) : location.pathname);
}
function read_address() {
  let given = {};
  try { given = JSON.parse(decodeURIComponent(location.hash.slice(1))) || {}; } catch { /* somebody else's */ }
  Object.assign(state, copied(play_start));
  for (const key of ['server', 'client', 'seed']) if (typeof given[key] === 'string') state[key] = given[key];
  if (typeof given.virtual === 'boolean') state.virtual = given.virtual;
  if (Array.isArray(given.faults)) state.faults = given.faults.filter(one => actions.includes(one?.what) && typeof one.packet === 'string');
  for (const one of sliders) if (typeof given.link?.[one.key] === 'string') state.link[one.key] = given.link[one.key];
}

// ---- what can be set

const size = text => {                            // "20ms", "5%", "10mbit", to put them in order
  const [, number, unit] = /^([\d.]+)\s*(\D*)$/.exec(text) || [];
  return Number(number) * ({us: 1e-3, s: 1e3, kbit: 1e3, mbit: 1e6, gbit: 1e9}[(unit || '').toLowerCase()] ?? 1);
};
const sliders = [
  {key: 'loss', word: 'loss', values: ['0%', '0.5%', '1%', '2%', '3%', '5%', '8%', '10%', '15%', '20%', '30%', '50%'], none: '0%'},
  {key: 'delay', word: 'delay', values: ['0ms', '1ms', '2ms', '5ms', '10ms', '20ms', '30ms', '50ms', '100ms', '200ms', '300ms', '500ms', '1s'], none: '0ms'},
  {key: 'rate', word: 'rate', values: ['64kbit', '128kbit', '256kbit', '512kbit', '1mbit', '2mbit', '5mbit', '10mbit', '50mbit', '100mbit', '1gbit', ''], none: ''},
  {key: 'queue_packets', word: 'queue', values: ['2', '5', '10', '20', '50', '100', '200', '500', '1000', '5000', ''], none: ''},
];
const programs = {
  server: ['aperto serve', 'peer serve', 'peer serve --upper', 'python3 -m http.server 80'],
  client: ["aperto send --host server 'texto original'", 'peer call --bytes 10000', 'peer call --bytes 100000', 'peer call --bytes 1MB', 'curl -s http://server/'],
};
function changed() { dirty = true; write_address(); tell(say('changed')); }
function slider(one) {
  const value = () => state.link[one.key] ?? one.none, values = one.values.slice();
  if (!values.includes(value())) {
    const at = values.findIndex(each => each === '' || size(each) > size(value()));
    values.splice(at < 0 ? values.length : at, 0, value());
  }
  const shows = text => text === '' ? say('no_limit') : one.key === 'queue_packets' ? `${text} ${say('packets')}` : text;
  const told = make('output', {}, shows(value()));
  const input = make('input', {type: 'range', min: 0, max: values.length - 1, 'data-link': one.key, 'aria-valuetext': shows(value())});
  input.value = values.indexOf(value());
  input.oninput = () => {
    state.link[one.key] = values[input.value];
    told.textContent = shows(value());
    input.setAttribute('aria-valuetext', shows(value()));
    changed();
  };
  return make('label', {class: 'play-slider'}, make('span', {}, say(one.word)), input, told);
}
function text_field(key, list) {
  const input = make('input', {value: state[key], 'data-state': key, spellcheck: 'false', autocomplete: 'off'});
  if (list) input.setAttribute('list', `play-${key}`);
  else input.setAttribute('inputmode', 'numeric');
  input.oninput = () => { state[key] = input.value; changed(); };
  input.onkeydown = e => { if (e.key === 'Enter') start(); };
  const choices = list ? [make('datalist', {id: `play-${key}`}, ...list.map(value => make('option', {value})))] : [];
  return make('label', {class: list ? 'play-command' : 'play-seed'}, make('span', {}, say(key)), input, ...choices);
}
function fault_row(one, at) {
  const remove = make('button', {type: 'button', title: say('remove'), 'aria-label': `${say('remove')}: ${one.what} ${one.packet}`}, '×');
  remove.onclick = () => { state.faults.splice(at, 1); changed(); fill(); };
  return make('li', {class: `play-fault ${one.what}`}, `${one.what} ${one.packet}${one.time ? ' ' + one.time : ''} `, remove);
}
function fill() {
  const box = make('input', {type: 'checkbox', 'data-state': 'virtual'});
  box.checked = state.virtual;
  box.onchange = () => { state.virtual = box.checked; changed(); };
  controls.replaceChildren(
    make('form', {id: 'play', onsubmit: e => { e.preventDefault(); start(); }},
      make('div', {class: 'play-commands'}, text_field('server', programs.server), text_field('client', programs.client)),
      make('div', {class: 'play-sliders'}, ...sliders.map(slider), text_field('seed'), make('label', {}, box, say('virtual'))),
      make('div', {class: 'play-faults'}, make('span', {}, say('faults') + ': '),
        state.faults.length ? make('ul', {}, ...state.faults.map(fault_row)) : make('em', {}, say('none_yet'))),
      make('div', {class: 'play-buttons'}, make('button', {id: 'play-run', type: 'submit'}, say('run')),
        make('button', {id: 'play-stop', type: 'button', onclick: () => going?.abort(), disabled: ''}, say('stop')),
        make('button', {id: 'play-keep', type: 'button', onclick: keep}, say('keep')), status)));
  mark_running();
}
const controls = make('section', {id: 'play-box', 'aria-label': say('run')});
const status = make('p', {id: 'play-status', role: 'status'}), comparison = make('section', {id: 'compare', hidden: ''});
function tell(text, wrong) { status.textContent = text; status.classList.toggle('wrong', Boolean(wrong)); }
/// Before the first run there is nothing to see.
function reveal(there) { for (const part of [byId('main'), byId('graphs'), byId('summary').parentElement]) part.hidden = !there; }
function mark_running() { byId('play-stop').disabled = !going; }

// ---- a packet's name, as --drop takes it

function name_of(packet) {
  const flow = packet.flow > 1 ? `flow#${packet.flow} ` : '', from = `${flow}${packet.from}`;
  if (packet.resent?.of?.[0] > 0) return `retransmission#${packet.resent.times} of ${from} data#${packet.resent.of[0]}`;
  if (packet.data) return `${from} data#${packet.data}`;
  const alike = run.packets.filter(one => one.n <= packet.n && one.from === packet.from && one.flow === packet.flow && !(one.faults || []).includes('copy'));
  if (!packet.resent && packet.flags === 'SYN') return `${from} syn#1`;
  if (!packet.resent && packet.flags === 'SYN,ACK') return `${from} syn-ack#1`;
  return `${from} packet#${alike.length}`;
}
page_hooks.packet_actions = packet => {
  if (going || (packet.faults || []).some(one => one === 'copy' || one === 'made-by-wire')) return [];
  const name = name_of(packet), row = make('div', {class: 'play-actions'}, make('code', {}, name));
  for (const what of actions) {
    const button = make('button', {type: 'button', 'data-what': what}, say(what));
    button.onclick = () => {
      state.faults = state.faults.filter(one => one.packet !== name).concat(what === 'hold' ? {what, packet: name, time: '50ms'} : {what, packet: name});
      changed();
      fill();
      start();
    };
    row.append(button);
  }
  return [row];
};

// What a lab expects is of the lab as it came: of a changed one it is there to be opened.
page_hooks.shown = () => { if (Object.keys(changes()).length) byId('checks').open = false; };

// ---- a run

const ask = (path, signal) => fetch(path, {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(changes()), signal});

async function* objects(body) {                   // one a line
  const reader = body.getReader(), decoder = new TextDecoder();
  let rest = '';
  for (;;) {
    const {done, value} = await reader.read();
    if (done) return;
    const parts = (rest + decoder.decode(value, {stream: true})).split('\n');
    rest = parts.pop();
    for (const one of parts) if (one.startsWith('{')) yield JSON.parse(one);
  }
}
class gathering {                                 // what has come of a run
  run = {title: play_start.title, lines: [], checks: [], packets: [], samples: [], timers: [], lesson: null};
  whole = null; end = null; due = 0;
  take(event) {
    if (event.event === 'packet') this.run.packets.push({...event, header: ''});
    else if (event.event === 'sample') this.run.samples.push(event);
    else if (event.event === 'output' && event.text !== undefined) this.run.lines.push(`${words[event.from]} │ ${event.text}`);
    else if (event.event === 'page') this.whole = event.run;
    else if (event.event === 'end') this.end = event;
    const now = performance.now();
    if (now < this.due || this.whole) return;
    reveal(true);
    show_run({...this.run});
    this.due = performance.now() + Math.max(200, 5 * (performance.now() - now));
  }
}
async function start() {
  going?.abort();
  const mine = going = new AbortController(), seen = new gathering(), address = location.href;
  dirty = false;
  tell(say('running'));
  mark_running();
  try {
    const answer = await ask('run', mine.signal);
    if (!answer.ok) return tell(await answer.text(), true);
    for await (const event of objects(answer.body)) {
      if (mine.signal.aborted) return;
      seen.take(event);
    }
    const said = (seen.end?.said || '').trim(), whole = Boolean(seen.whole);
    tell(whole ? said || say('ended') : `${say('failed')}. ${said}`, !whole);
    if (whole) { keptRuns.push({run: seen.whole, address}); keptRuns.splice(0, keptRuns.length - 2); }
  } catch (wrong) {
    tell(mine.signal.aborted ? say('failed') : String(wrong), true);
  } finally {
    if (going === mine) going = null;
    mark_running();
    if (!mine.signal.aborted || going === null) { reveal(true); show_run(seen.whole || {...seen.run}); compare_runs(comparison, keptRuns); }
    if (dirty) tell(say('changed'));
  }
}
async function keep() {
  const answer = await ask('scenario'), text = await answer.text();
  if (!answer.ok) return tell(text, true);
  const link = make('a', {href: URL.createObjectURL(new Blob([text], {type: 'application/toml'})), download: `${play_start.name}.toml`});
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

read_address();
window.onhashchange = () => { read_address(); fill(); };
document.title = byId('title').textContent = play_start.title;
byId('main').before(controls);
byId('main').after(comparison);
fill();
reveal(false);
tell(say('press'));
}
