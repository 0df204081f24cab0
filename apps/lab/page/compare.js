// Two runs side by side: the same packets on the same row, and what differs marked.
const compared_max = 1200;                        // packets of each run: the table of their likeness grows with the square

/// Rows [one, other] in the order of both, either of them absent: the longest common sequence of packets that are alike.
function pair_packets(one, other) {
  const key = p => `${p.from} ${p.flags || p.protocol} ${p.seq} ${p.payload} ${p.ack}`;
  const a = one.map(key), b = other.map(key), wide = b.length + 1;
  const best = new Uint16Array((a.length + 1) * wide);
  for (let i = a.length - 1; i >= 0; --i)
    for (let j = b.length - 1; j >= 0; --j)
      best[i * wide + j] = a[i] === b[j] ? best[(i + 1) * wide + j + 1] + 1 : Math.max(best[(i + 1) * wide + j], best[i * wide + j + 1]);
  const rows = [];
  let i = 0, j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) rows.push([one[i++], other[j++]]);
    else if (j === b.length || (i < a.length && best[(i + 1) * wide + j] >= best[i * wide + j + 1])) rows.push([one[i++], null]);
    else rows.push([null, other[j++]]);
  }
  return rows;
}
/// Alike in what became of them, and in why they were sent; times are a run's own.
const alike = (one, other) => Boolean(one && other) && one.fate === other.fate && String(one.faults || '') === String(other.faults || '') &&
  (one.resent?.by || '') === (other.resent?.by || '');

function compare_runs(into, kept) {
  into.hidden = kept.length < 2;
  if (into.hidden) return;
  const [before, now] = kept.map(one => one.run.packets);
  const rows = pair_packets(before.slice(0, compared_max), now.slice(0, compared_max));
  const element = (name, text, kind) => { const n = document.createElement(name); n.textContent = text; if (kind) n.className = kind; return n; };
  const cell = p => {
    const n = element('td', p ? `${time(p.sent_us)} ${p.from === 'client' ? '→' : '←'} ${label(p)}${p.fate === 'lost' ? ` ✗ ${play_words.lost}` : ''}` : '', p ? kindOf(p) : 'absent');
    if (p?.words) n.title = p.words;
    return n;
  };
  const table = document.createElement('table'), head = table.createTHead().insertRow(), body = table.createTBody();
  kept.forEach((one, at) => {
    const title = element('th', ''), link = element('a', play_words[at ? 'now' : 'before']);
    link.href = one.address;
    title.scope = 'col';
    title.append(link);
    head.append(title);
  });
  let differ = 0, dots = false;
  rows.forEach((pair, at) => {
    const differs = !alike(...pair);
    differ += differs;
    // What is the same far from any difference is folded.
    const near = rows.slice(Math.max(0, at - 2), at + 3).some(each => !alike(...each));
    if (!near) { if (!dots) { const row = body.insertRow(); row.className = 'folded'; const td = element('td', '⋮'); td.colSpan = 2; row.append(td); } dots = true; return; }
    dots = false;
    const row = body.insertRow();
    if (differs) row.className = 'differs';
    row.append(...pair.map(cell));
  });
  const most = Math.max(before.length, now.length) > compared_max ? ` (${play_words.cut}: ${group(compared_max)})` : '';
  const box = element('div', '', 'table');
  box.tabIndex = 0;
  if (differ) box.append(table);
  into.replaceChildren(element('h2', play_words.compare), element('p', (differ ? `${play_words.differences}: ${group(differ)}` : play_words.same) + most), box);
}
