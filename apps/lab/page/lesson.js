// The lesson beside the picture, with fields whose answers this browser keeps; what was expected of the run; and the summary.
const kept = {
  key: n => `aperto ${run.title} ${n}`,
  read(n) { try { return localStorage.getItem(this.key(n)) || ''; } catch { return ''; } },
  write(n, text) { try { localStorage.setItem(this.key(n), text); } catch { /* a browser that keeps nothing still shows it */ } },
};
/// The text of a lesson: paragraphs, lists, what is set in by four blanks as it stands, `code`.
function prose(text) {
  const out = [];
  const inline = line => line.split(/(`[^`]+`)/).map(part => /^`.+`$/.test(part) ? made('code', {}, part.slice(1, -1)) : part);
  for (const block of text.split(/\n\s*\n/)) {
    let list = null, paragraph = null;
    for (const line of block.split('\n').filter(l => l.trim() !== '')) {
      if (line.startsWith('- ')) {
        paragraph = null;
        if (!list) out.push(list = made('ul', {}));
        list.append(made('li', {}, ...inline(line.slice(2))));
      } else if (/^ {4}/.test(line)) { list = paragraph = null; out.push(made('pre', {tabindex: 0}, line.slice(4)));
      } else if (list && line.startsWith('  ')) list.lastChild.append(' ', ...inline(line.trim()));
      else if (paragraph) paragraph.append(' ', ...inline(line.trim()));
      else { list = null; out.push(paragraph = made('p', {}, ...inline(line.trim()))); }
    }
  }
  return out;
}
function questionOf(one, n) {
  const id = 'answer-' + n, text = made('p', {id: id + '-text'}, made('b', {}, `${n + 1} `), one.text);
  if (one.choices.length === 0) {
    const field = made('input', {id, type: 'text', 'aria-labelledby': id + '-text', placeholder: words.your_answer, autocomplete: 'off'});
    field.value = kept.read(n);
    field.oninput = () => kept.write(n, field.value);
    return made('div', {class: 'question'}, text, field);
  }
  const set = made('div', {class: 'question', role: 'radiogroup', 'aria-labelledby': id + '-text'}, text);
  for (const choice of one.choices) {
    const letter = choice.trim()[0], radio = made('input', {type: 'radio', name: id, value: letter});
    radio.checked = kept.read(n) === letter;
    radio.onchange = () => kept.write(n, letter);
    set.append(made('label', {}, radio, ' ' + choice));
  }
  return set;
}
/// What the run says to each question, with the packets to click on.
function factOf(fact, n) {
  const out = made('p', {}, made('b', {}, `${n + 1} `), fact.known ? fact.right : words.not_shown, fact.evidence ? ` · ${fact.evidence}` : '');
  for (const number of (fact.packets || []).slice(0, 5)) {
    const link = made('button', {class: 'link'}, fill(words.packet_n, group(number)));
    link.onclick = () => choose(number, true);
    out.append(' ', link);
  }
  return out;
}
function tellLesson() {
  const pane = byId('lesson'), lesson = run.lesson, open = pane.querySelector('details')?.open, name = made('input', {id: 'name', type: 'text', autocomplete: 'name'});
  pane.replaceChildren();
  if (!lesson) return;
  name.value = kept.read('name');
  name.oninput = () => kept.write('name', name.value);
  const text = lesson.after.replace(/^[^\n.]{1,40}\n/, ''), after = made('details', {class: 'after'}, made('summary', {}, words.what_happened),
    ...lesson.facts.map(factOf), ...prose(text));
  after.open = open || false;
  pane.append(...prose(lesson.intro.replace(/\n\s*\n[^\n.]{1,40}\s*$/, '')), made('h3', {}, words.questions), made('label', {class: 'name'}, words.name + ' ', name),
    ...lesson.questions.map(questionOf), made('p', {class: 'hint'}, words.kept), after);
}

/// What was expected of the run: one line, open only where something does not hold.
function tellChecks() {
  const box = byId('checks'), failed = run.checks.filter(c => !c.holds).length;
  box.hidden = run.checks.length === 0;
  box.open = failed > 0;
  box.className = failed > 0 ? 'failed' : '';
  box.querySelector('summary').textContent = failed > 0 ? `✗ ${fill(words.checks_fail, group(failed), group(run.checks.length))}`
    : `✓ ${fill(words.checks_hold, group(run.checks.length))}`;
  box.querySelector('ul').replaceChildren(...[...run.checks].sort((a, b) => a.holds - b.holds).map(c =>
    made('li', {class: c.holds ? '' : 'failed'}, c.holds ? '✓ ' : '✗ ', made('code', {}, c.text), made('span', {class: 'evidence'}, ' ' + c.evidence))));
}
function tellSummary() {
  tellChecks();
  const out = [];
  let list = null;
  for (const line of run.lines) {
    const row = /^ {2}(\S.*?)(?: {2,}(.*))?$/.exec(line);
    if (row && row[2] !== undefined) {
      if (!list) out.push(list = made('dl', {}));
      list.append(made('dt', {}, row[1]), made('dd', {}, row[2]));
      continue;
    }
    list = null;
    if (line.trim() !== '') out.push(line.startsWith('  ') ? made('p', {}, line.trim()) : made('h3', {}, line.trim()));
  }
  byId('summary').replaceChildren(...out);
}

// On paper: the picture as it stands, and below it what is out of the ordinary as a table.
window.addEventListener('beforeprint', () => {
  const most = 60, list = packets.length <= most ? packets : packets.filter(p => p.kind !== 'plain'), body = made('tbody', {});
  for (const p of list.slice(0, most)) {
    const cells = [group(p.n), time(p.sent_us), p.fate === 'lost' ? '✗' : time(p.arrived_us), words[p.from], p.label, p.words || ''];
    body.append(made('tr', {class: 'kind-' + p.kind}, ...cells.map(text => made('td', {}, text))));
  }
  const heads = ['packet', 'sent_ms', 'arrived_ms', 'from', 'header', 'in_words'].map(key => made('th', {scope: 'col'}, words[key]));
  byId('table').replaceChildren(made('table', {}, made('caption', {}, fill(words.table_of, group(Math.min(most, list.length)), group(packets.length))),
    made('thead', {}, made('tr', {}, ...heads)), body));
  for (const plot of plots) plot.seen = true;
  ladder.resize();
  resizeGraphs();
});
window.addEventListener('afterprint', () => { byId('table').replaceChildren(); ladder.resize(); });
