// SPDX-License-Identifier: MIT
// Opens a lab's page in Chromium without a network and uses it as a person would. Arguments: the folder of
// playwright-core, Chromium, the page. Prints one JSON object of what it saw.
import {createRequire} from 'node:module';
import {pathToFileURL} from 'node:url';

const [folder, chromium, page] = process.argv.slice(2);
const {chromium: driver} = createRequire(pathToFileURL(folder + '/'))('playwright-core');
const browser = await driver.launch({executablePath: chromium, args: ['--no-sandbox', '--disable-gpu']});
const context = await browser.newContext({offline: true, viewport: {width: 1300, height: 900}});
const view = await context.newPage();
const saw = {errors: [], requests: []};
view.on('pageerror', error => saw.errors.push(String(error)));
view.on('console', line => { if (line.type() === 'error') saw.errors.push(line.text()); });
view.on('request', request => { if (!request.url().startsWith('file:')) saw.requests.push(request.url()); });
await view.goto(pathToFileURL(page).href);

saw.title = await view.title();
saw.language = await view.locator('html').getAttribute('lang');
saw.arrows = await view.locator('#ladder .packet').count();
await view.locator('#ladder .packet.lost .row').first().click();
saw.lost = await view.locator('#details').textContent();
await view.locator('#ladder .packet').first().press('Enter');
saw.first = await view.locator('#details').textContent();
await view.selectOption('#filter', 'again');
saw.again = await view.locator('#count').textContent();
saw.again_arrows = await view.locator('#ladder .packet').count();
await view.selectOption('#filter', 'all');
const height = () => view.locator('#ladder').evaluate(node => node.getBoundingClientRect().height);
const before = await height();
await view.locator('#zoom').fill('60');
saw.zoomed = await height() > before;
const firstShown = () => view.locator('#ladder .packet').first().getAttribute('data-n');
const top = await firstShown();
await view.locator('#ladder-box').evaluate(node => { node.scrollTop = node.scrollHeight; });
await view.waitForFunction(n => document.querySelector('#ladder .packet').dataset.n !== n, top);
saw.scrolled = (await firstShown()) !== top;
saw.dots = await view.locator('#sequence .dot').count();
saw.window_lines = await view.locator('#window path').count();
await view.selectOption('#direction', 'server');
saw.dots_server = await view.locator('#sequence .dot').count();
if (process.argv[5]) await view.screenshot({path: process.argv[5], fullPage: true});
await browser.close();
console.log(JSON.stringify(saw));
