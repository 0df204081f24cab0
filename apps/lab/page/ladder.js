// The ladder at true time scale: time runs down, the client stands left, the server right, and every arrow begins and ends when its packet
// did. Arrows are drawn on a canvas between the hosts, labels (labels.js) outside of them, so that no arrow crosses what is written.
const colours = new Map();
/// A colour of page.css by its name there.
function colour(name) {
  if (!colours.has(name)) colours.set(name, getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim());
  return colours.get(name);
}

const ladder = (() => {
  const svg = byId('ladder'), canvas = byId('ladder-arrows'), box = byId('ladder-box');
  const top = 30, foot = 14;
  let place = {width: 0, height: 0, left: 0, right: 0, axis: 0, room: 0};
  let begin0 = 0, end0 = 1, longest = 0, transform = d3.zoomIdentity, hovered = null, inView = 0, some = [];
  let from_ = new Float64Array(), to_ = from_, class_ = new Uint8Array();
  let typical = {client: 0, server: 0};

  const base = t => top + (t - begin0) / (end0 - begin0) * (place.height - top - foot);
  const y = t => transform.applyY(base(t));
  const at = pixel => begin0 + (transform.invertY(pixel) - top) / (place.height - top - foot) * (end0 - begin0);
  const zoom = d3.zoom().filter(() => !d3.event.button && !(d3.event.touches && d3.event.touches.length < 2 && transform.k < 1.01))
    .on('zoom', () => { transform = d3.event.transform; svg.style.touchAction = transform.k < 1.01 ? 'pan-y' : 'none'; soon(draw); });

  function measure() {
    const width = box.clientWidth - (box.clientWidth < 600 ? 14 : 26), height = box.clientHeight;
    const axis = width < 600 ? 34 : 66, gutter = width < 600 ? 10 : 26;
    const arrows = Math.max(width < 600 ? 0 : 220, Math.min(width * (width < 600 ? .31 : .38), 620));
    const room = Math.max(40, (width - axis - arrows - 2 * gutter) / 2);
    place = {width, height, axis, gutter, room, left: axis + room + gutter, right: axis + room + gutter + arrows};
    const scale = window.matchMedia('print').matches ? 3 : devicePixelRatio || 1;
    canvas.width = width * scale; canvas.height = height * scale;
    canvas.style.width = svg.style.width = width + 'px';
    canvas.getContext('2d').setTransform(scale, 0, 0, scale, 0, 0);
    zoom.extent([[0, top], [width, height - foot]]).translateExtent([[0, top], [width, height - foot]]);
  }
  function limits() {
    begin0 = Infinity; end0 = -Infinity; longest = 0;
    const ways = {client: [], server: []};
    for (const p of packets) {
      begin0 = Math.min(begin0, p.sent_us); end0 = Math.max(end0, endOf(p)); longest = Math.max(longest, endOf(p) - p.sent_us);
      if (p.fate !== 'lost' && ways[p.from].length < 2000) ways[p.from].push(endOf(p) - p.sent_us);
    }
    if (packets.length === 0) { begin0 = 0; end0 = 1000; }
    end0 = Math.max(end0, begin0 + 10);
    for (const side of ['client', 'server']) typical[side] = ways[side].sort((a, b) => a - b)[ways[side].length >> 1] || (end0 - begin0) / 20;
    // A microsecond may take 20 pixels, no more.
    zoom.scaleExtent([1, Math.max(2, (end0 - begin0) * 20 / 600)]);
  }
  const set = t => d3.select(svg).call(zoom.transform, t);
  /// From one moment to another, as near as the scale allows.
  function show(from, to) {
    const high = place.height - top - foot, k = Math.min(zoom.scaleExtent()[1], Math.max(1, (end0 - begin0) / Math.max(to - from, 1)));
    const middle = base((from + to) / 2);
    set(d3.zoomIdentity.translate(0, Math.min(top * (1 - k), Math.max((place.height - foot) * (1 - k), top + high / 2 - k * middle))).scale(k));
  }
  const view = () => [Math.max(begin0, at(top)), Math.min(end0, at(place.height - foot))];
  /// One run takes the whole height; of a long one the beginning is shown.
  function firstView() {
    const most = Math.max(24, Math.floor(place.height / 9));
    if (packets.length <= most) set(d3.zoomIdentity); else show(begin0, Math.max(packets[most].sent_us, begin0 + 10));
  }
  function beginRun(more) {
    const before = view(), was = [begin0, end0], whole = transform.k < 1.01;
    measure(); limits(); reshape();
    if (!more) firstView(); else if (whole) set(d3.zoomIdentity); else if (was[0] !== begin0 || was[1] !== end0) show(...before);
    overview.begin();
    soon(draw);
  }
  /// Where an arrow runs, in pixels: [x1, y1, x2, y2]. A lost packet's ends halfway.
  function line(p) {
    const [x1, x2] = p.from === 'client' ? [place.left, place.right] : [place.right, place.left];
    if (p.fate !== 'lost') return [x1, y(p.sent_us), x2, y(endOf(p))];
    return [x1, y(p.sent_us), (x1 + x2) / 2, y(p.sent_us + typical[p.from] / 2)];
  }
  /// The times of what is shown as numbers, which are run through in each frame.
  function reshape() {
    from_ = new Float64Array(shown.length); to_ = new Float64Array(shown.length); class_ = new Uint8Array(shown.length);
    shown.forEach((n, i) => {
      const p = packets[n];
      from_[i] = p.sent_us; to_[i] = p.fate === 'lost' ? p.sent_us + typical[p.from] / 2 : endOf(p);
      class_[i] = kinds.indexOf(p.kind) * 2 + (p.from === 'client');
    });
  }
  /// How many can be seen, and of them `some` that are worth drawing: where many of one kind and side fall on the same pixels a few stand for
  /// them all.
  function findInView() {
    const from = at(0), to = at(place.height), k = y(1) - y(0), zero = y(0), same = new Int32Array(3 * 2 * kinds.length);
    inView = 0; some = [];
    for (let i = firstFrom(from_, from - longest); i < from_.length && from_[i] <= to; ++i) {
      if (to_[i] < from) continue;
      ++inView;
      const y1 = Math.round(zero + k * from_[i]), y2 = Math.round(zero + k * to_[i]), at = 3 * class_[i];
      if (same[at] === y1 && same[at + 1] === y2) { if (++same[at + 2] > 12) continue; } else { same[at] = y1; same[at + 1] = y2; same[at + 2] = 1; }
      some.push(packets[shown[i]]);
    }
  }
  function drawArrows(context) {
    const heads = some.length <= 600, lines = Object.fromEntries(kinds.map(k => [k, []]));
    for (const p of some) lines[p.kind].push([line(p), p]);
    for (const kind of [...kinds].reverse()) {
      context.strokeStyle = colour(kind);
      context.lineWidth = heads ? 1.6 : 1;
      context.setLineDash(kind === 'lost' ? [6, 4] : []);
      context.beginPath();
      for (const [[x1, y1, x2, y2]] of lines[kind]) { context.moveTo(x1, y1); context.lineTo(x2, y2); }
      context.stroke();
      context.setLineDash([]);
      context.beginPath();
      for (const [l, p] of lines[kind]) if (heads || p.fate === 'lost') head(context, l, p.fate === 'lost');
      context.stroke();
    }
    for (const p of [hovered, chosen === null ? null : packetOf(chosen)].filter(p => p)) emphasise(context, p);
  }
  function head(context, [x1, y1, x2, y2], lost) {
    if (lost) {
      context.moveTo(x2 - 6, y2 - 6); context.lineTo(x2 + 6, y2 + 6); context.moveTo(x2 + 6, y2 - 6); context.lineTo(x2 - 6, y2 + 6);
      return;
    }
    const slant = Math.atan2(y2 - y1, x2 - x1);
    context.moveTo(x2 - 10 * Math.cos(slant + .35), y2 - 10 * Math.sin(slant + .35));
    context.lineTo(x2, y2);
    context.lineTo(x2 - 10 * Math.cos(slant - .35), y2 - 10 * Math.sin(slant - .35));
  }
  function emphasise(context, p) {
    const l = line(p);
    context.strokeStyle = colour(p.kind); context.lineWidth = 4;
    context.beginPath(); context.moveTo(l[0], l[1]); context.lineTo(l[2], l[3]); head(context, l, p.fate === 'lost'); context.stroke();
  }
  function drawGrid(context) {
    const [from, to] = [at(0), at(place.height)], steps = ticks(from / 1000, to / 1000, Math.max(3, place.height / 70)), out = [];
    const digits = steps.length > 1 ? Math.max(0, Math.min(4, -Math.floor(Math.log10(steps[1] - steps[0]) + 1e-9))) : 0;
    const format = new Intl.NumberFormat(language, {minimumFractionDigits: digits, maximumFractionDigits: digits});
    context.strokeStyle = colour('grid'); context.lineWidth = 1; context.beginPath();
    for (const t of steps) {
      const line = Math.round(y(t * 1000)) + .5;
      if (line < top || line > place.height - 4) continue;
      context.moveTo(place.left, line); context.lineTo(place.right, line);
      out.push(drawn('text', {x: place.axis - 6, y: line + 4, 'text-anchor': 'end', class: 'time'}, format.format(t + 0 || 0)));
    }
    context.stroke();
    context.strokeStyle = colour('host'); context.lineWidth = 2.5; context.beginPath();
    for (const x of [place.left, place.right]) { context.moveTo(x, top - 4); context.lineTo(x, place.height); }
    context.stroke();
    return out;
  }
  /// Long times in which nothing was on the way are said, so that a picture of little has its reason.
  function silences() {
    if (inView > 400) return [];
    const out = [], say = (from, to) => {
      const high = y(to) - y(from);
      if (high > 90) out.push(drawn('text', {x: (place.left + place.right) / 2, y: y(from) + high / 2 + 4, 'text-anchor': 'middle', class: 'silence'},
        fill(words.silence, span(to - from))));
    };
    let busy = null;
    for (const p of some) {
      if (busy !== null) say(busy, p.sent_us);
      busy = Math.max(busy ?? 0, p.fate === 'lost' ? p.sent_us + typical[p.from] / 2 : endOf(p));
    }
    return out;
  }
  function draw() {
    if (place.width === 0) return;
    const context = canvas.getContext('2d');
    context.clearRect(0, 0, place.width, place.height);
    findInView();
    const axis = drawGrid(context);
    context.save(); context.beginPath(); context.rect(0, top - 4, place.width, place.height - top + 4); context.clip();
    drawArrows(context);
    context.restore();
    const names = ['client', 'server'].map((name, i) => drawn('text', {x: [place.left, place.right][i], y: 16, 'text-anchor': 'middle', class: 'host'}, words[name]));
    const [groups, labelled] = labels(some, place, y, top);
    svg.replaceChildren(drawn('text', {x: place.axis - 6, y: 16, 'text-anchor': 'end', class: 'time'}, words.ms), ...names, ...axis, ...silences(), ...groups);
    svg.setAttribute('aria-activedescendant', chosen !== null && byId('packet-' + chosen) ? 'packet-' + chosen : '');
    const not = inView - labelled;
    byId('count').textContent = fill(words.in_view, group(inView), group(shown.length), group(packets.length))
      + (not > 0 ? ' · ' + fill(words.without_label, group(not)) : '') + (run.left_out ? ' · ' + fill(words.left_out, group(run.left_out)) : '');
    overview.move();
    moveBrushes(view());
  }
  function bring(p) {
    const [from, to] = [y(p.sent_us), y(endOf(p))];
    if (from >= top && Math.min(to, from + 40) <= place.height - foot) return;
    const [a, b] = view(), half = (b - a) / 2;
    show(p.sent_us - half * .6, p.sent_us + half * 1.4);
  }
  /// The packet whose arrow or label is nearest to a place, within a finger's breadth.
  function packetAt(x, height) {
    let best = null, least = 9;
    if (x > place.left - 4 && x < place.right + 4) for (const p of some) {
      const [x1, y1, x2, y2] = line(p), share = (x - x1) / (x2 - x1);
      if (share < -.02 || share > 1.02) continue;
      const away = Math.abs(y1 + share * (y2 - y1) - height);
      if (away < least) { least = away; best = p; }
    }
    return best;
  }
  // Where a drawing came between pressing and letting go, the event's own target is gone.
  const under = event => {
    const group = document.elementFromPoint(event.clientX, event.clientY)?.closest('.packet'), [x, height] = d3.clientPoint(svg, event);
    return group ? packetOf(Number(group.dataset.n)) : packetAt(x, height);
  };
  svg.addEventListener('pointermove', event => {
    const p = event.buttons ? null : under(event);
    if (p !== hovered) { hovered = p; soon(draw); }
    tellTip(p, event);
  });
  svg.addEventListener('pointerleave', () => { hovered = null; tellTip(null); soon(draw); });
  svg.addEventListener('click', event => { const p = under(event); if (p) choose(p.n, false); svg.focus({preventScroll: true}); });
  const pan = share => { const [a, b] = view(), by = (b - a) * share; show(a + by, b + by); };
  const keys = {ArrowDown: () => step(1), ArrowUp: () => step(-1), Home: () => step(-Infinity), End: () => step(Infinity), PageDown: () => pan(.8),
    PageUp: () => pan(-.8), '+': () => scale(1.6), '=': () => scale(1.6), '-': () => scale(1 / 1.6), 0: () => fit(), n: () => stepNotable(1),
    p: () => stepNotable(-1)};
  svg.addEventListener('keydown', event => {
    if (event.ctrlKey || event.altKey || event.metaKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });
  /// About the chosen packet where it is in view, else about the middle.
  function scale(by) {
    const p = chosen === null ? null : packetOf(chosen), about = p && y(p.sent_us) > top && y(p.sent_us) < place.height ? y(p.sent_us) : place.height / 2;
    d3.select(svg).call(zoom.scaleBy, by, [0, about]);
  }
  const fit = () => set(d3.zoomIdentity);
  function resize() {
    const [a, b] = view(), whole = transform.k < 1.01, old = place.height;
    measure();
    if (!whole && old !== place.height) show(a, b);
    overview.begin();
    draw();
  }
  d3.select(svg).call(zoom).on('dblclick.zoom', null);
  return {begin: beginRun, draw, bring, scale, fit, resize, show, view, limits: () => [begin0, end0], line, packetsInView: () => some, reshape};
})();

// The whole run in a strip beside the ladder, with what is out of the ordinary; the part that is in view is marked and can be moved.
const overview = (() => {
  const svg = d3.select('#overview'), group = svg.append('g'), brushed = svg.append('g').attr('class', 'brush');
  let high = 0, wide = 0, moving = false;
  const t = pixel => { const [a, b] = ladder.limits(); return a + pixel / high * (b - a); };
  const brush = d3.brushY().on('brush', () => {
    if (moving || !d3.event.sourceEvent || !d3.event.selection) return;
    ladder.show(...d3.event.selection.map(t));
  });
  function begin() {
    const box = byId('ladder-box');
    high = box.clientHeight; wide = box.clientWidth < 600 ? 14 : 26;
    svg.attr('width', wide).attr('height', high);
    const [a, b] = ladder.limits(), rows = new Map();
    for (const i of packets.keys()) {
      const p = packets[i], row = Math.floor((p.sent_us - a) / (b - a) * (high - 2)), was = rows.get(row);
      if (!was || kinds.indexOf(p.kind) < kinds.indexOf(was)) rows.set(row, p.kind);
    }
    group.node().replaceChildren(...[...rows].map(([row, kind]) => drawn('rect', {x: 3, width: wide - 6, y: row, height: kind === 'plain' ? 1 : 2, class: 'kind-' + kind})));
    moving = true;
    brushed.call(brush.extent([[0, 0], [wide, high]]));
    moving = false;
  }
  function move() {
    const [a, b] = ladder.limits(), [from, to] = ladder.view().map(one => (one - a) / (b - a) * high);
    moving = true;
    brushed.call(brush.move, [from, Math.max(to, from + 2)]);
    moving = false;
  }
  return {begin, move};
})();
