// A packet's own pane: what happened to it in words, and its header with the field under the pointer explained; and the tabs of the side.
const panes = ['lesson', 'details', 'panel'];
const paneNames = {lesson: () => words.lesson, details: () => words.packet, panel: () => byId('panel').dataset.title};
let pane = 'details';
function showPane(name) {
  const there = panes.filter(id => id === 'details' || (id === 'lesson' ? run.lesson : byId('panel').dataset.title));
  pane = there.includes(name) ? name : there[0];
  for (const id of panes) { byId(id).hidden = id !== pane; byId(id).setAttribute('aria-labelledby', 'tab-' + id); }
  byId('tabs').replaceChildren(...there.map(id => {
    const tab = made('button', {role: 'tab', id: 'tab-' + id, 'aria-selected': id === pane, 'aria-controls': id, tabindex: id === pane ? 0 : -1}, paneNames[id]());
    tab.onclick = () => { showPane(id); byId('tab-' + id).focus(); };
    tab.onkeydown = event => {
      const by = {ArrowRight: 1, ArrowLeft: -1}[event.key];
      if (by) { showPane(there[(there.indexOf(id) + by + there.length) % there.length]); byId('tab-' + pane).focus(); }
    };
    return tab;
  }));
}
function show_panel(title) {
  byId('panel').dataset.title = title;
  showPane('panel');
  return byId('panel');
}

/// What happened to a packet, each thing with its name.
function factsOf(p) {
  const out = [[words.fact_sent, `${fill(words.by, words[p.from])}, ${time(p.sent_us)} ${words.ms}`]];
  if (p.fate === 'lost') out.push([words.fact_lost, words['cause_' + p.cause] || p.cause]);
  else out.push([words.fact_arrived, `${time(p.arrived_us)} ${words.ms}, ${fill(words.took, span(p.arrived_us - p.sent_us))}`]);
  if (p.rule) out.push([words.fact_rule, p.rule]);
  if (p.faults) out.push([words.fact_faults, p.faults.map(f => words['fault_' + f] || f).join(', ')]);
  if (p.copy_of) out.push([words.fact_copy, group(p.copy_of)]);
  if (p.corrupt_bit !== undefined) out.push([words.fact_bit, group(p.corrupt_bit)]);
  if (p.marks) out.push([words.fact_marks, p.marks.map(m => words['mark_' + m] || m).join(', ')]);
  if (p.resent) out.push([words.fact_resent, `${words['resent_' + p.resent.by] || p.resent.by}, ${fill(words.after, span(p.resent.after_us))}, ${fill(words.times, group(p.resent.times))}`]);
  if (p.payload) out.push([words.fact_data, `${fill(words.n_bytes, group(p.payload))}, ${group(p.seq)}–${group(p.seq + p.payload - 1)}`
    + (p.data ? ` · ${fill(words.segment, group(p.data))}` : '')]);
  if (p.text) out.push([words.fact_text, p.text]);
  if (flows.length > 1 && p.flow) out.push([words.connection, group(p.flow)]);
  return out;
}
function tellPacket(p) {
  const pane = byId('details');
  if (!p) {
    pane.replaceChildren(made('p', {class: 'hint'}, words.details), made('p', {class: 'hint'}, words.keys));
    showPane(run.lesson ? 'lesson' : 'details');
    return;
  }
  const facts = made('dl', {});
  for (const [name, text] of factsOf(p)) facts.append(made('dt', {}, name), made('dd', {}, text));
  const told = made('div', {class: 'explained', 'aria-live': 'polite'}, made('p', {class: 'hint'}, words.header_hint));
  const explain = (name, value, key, grid, box) => {
    for (const one of pane.querySelectorAll('.field.told')) one.classList.remove('told');
    box.classList.add('told');
    told.replaceChildren(made('p', {}, made('b', {}, name), value === '' ? '' : ` · ${value}`), made('p', {}, words[key]));
  };
  pane.replaceChildren(made('h3', {class: 'kind-' + p.kind}, `${fill(words.packet_n, group(p.n))} · ${p.label}`), made('p', {class: 'words'}, p.words || ''),
    ...page_hooks.packet_actions(p), facts, ...headers(p, explain, told));
  showPane('details');
}
function headers(p, explain, told) {
  const bytes = bytesOf(p.header);
  if (bytes.length < 20) return [];
  const [ip, size, protocol] = bytes[0] >> 4 === 6 ? ipv6Fields(bytes) : ipv4Fields(bytes), title = bytes[0] >> 4 === 6 ? words.ip6_header : words.ip4_header;
  const out = [], tcp = bytes.slice(size);
  if (protocol === 6 && p.seq !== undefined && tcp.length >= 20)
    out.push(made('h4', {}, words.tcp_header), drawFields(tcpFields(tcp, p), tcp, words.tcp_header, explain));
  out.push(told, made('details', {}, made('summary', {}, title), drawFields(ip, bytes, title, explain)));
  return out;
}
