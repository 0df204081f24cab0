// The frame of every graph: axes, zoom about the pointer, the brush that marks what the ladder shows, and what is under the pointer. What each
// graph draws stands in curves.js. All have one axis of time.
let stream = null, span0 = 0, span1 = 1, graphZoom = d3.zoomIdentity, brushing = false;
const plots = [];

function addPlot(curve) {
  const svg = d3.create('svg').attr('tabindex', 0).attr('role', 'img').attr('aria-label', `${words[curve.id]}. ${words[curve.id + '_look']}`);
  const canvas = made('canvas', {'aria-hidden': 'true'}), told = made('output', {class: 'told'}), legend = made('p', {class: 'legend'});
  const figure = made('figure', {id: 'plot-' + curve.id}, made('h3', {}, words[curve.id]), made('p', {class: 'look'}, words[curve.id + '_look']), legend,
    made('div', {class: 'plot'}, canvas, svg.node()), told);
  byId('plots').append(figure);
  const plot = {curve, figure, canvas, svg, told, legend, seen: false, at: null, axes: svg.append('g'), cursor: svg.append('g'), brushed: svg.append('g').attr('class', 'brush')};
  plot.brush = d3.brushX().touchable(false).on('start brush end', () => brushedPlot(plot));
  plot.zoom = d3.zoom().filter(() => d3.event.type === 'wheel' || (d3.event.touches && d3.event.touches.length > 1)).on('zoom', () => {
    if (!d3.event.sourceEvent && d3.event.transform === graphZoom) return;
    graphZoom = d3.event.transform;
    placeTime();
    for (const one of plots) one.svg.node().__zoom = graphZoom;
    soon(drawGraphs);
  });
  svg.on('pointermove', () => pointAt(plot, d3.clientPoint(svg.node(), d3.event)[0]));
  svg.on('pointerleave', () => { for (const one of plots) one.at = null; soon(drawGraphs); });
  svg.node().addEventListener('keydown', event => plotKey(plot, event));
  new IntersectionObserver(entries => { plot.seen = entries[entries.length - 1].isIntersecting; if (plot.seen) soon(drawGraphs); }, {rootMargin: '200px'}).observe(figure);
  plots.push(plot);
  return plot;
}
/// Measured once for all graphs, which are equally wide; where time lies is a line: x = origin + slope × time.
let area = {left: 70, right: 500, wide: 600, high: 300}, origin = 0, slope = 1;
function measurePlots() {
  const narrow = document.documentElement.clientWidth < 600, wide = plots.find(plot => !plot.figure.hidden)?.figure.clientWidth || 600;
  area = {left: narrow ? 44 : 70, right: wide - (narrow ? 26 : 54), wide, high: Math.max(200, Math.min(340, innerHeight * .42))};
  placeTime();
}
function placeTime() {
  slope = (area.right - area.left) / (span1 - span0) * graphZoom.k;
  origin = graphZoom.applyX(area.left) - span0 * slope;
}
const timeX = t => origin + t * slope, xTime = x => (x - origin) / slope;
const timesShown = () => [xTime(area.left), xTime(area.right)];

function sizePlot(plot) {
  const {wide, high} = area, scale = devicePixelRatio || 1, inside = [[area.left, 10], [area.right, high - 26]];
  plot.canvas.width = wide * scale; plot.canvas.height = high * scale;
  plot.canvas.style.width = wide + 'px'; plot.canvas.style.height = high + 'px';
  plot.canvas.getContext('2d').setTransform(scale, 0, 0, scale, 0, 0);
  plot.svg.attr('width', wide).attr('height', high);
  plot.zoom.extent(inside).translateExtent(inside).scaleExtent([1, Math.max(2, (span1 - span0) / 20)]);
  plot.svg.call(plot.zoom).on('dblclick.zoom', null);
  plot.svg.node().__zoom = graphZoom;
  brushing = true;
  plot.brushed.call(plot.brush.extent(inside));
  brushing = false;
}
function beginGraphs() {
  if (plots.length === 0) for (const curve of curves) addPlot(curve);
  const old = [span0, span1];
  stream = streamOf(byId('direction').value, chosenFlow() || flows[0]);
  [span0, span1] = ladder.limits();
  byId('graphs-flow').textContent = flows.length > 1 ? `${words.connection} ${group(stream.flow)}` : '';
  if (old[0] !== span0 || old[1] !== span1) graphZoom = d3.zoomIdentity;
  for (const plot of plots) plot.figure.hidden = !plot.curve.known(stream);
  resizePlots();
  moveBrushes(ladder.view());
  soon(drawGraphs);
}
function resizePlots() {
  measurePlots();
  for (const plot of plots) if (!plot.figure.hidden) sizePlot(plot);
}
function resizeGraphs() {
  resizePlots();
  moveBrushes(ladder.view());
  drawGraphs();
}
/// The ladder's time on every graph.
function moveBrushes(times) {
  if (plots.length === 0) return;
  brushing = true;
  const {left: low, right: high} = area, inside = times.map(t => Math.max(low, Math.min(high, timeX(t))));
  for (const plot of plots) if (plot.seen && !plot.figure.hidden)
    plot.brushed.call(plot.brush.move, inside[1] - inside[0] < high - low - 2 && inside[1] > low && inside[0] < high ? [inside[0], Math.max(inside[1], inside[0] + 2)] : null);
  brushing = false;
}
/// What begins and ends at one place is a click: the packet nearest to it in time is chosen.
function brushedPlot(plot) {
  if (brushing || !d3.event.sourceEvent) return;
  const [x] = d3.clientPoint(plot.svg.node(), d3.event.sourceEvent);
  if (d3.event.type === 'start') plot.pressed = x;
  else if (Math.abs(x - plot.pressed) >= 3 && d3.event.selection) ladder.show(...d3.event.selection.map(xTime));
  else if (d3.event.type === 'end') clickedPlot(x);
}
function clickedPlot(x) {
  const near = nearest(stream.sent, xTime(x), one => one.sent_us);
  if (near) { byId('filter').value = 'all'; applyFilter(); choose(near.n, true); }
}
function nearest(list, value, of) {
  const i = firstFrom(list, value, of);
  return i > 0 && (i === list.length || value - of(list[i - 1]) < of(list[i]) - value) ? list[i - 1] : list[i];
}
function pointAt(plot, x) {
  if (x < area.left || x > area.right) return;
  for (const one of plots) one.at = xTime(x);
  soon(drawGraphs);
}
function plotKey(plot, event) {
  const [from, to] = timesShown(), by = {ArrowRight: 1, ArrowLeft: -1}[event.key];
  if (by) for (const one of plots) one.at = Math.max(from, Math.min(to, (plot.at ?? (from + to) / 2) + by * (to - from) / 50));
  else if (event.key === '+' || event.key === '-') plot.svg.call(plot.zoom.scaleBy, event.key === '+' ? 1.6 : 1 / 1.6);
  else if (event.key === 'Enter') ladder.show(from, to);
  else return;
  event.preventDefault();
  soon(drawGraphs);
}

/// The scale of an axis of values: `of` a value is its pixel.
function scaleOf(low, high, bottom, logarithmic) {
  const top = 16, room = bottom - top;
  if (logarithmic) {
    const from = Math.log10(Math.max(low, 1e-3)), to = Math.max(Math.log10(Math.max(high, 1e-3)), from + .3);
    return {of: v => bottom - (Math.log10(Math.max(v, 1e-3)) - from) / (to - from) * room, marks: logMarks(from, to)};
  }
  return {of: v => bottom - (v - low) / Math.max(high - low, 1e-9) * room, marks: ticks(low, high, Math.max(3, room / 50))};
}
function logMarks(from, to) {
  const out = [];
  for (let power = Math.floor(from); power <= to; ++power)
    for (const n of to - from < 1.3 ? [1, 2, 3, 5] : to - from < 2.5 ? [1, 3] : [1]) { const v = n * 10 ** power; if (Math.log10(v) >= from && Math.log10(v) <= to) out.push(v); }
  return out;
}
function drawGraphs() {
  if (!stream) return;
  const [from, to] = timesShown();
  for (const plot of plots) if (plot.seen && !plot.figure.hidden) drawPlot(plot, from, to);
  moveBrushes(ladder.view());
}
function drawPlot(plot, from, to) {
  const context = plot.canvas.getContext('2d'), {left, right, wide, high} = area, bottom = high - 26;
  context.clearRect(0, 0, wide, high);
  const range = plot.curve.range(stream, from, to), y = scaleOf(...range.left, bottom, range.logarithmic), second = range.right && scaleOf(...range.right, bottom);
  const axis = [];
  context.strokeStyle = colour('grid'); context.lineWidth = 1; context.beginPath();
  for (const v of y.marks) {
    const line = Math.round(y.of(v)) + .5;
    context.moveTo(left, line); context.lineTo(right, line);
    axis.push(drawn('text', {x: left - 6, y: line + 4, 'text-anchor': 'end'}, brief(v)));
  }
  for (const t of ticks(from / 1000, to / 1000, (right - left) / 110)) {
    const line = Math.round(timeX(t * 1000)) + .5;
    context.moveTo(line, 10); context.lineTo(line, bottom);
    axis.push(drawn('text', {x: line, y: bottom + 18, 'text-anchor': 'middle'}, brief(t)));
  }
  context.stroke();
  for (const v of second ? second.marks : []) axis.push(drawn('text', {x: right + 6, y: second.of(v) + 4, class: 'second'}, brief(v)));
  axis.push(drawn('text', {x: left - 6, y: 8, 'text-anchor': 'end'}, range.unit), drawn('text', {x: right + 6, y: bottom + 18}, words.ms));
  if (second) axis.push(drawn('text', {x: wide - 2, y: 8, 'text-anchor': 'end', class: 'second'}, words.segments_unit));
  plot.axes.node().replaceChildren(...axis);
  context.save(); context.beginPath(); context.rect(left, 8, right - left, bottom - 6); context.clip();
  const entries = plot.curve.draw(context, stream, y.of, second && second.of, from, to);
  context.restore();
  tellPlot(plot, entries, bottom, from, to);
}
function tellPlot(plot, entries, bottom, from, to) {
  const text = entries.map(e => e[1]).join('|');
  if (plot.legend.dataset.text !== text) {
    plot.legend.dataset.text = text;
    plot.legend.replaceChildren(...entries.map(([name, said, form]) => {
      const key = made('span', {class: 'key ' + (form || '')}, said);
      key.style.setProperty('--key', `var(--${name})`);
      return key;
    }));
  }
  const inside = plot.at !== null && plot.at >= from && plot.at <= to, p = chosen !== null && packetOf(chosen), lines = [];
  if (inside) lines.push(drawn('line', {x1: timeX(plot.at), x2: timeX(plot.at), y1: 10, y2: bottom, class: 'cursor'}));
  if (p && p.sent_us >= from && p.sent_us <= to) lines.push(drawn('line', {x1: timeX(p.sent_us), x2: timeX(p.sent_us), y1: 10, y2: bottom, class: 'cursor packet-cursor'}));
  plot.cursor.node().replaceChildren(...lines);
  plot.told.textContent = inside ? `${time(plot.at)} ${words.ms}: ${plot.curve.tell(stream, plot.at)}` : '\u00a0';
}
