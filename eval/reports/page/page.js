// The page as a whole: controls that follow the choice, the list that follows the controls, and one sample beside it.

const at = (id) => document.getElementById(id);
const CHOICES = ['task', 'run_a', 'run_b', 'measure', 'filter', 'sort'];
let list = null;
let searches = 0; // how many were begun: an older one is given up
let shownSample = null;

function start() {
  window.addEventListener('beforeprint', () => {
    for (const fold of document.querySelectorAll('#runs details')) fold.open = true;
  });
  readAddress();
  language = state.lang ?? (navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en');
  list = makeList(at('list'), at('list-height'), rowOf, select);
  for (const name of CHOICES) at(name).addEventListener('change', () => choose(name, at(name).value));
  let wait = 0;
  at('search').value = state.search;
  at('search').addEventListener('input', () => {
    clearTimeout(wait);
    wait = setTimeout(() => choose('search', at('search').value), 150);
  });
  for (const button of document.querySelectorAll('[data-language]')) {
    button.addEventListener('click', () => {
      state.lang = language = button.dataset.language;
      drawAll();
    });
  }
  for (const link of document.querySelectorAll('nav a')) {
    link.addEventListener('click', (event) => {
      event.preventDefault(); // the address holds the choice
      at(link.hash.slice(1)).scrollIntoView();
    });
  }
  for (const button of document.querySelectorAll('[data-show]')) {
    button.addEventListener('click', () => showChanged(JSON.parse(button.dataset.show)));
  }
  at('list').addEventListener('keydown', (event) => event.key === 'Enter' && at('sample').focus());
  at('sample').addEventListener('keydown', turnByArrow);
  resetForTask();
  drawAll();
}

function choose(name, value) {
  state[name] = value;
  if (name === 'filter' || name === 'sort' || name === 'search') state.sample = ''; // the first of the new order
  if (name === 'task') {
    Object.assign(state, { ...DEFAULTS, task: value, search: state.search });
    resetForTask();
  }
  fillControls();
  drawList();
}

// Two runs, by their places in the report, and what changed between them by a measure.
function showChanged({ runs, measure, filter }) {
  const taskIdx = report.tasks.findIndex((each) => each.runs.includes(runs[0]));
  const [runA, runB] = runs.map((run) => String(report.tasks[taskIdx].runs.indexOf(run)));
  const measureIdx = String(Math.max(0, report.tasks[taskIdx].measures.indexOf(measure)));
  const chosen = { task: String(taskIdx), run_a: runA, run_b: runB, measure: measureIdx, filter };
  Object.assign(state, DEFAULTS, chosen);
  at('search').value = '';
  fillControls();
  drawList();
  at('samples').scrollIntoView();
  at('list').focus({ preventScroll: true });
}

function drawAll() {
  translatePage();
  fillControls();
  shownSample = null;
  drawList();
}

function fillControls() {
  const { runs, measures } = task();
  if (state.run_b === state.run_a) state.run_b = 'none';
  const runOptions = runs.map((runIdx, place) => {
    const run = report.runs[runIdx];
    return [String(place), `${run.letter} ${run.name}`];
  });
  options('task', report.tasks.map((each, idx) => [String(idx), each.name]));
  options('run_a', runOptions);
  options('run_b', [['none', say('none')], ...runOptions.filter(([place]) => place !== state.run_a)]);
  options('measure', measures.map((name, idx) => [String(idx), name]));
  const counts = { task: report.tasks.length, run_a: runs.length, run_b: runs.length, measure: measures.length };
  for (const [name, count] of Object.entries(counts)) document.querySelector(`[data-for=${name}]`).hidden = count < 2;
  const isPair = hasPair();
  const needs = { right: isBinary(), wrong: isBinary(), gained: isPair, lost: isPair };
  Object.assign(needs, { value_changed: isPair, answer_changed: isPair, change: isPair });
  const letters = { a: letterOf(state.run_a), b: letterOf(state.run_b) };
  for (const option of document.querySelectorAll('#filter option, #sort option')) {
    option.hidden = option.disabled = !(needs[option.value] ?? true);
    option.textContent = say(option.value, letters);
  }
  for (const [name, fallback] of [['filter', 'all'], ['sort', 'by_number']]) {
    const known = [...at(name).options].find((option) => option.value === state[name] && !option.disabled);
    if (!known) state[name] = fallback;
  }
  for (const name of CHOICES) at(name).value = state[name];
}

function options(name, entries) {
  at(name).replaceChildren(...entries.map(([value, text]) => make('option', { value }, visible(text))));
}

function letterOf(place) {
  return place === 'none' ? '' : report.runs[task().runs[Number(place)]].letter;
}

async function drawList() {
  const mine = ++searches;
  writeAddress();
  drawLeftOut();
  let items = [...task().ids.keys()].filter(isWanted);
  if (state.search) {
    at('count').textContent = say('searching');
    const found = await samplesWith(Number(state.task), state.search, () => mine !== searches);
    if (found === null || mine !== searches) return;
    items = items.filter((idx) => found.has(idx));
  }
  const order = { value_up: up, value_down: down, change: byChange }[state.sort];
  if (order) items.sort(order); // stable: equal ones stay in the order of their numbers
  at('count').textContent = say('count', { count: items.length, all: task().ids.length });
  if (items.length === 0) {
    shownSample = null;
    at('sample').replaceChildren(make('p', { class: 'about' }, say('nothing_found')));
  }
  list.setItems(items, task().ids.indexOf(Number(state.sample === '' ? -1 : state.sample)));
}

function rowOf(idx) {
  const marks = make('span', { class: 'marks' }, ...chosenRuns().map((place) => valueMark(place, idx)));
  const label = make('span', { class: 'label', dir: 'auto' }, visible(task().labels[idx]));
  return make('div', { class: 'row' }, make('span', { class: 'id' }, `#${task().ids[idx]}`), marks, label);
}

function valueMark(place, idx) {
  const value = valueOf(place, idx);
  const letter = make('small', {}, hasPair() ? `${letterOf(place)} ` : '');
  if (!isBinary() || value === null) return make('span', { class: 'mark' }, letter, shortNumber(value));
  const key = value === 1 ? 'right_mark' : 'wrong_mark';
  const sign = make('span', { class: key, role: 'img', 'aria-label': say(key) }, value === 1 ? '✓' : '✗');
  return make('span', { class: 'mark' }, letter, sign);
}

function select(idx, place, byPointer) {
  const { ids, clusters } = task();
  state.sample = String(ids[idx]);
  writeAddress();
  const key = [state.task, idx, state.run_a, state.run_b, language].join();
  if (key === shownSample) return;
  shownSample = key;
  const title = make('h3', {}, say('sample_number', { number: String(ids[idx]) }));
  if (clusters[idx]) title.append(make('small', {}, ' ', make('bdi', {}, visible(clusters[idx]))));
  const turn = make('span', { class: 'turn' }, turnButton('previous', '←', -1), turnButton('next', '→', 1));
  const head = make('div', { class: 'sample-head' }, title, turn);
  at('sample').replaceChildren(head, sampleView(Number(state.task), idx, chosenRuns(), task().measures));
  const isNarrow = at('sample').offsetTop > at('list').offsetTop + at('list').offsetHeight - 1;
  if (byPointer && isNarrow) at('sample').scrollIntoView();
}

function turnButton(name, sign, by) {
  const attributes = { id: `turn-${name}`, type: 'button', 'aria-label': say(name), title: say(name) };
  const button = make('button', attributes, sign);
  button.addEventListener('click', () => {
    list.step(by);
    at(`turn-${name}`).focus(); // the one that was pressed went with its sample
  });
  return button;
}

function turnByArrow(event) {
  if (event.target.closest('input, select, .scroll') || event.altKey || event.ctrlKey || event.metaKey) return;
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!by) return;
  list.step(by);
  at('sample').focus({ preventScroll: true }); // what had the focus went with its sample
}

function drawLeftOut() {
  const { ids, numAll, folders } = task();
  at('left-out').hidden = ids.length === numAll;
  const values = { shown: ids.length, all: numAll, folder: folders.join(', ') };
  at('left-out').textContent = ids.length === numAll ? '' : say('left_out', values);
}

start();
