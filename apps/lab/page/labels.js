// What stands beside the hosts: a packet's label on its sender's side, at the height of its departure or, where many leave at once, as near
// as there is room, with a line to where it belongs.
const lineHeight = () => document.documentElement.clientWidth >= 1800 ? 22 : 17;
const ruler = document.createElement('canvas').getContext('2d');
function measured(text, bold) {
  const {fontSize, fontFamily} = labelFont;
  ruler.font = `${bold ? '600 ' : ''}${fontSize} ${fontFamily}`;
  return ruler.measureText(text).width;
}
let labelFont = {fontSize: '13px', fontFamily: 'sans-serif'};
/// As much of a text as has room, broken between words; what is cut stands in the packet's details.
function cut(text, room) {
  if (room < 110 || text === '') return '';
  if (measured(text) <= room) return text;
  const letters = Math.floor(text.length * room / measured(text)), end = text.lastIndexOf(' ', letters - 2);
  return end > 0 ? text.slice(0, end) + ' …' : '';
}

const nearby = [0, 1, -1, 2, -2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
/// Which packets of one side get a label, and in which row. What says most comes first.
function rowsOf(list, y, first, rows, high) {
  const row = p => Math.min(rows - 1, Math.max(0, Math.round((y(p.sent_us) - first) / high))), taken = new Set(), out = [];
  const order = [p => p.n === chosen, ...kinds.map(kind => p => p.kind === kind && p.n !== chosen)];
  for (const wanted of order) {
    for (const p of list) {
      if (taken.size === rows) break;
      if (!wanted(p)) continue;
      const near = nearby.map(d => row(p) + d).find(r => r >= 0 && r < rows && !taken.has(r));
      if (near === undefined) continue;
      taken.add(near);
      out.push(p);
    }
  }
  out.sort((a, b) => a.sent_us - b.sent_us || a.n - b.n);
  const places = [...taken].sort((a, b) => a - b);
  return out.map((p, i) => [p, places[i]]);
}

/// The labels as elements of the ladder, and how many there are.
function labels(some, place, y, top) {
  const high = lineHeight(), first = top + high / 2, rows = Math.floor((place.height - top) / high);
  const {fontSize, fontFamily} = getComputedStyle(byId('ladder')), groups = [];
  labelFont = {fontSize, fontFamily};
  for (const side of ['client', 'server']) {
    const mine = some.filter(p => p.from === side && y(p.sent_us) >= top - 4 && y(p.sent_us) <= place.height);
    for (const [p, row] of rowsOf(mine, y, first, rows, high)) groups.push([p, labelOf(p, first + row * high, place, y)]);
  }
  groups.sort((a, b) => a[0].n - b[0].n);
  return [groups.map(g => g[1]), groups.length];
}

function labelOf(p, middle, place, y) {
  const client = p.from === 'client', x = client ? place.left - place.gutter : place.right + place.gutter, host = client ? place.left : place.right;
  const g = drawn('g', {class: `packet kind-${p.kind}${p.n === chosen ? ' chosen' : ''}`, role: 'option', id: 'packet-' + p.n, 'data-n': p.n,
    'aria-selected': p.n === chosen});
  const wide = measured(p.label, true), rest = cut(p.words || '', place.room - wide - 24), text = drawn('text', {x, y: middle + 4, 'text-anchor': client ? 'end' : 'start'});
  const name = drawn('tspan', {class: 'name'}, p.label), said = drawn('tspan', {class: 'said'}, client ? rest + '   ' : '   ' + rest);
  text.append(...(rest === '' ? [name] : client ? [said, name] : [name, said]));
  // What is read out begins with what is seen.
  g.setAttribute('aria-label', `${text.textContent.trim()}. ${words[p.from]} ${group(p.n)}, ${time(p.sent_us)} ${words.ms}: ${p.label}. ${p.words}`);
  if (wide > place.room - 2) { text.setAttribute('textLength', place.room - 2); text.setAttribute('lengthAdjust', 'spacingAndGlyphs'); }
  const row = client ? place.room : place.room + 4;
  g.append(drawn('rect', {x: client ? place.axis : x - 4, y: middle - lineHeight() / 2, width: row, height: lineHeight(), class: 'row'}),
    drawn('polyline', {points: `${x + (client ? 3 : -3)},${middle} ${client ? x + 7 : x - 7},${middle} ${host + (client ? -2 : 2)},${y(p.sent_us)}`, class: 'lead'}), text);
  return g;
}

/// What is under the pointer, beside it.
function tellTip(p, event) {
  const tip = byId('tip');
  tip.hidden = !p;
  if (!p) return;
  const way = p.fate === 'lost' ? words.lost : fill(words.took, span(endOf(p) - p.sent_us));
  tip.replaceChildren(made('b', {}, `${group(p.n)} · ${p.label}`), made('div', {}, `${time(p.sent_us)} ${words.ms} · ${way}`), made('div', {}, p.words || ''));
  const box = byId('ladder-box').getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
  tip.style.left = Math.max(4, Math.min(x + 16, box.width - tip.offsetWidth - 8)) + 'px';
  tip.style.top = (y + 20 + tip.offsetHeight > box.height ? Math.max(4, y - tip.offsetHeight - 12) : y + 20) + 'px';
}
