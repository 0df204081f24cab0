function fillFlows() {
  const before = byId('flow').value;
  flows = [...new Set(packets.map(p => p.flow || 0))].filter(n => n > 0);
  byId('flow').replaceChildren(new Option(words.all_connections, ''), ...flows.map(n => new Option(n, n)));
  byId('flow').value = flows.includes(Number(before)) ? before : '';
  byId('flow-label').hidden = flows.length < 2;
}
function show_run(given) {
  const more = run.packets.length > 0 && given.title === run.title;
  run = given;
  packets = run.packets;
  for (const p of packets) { p.kind = kindOf(p); p.label = label(p); }
  document.title = byId('title').textContent = run.title;
  byId('topic').textContent = run.topic || '';
  byId('headline').textContent = run.headline || '';
  fillFlows();
  applyFilter();
  tellSummary();
  tellLesson();
  ladder.begin(more);
  beginGraphs();
  choose(chosen, false);
  page_hooks.shown(run);
}
for (const n of document.querySelectorAll('[data-word]')) n.textContent = words[n.dataset.word];
for (const n of document.querySelectorAll('[data-label]')) n.setAttribute('aria-label', words[n.dataset.label]);
for (const name of Object.keys(filters)) byId('filter').add(new Option(words[name], name));
for (const name of ['client', 'server']) byId('direction').add(new Option(words[name], name));
byId('filter').onchange = () => { applyFilter(); soon(ladder.draw); };
byId('flow').onchange = () => { applyFilter(); beginGraphs(); soon(ladder.draw); };
byId('direction').onchange = beginGraphs;
for (const [id, act] of Object.entries({
  'zoom-in': () => ladder.scale(1.6), 'zoom-out': () => ladder.scale(1 / 1.6), 'zoom-all': () => ladder.fit(),
  'next-notable': () => stepNotable(1), 'previous-notable': () => stepNotable(-1), 'print': () => window.print()}))
  byId(id).onclick = act;
new ResizeObserver(() => { ladder.resize(); resizeGraphs(); }).observe(byId('main'));
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { colours.clear(); soon(ladder.draw); soon(drawGraphs); });
// What the page was written with. `null` where it waits for a server to tell of a run.
const written = JSON.parse(byId('run').textContent);
if (written) show_run(written);
