'use strict';
// The page of one run. Whoever has a run's object calls show_run(run), as often as there is another to show: once with the one that
// the page was written with, or again and again with what a server tells of a run that goes on.
//
//     run = {title, lines: [text, …],              the summary, a line each
//            packets: [{…, words}, …],             as --json has them, and what the ladder says of each
//            samples: [{…}, …]}                    as --json has them
//
// The seam for who adds to the page (cmake names the files; aperto::lab::page_text puts them into it, as `more`):
//     #panel                                       an empty <aside>, hidden; show it and fill it
//     page_hooks.packet_actions(packet)            elements that stand below a chosen packet's details, such as buttons
//     page_hooks.shown(run)                        called after each show_run
const page_hooks = {packet_actions: () => [], shown: () => {}};
const words = JSON.parse(document.getElementById('words').textContent);
let run = {packets: [], samples: []}, packets = [], flows = [];
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
const chosenFlow = () => Number(byId('flow').value);

