function show_run(given) {
  run = given;
  packets = run.packets;
  flows = [...new Set(packets.map(p => p.flow || 0))].filter(n => n > 0);
  document.title = byId('title').textContent = run.title;
  byId('summary').replaceChildren(...run.lines.map(text => { const d = document.createElement('div'); d.textContent = text; return d; }));
  const flow = byId('flow').value;
  byId('flow').replaceChildren(new Option(words.all_connections, ''), ...flows.map(n => new Option(n, n)));
  byId('flow').value = flows.includes(Number(flow)) ? flow : '';
  byId('flow-label').hidden = flows.length < 2;
  layout();
  choose(packets.some(p => p.n === chosen) ? chosen : null);
  graphs();
  page_hooks.shown(run);
}
// Last of all: what the page was written with. `null` where it waits for a server to tell of a run.
const written = JSON.parse(byId('run').textContent);
if (written) show_run(written);
