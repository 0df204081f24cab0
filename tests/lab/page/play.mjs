// SPDX-License-Identifier: MIT
// A page of the lab, used as a person does: node play.mjs WHAT PAGE CHROMIUM. Each story prints what it saw; an error ends it.
import assert from 'node:assert/strict';
import {createRequire} from 'node:module';
import {pathToFileURL} from 'node:url';

const [what, page_file, executablePath, shots] = process.argv.slice(2);
const require = createRequire(pathToFileURL(process.env.APERTO_NODE_MODULES + '/'));
const {chromium} = require('playwright-core');
const browser = await chromium.launch({executablePath, args: ['--no-sandbox', '--disable-gpu']});

async function open(options = {}) {
  const context = await browser.newContext({viewport: {width: 1280, height: 900}, ...options}), page = await context.newPage(), wrong = [];
  page.on('pageerror', error => wrong.push(String(error)));
  page.on('console', message => { if (message.type() === 'error') wrong.push(message.text()); });
  page.on('request', request => { if (!request.url().startsWith('file:')) wrong.push('asked for ' + request.url()); });
  await page.goto(pathToFileURL(page_file).href);
  await settle(page);
  return {page, wrong, context};
}
const settle = page => page.evaluate(() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(done)))));
const view = page => page.evaluate(() => ladder.view());
const boxOf = async (page, selector) => {
  await page.locator(selector).scrollIntoViewIfNeeded();
  await settle(page);
  return page.locator(selector).boundingBox();
};

async function zoom() {
  const {page, wrong} = await open();
  const box = await boxOf(page, '#ladder'), before = await view(page);
  const at = (times, y) => times[0] + (y - 30) / (box.height - 44) * (times[1] - times[0]);
  const y = 240, under = at(before, y);
  await page.mouse.move(box.x + box.width / 2, box.y + y);
  await page.mouse.wheel(0, -600);
  await settle(page);
  const after = await view(page);
  assert(after[1] - after[0] < (before[1] - before[0]) / 1.5, `the wheel zooms: ${before} to ${after}`);
  assert(Math.abs(at(after, y) - under) < (before[1] - before[0]) / 100, 'what is under the pointer stays there');
  await page.mouse.down();
  await page.mouse.move(box.x + box.width / 2, box.y + y - 60, {steps: 4});
  await page.mouse.up();
  await settle(page);
  assert((await view(page))[0] > after[0], 'dragging moves');
  await page.click('#zoom-all');
  await settle(page);
  assert.deepEqual((await view(page)).map(Math.round), (await page.evaluate(() => ladder.limits())).map(Math.round));
  assert.deepEqual(wrong, []);
  console.log('zoomed', before, '→', after);
}
async function touch() {
  const {page, wrong, context} = await open({viewport: {width: 390, height: 844}, hasTouch: true, isMobile: true});
  const box = await boxOf(page, '#ladder'), before = await view(page), session = await context.newCDPSession(page);
  const server = await page.locator('#ladder text.host').last().boundingBox();
  assert(server.x + server.width < 390, 'the server is on the screen');
  assert(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'nothing stands out at the side');
  const send = (type, gap) => session.send('Input.dispatchTouchEvent', {type, touchPoints: type === 'touchEnd' ? [] :
    [-1, 1].map((way, id) => ({x: box.x + box.width / 2, y: box.y + 200 + way * gap, id}))});
  await send('touchStart', 20);
  for (let gap = 25; gap <= 120; gap += 5) await send('touchMove', gap);
  await send('touchEnd');
  await settle(page);
  const after = await view(page);
  assert(after[1] - after[0] < (before[1] - before[0]) / 2, `two fingers zoom: ${before} to ${after}`);
  assert.deepEqual(wrong, []);
  console.log('two fingers', before, '→', after);
}
async function brush() {
  const {page, wrong} = await open();
  const limits = await page.evaluate(() => ladder.limits());
  for (const id of await page.locator('#plots figure:not([hidden])').evaluateAll(all => all.map(one => one.id))) {
    await page.click('#zoom-all');
    const box = await boxOf(page, `#${id} svg`);
    const x = share => box.x + 70 + share * (box.width - 124);
    await page.mouse.move(x(.3), box.y + 90);
    await page.mouse.down();
    await page.mouse.move(x(.6), box.y + 110, {steps: 6});
    await page.mouse.up();
    await settle(page);
    const shares = (await view(page)).map(t => (t - limits[0]) / (limits[1] - limits[0]));
    assert(Math.abs(shares[0] - .3) < .02 && Math.abs(shares[1] - .6) < .02, `${id}: the ladder shows ${shares}`);
    const marked = await page.locator(`#${id} .selection`).boundingBox();
    assert(Math.abs(marked.x - x(.3)) < 8 && Math.abs(marked.x + marked.width - x(.6)) < 8, `${id}: marked`);
    await page.mouse.move(x(.45), box.y + 60);
    await settle(page);
    assert.match(await page.locator(`#${id} .told`).textContent(), /ms: \S/, `${id}: what is under the pointer is said`);
    await page.mouse.wheel(0, -400);
    await settle(page);
    const [from, to] = await page.evaluate(() => timesShown());
    assert(to - from < (limits[1] - limits[0]) * .9, `${id}: the wheel zooms`);
    await page.mouse.wheel(0, 4000);
    await settle(page);
    console.log(id, 'brushed, told, zoomed');
  }
  // And back: what the ladder shows is marked on the graphs.
  const plot = await boxOf(page, '#plot-sequence svg');
  await page.evaluate(([a, b]) => ladder.show(a + (b - a) * .5, a + (b - a) * .7), limits);
  await settle(page);
  const marked = await page.locator('#plot-sequence .selection').boundingBox();
  assert(Math.abs(marked.x - plot.x - 70 - .5 * (plot.width - 124)) < 8, 'the ladder moves the mark');
  // A click on a stroke chooses its packet.
  await page.mouse.click(plot.x + 70 + .2 * (plot.width - 124), plot.y + 40);
  await settle(page);
  assert(await page.evaluate(() => chosen) > 0);
  assert.deepEqual(wrong, []);
}
async function click() {
  const {page, wrong} = await open();
  const lost = page.locator('#ladder .packet.kind-lost').first();
  await lost.locator('text').click();
  assert.match(await page.locator('#details').textContent(), /--drop/);
  // On the arrow too, not its label alone.
  const box = await boxOf(page, '#ladder'), [n, x, y] = await page.evaluate(() => { const p = packets[0], l = ladder.line(p); return [p.n, (l[0] + l[2]) / 2, (l[1] + l[3]) / 2]; });
  await page.mouse.click(box.x + x, box.y + y);
  await settle(page);
  assert.equal(await page.evaluate(() => chosen), n);
  await page.hover('#details .field[data-name="Window"]');
  assert.match(await page.locator('.explained').textContent(), /RFC 9293 3\.8\.6/);
  assert.match(await page.locator('#details').textContent(), /MSS/);
  assert.doesNotMatch(await page.locator('#details').textContent(), /raw_|_us|undefined|NaN|null/, 'no keys');
  for (const p of [1, 2, 3, 4, 5]) {
    await page.evaluate(one => choose(packets[one].n, true), p);
    for (const field of await page.locator('#details .field:not([tabindex="-1"])').all()) {
      await field.dispatchEvent('pointerenter');
      assert.match(await page.locator('.explained').textContent(), /RFC \d+/, 'every field has its RFC');
    }
  }
  await page.locator('#ladder').focus();
  await page.keyboard.press('Home');
  assert.equal(await page.evaluate(() => chosen), 1);
  await page.keyboard.press('n');
  await page.keyboard.press('ArrowDown');
  assert(await page.evaluate(() => document.getElementById(document.querySelector('#ladder').getAttribute('aria-activedescendant')) !== null), 'it is told of');
  assert.deepEqual(wrong, []);
  console.log('clicked a label, an arrow, fields');
}
/// Boxes of labels and lines of arrows, at several zooms: none touches another.
async function apart() {
  for (const width of [390, 1024, 1920]) {
    const {page, wrong, context} = await open({viewport: {width, height: 1000}});
    let seen = 0;
    for (let i = 0; i < 6; ++i) {
      const [boxes, left, right] = await page.evaluate(() => {
        const texts = [...document.querySelectorAll('#ladder .packet text')].map(t => { const b = t.getBBox(); return [b.x, b.y, b.x + b.width, b.y + b.height]; });
        const lines = ladder.packetsInView().map(p => ladder.line(p));
        return [texts, Math.min(...lines.map(l => Math.min(l[0], l[2]))), Math.max(...lines.map(l => Math.max(l[0], l[2])))];
      });
      for (const [x1, y1, x2, y2] of boxes) {
        assert(x2 <= left || x1 >= right || width === 0, `no arrow runs through a label: ${x1}–${x2}, arrows ${left}–${right}`);
        assert(x1 >= 0 && x2 <= width, 'a label is whole');
        for (const other of boxes) if (other[1] !== y1) assert(Math.abs(other[1] - y1) > 9, 'no label lies on another');
      }
      seen += boxes.length;
      await page.click('#zoom-in');
      await settle(page);
    }
    assert(seen > 20);
    assert.deepEqual(wrong, []);
    await context.close();
    console.log(`${width} px: ${seen} labels apart`);
  }
}
async function keep() {
  const {page, wrong} = await open();
  await page.click('#tab-lesson');
  await page.fill('#answer-1', '20 ms');
  await page.check('#lesson input[type=radio][value=b]');
  await page.reload();
  assert.equal(await page.inputValue('#answer-1'), '20 ms');
  assert(await page.isChecked('#lesson input[type=radio][value=b]'));
  assert(await page.locator('#checks').evaluate(one => !one.open), 'the checks are one line');
  await page.click('.after summary');
  assert.match(await page.locator('.after').textContent(), /fast retransmit/);
  await page.locator('.after button.link').first().click();
  assert(await page.evaluate(() => chosen) > 0, 'the evidence leads to its packet');
  await page.emulateMedia({media: 'print'});
  await page.evaluate(() => dispatchEvent(new Event('beforeprint')));
  assert((await page.locator('#table tbody tr').count()) > 10);
  assert(await page.isVisible('#answer-1'), 'the answers are printed');
  if (shots) await page.pdf({path: shots + '/print.pdf'});
  assert.deepEqual(wrong, []);
  console.log('answers kept, evidence, print');
}
async function axe() {
  const source = require.resolve('axe-core/axe.min.js');
  for (const [name, options] of Object.entries({light: {}, dark: {colorScheme: 'dark'}, phone: {viewport: {width: 390, height: 844}}})) {
    const {page, context} = await open({...options, bypassCSP: true});
    await page.addScriptTag({path: source});
    for (const state of process.env.APERTO_AXE === 'all' ? ['begin', 'packet'] : [name === 'light' ? 'begin' : 'packet']) {
      if (state === 'packet') await page.evaluate(() => { choose(5, true); document.querySelector('#details details').open = true; });
      await settle(page);
      const found = (await page.evaluate(() => window.axe.run())).violations.map(v => `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map(n => n.html.slice(0, 160)).join(' | ')}`);
      assert.deepEqual(found, [], `${name}, ${state}`);
    }
    await context.close();
  }
  console.log('axe-core finds nothing: light, dark, phone');
}
/// Frames while zooming, by the processor's time of the page's thread: on a machine that does other things too, it is what the page takes.
async function fluid() {
  const {page, wrong, context} = await open(), session = await context.newCDPSession(page), most = Number(process.env.APERTO_FRAME_MS || 'Infinity');
  await session.send('Performance.enable', {timeDomain: 'threadTicks'});
  const busy = async () => (await session.send('Performance.getMetrics')).metrics.find(m => m.name === 'TaskDuration').value * 1000;
  const count = await page.evaluate(() => packets.length), told = {};
  for (const [kind, id, selector] of [['ladder', '#ladder', '#ladder'], ['graphs', '#plot-sequence svg', '#plot-sequence svg']]) {
    const box = await boxOf(page, selector), frames = [];
    await page.mouse.move(box.x + box.width * .45, box.y + box.height * .45);
    for (let i = 0; i < 24; ++i) {
      const before = await busy();
      await page.mouse.wheel(0, i < 16 ? -150 : 250);
      await settle(page);
      frames.push((await busy() - before));
    }
    told[kind] = frames.sort((x, y) => x - y);
    console.log(`${count} packets, ${kind}: a turn of the wheel takes ${frames[12].toFixed(1)} ms (median), ${frames[23].toFixed(1)} ms (most)`);
  }
  for (const frames of Object.values(told)) assert(frames[23] <= most, `at most ${most} ms`);
  assert.match(await page.locator('#count').textContent(), new RegExp(count.toLocaleString('en')));
  assert.deepEqual(wrong, []);
}
const stories = {zoom, touch, brush, click, apart, keep, axe, fluid};
try {
  for (const name of what.split(',')) await stories[name]();
} finally {
  await browser.close();
}
