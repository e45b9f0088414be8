// What is chosen, and what follows from it. The choice also stands in the address, so that a view can be kept or sent.

const at = (id) => document.getElementById(id);
const CHOICES = ['task', 'run_a', 'run_b', 'measure', 'filter', 'sort'];
// run_b: a run, 'none', or '' while nobody chose.
const DEFAULTS = { task: '0', run_a: '0', run_b: '', measure: '0', filter: 'all', sort: 'by_number', search: '', sample: '' };
const state = { ...DEFAULTS };
let list = null;
let searches = 0; // how many were begun: an older one is given up
let shownSample = null;

const task = () => report.tasks[Number(state.task)];
const hasPair = () => state.run_b !== 'none';
const chosenRuns = () => (hasPair() ? [Number(state.run_a), Number(state.run_b)] : [Number(state.run_a)]);
const valueOf = (run, idx) => task().values[Number(run)]?.[Number(state.measure)]?.[idx] ?? null;

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

// The second run is compared from the beginning, where there is one.
function resetForTask() {
  if (state.run_b !== '') return;
  state.run_b = task().runs.length < 2 ? 'none' : state.run_a === '1' ? '0' : '1';
}

function readAddress() {
  for (const [name, value] of new URLSearchParams(location.hash.slice(1))) {
    if (name in state || name === 'lang') state[name] = value;
  }
  const within = (value, count) => /^\d+$/.test(value) && Number(value) < count;
  if (!within(state.task, report.tasks.length)) state.task = '0';
  if (!within(state.run_a, task().runs.length)) state.run_a = '0';
  if (state.run_b !== 'none' && !within(state.run_b, task().runs.length)) state.run_b = '';
  if (!within(state.measure, task().measures.length)) state.measure = '0';
  if (state.lang !== 'en' && state.lang !== 'zh') delete state.lang;
}

function writeAddress() {
  const kept = Object.entries(state).filter(([name, value]) => value !== '' && value !== DEFAULTS[name]);
  try {
    history.replaceState(null, '', `#${new URLSearchParams(kept)}`);
  } catch {
    // A browser may refuse it for a page opened from a file or a frame; the page works all the same.
  }
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
    return [String(place), `${run.letter} ${run.model}`];
  });
  options('task', report.tasks.map((each, idx) => [String(idx), each.name]));
  options('run_a', runOptions);
  options('run_b', [['none', say('none')], ...runOptions.filter(([place]) => place !== state.run_a)]);
  options('measure', measures.map((name, idx) => [String(idx), name]));
    const hidden = { task: report.tasks.length < 2, run_a: runs.length < 2, run_b: runs.length < 2, measure: measures.length < 2 };
  for (const [name, isHidden] of Object.entries(hidden)) document.querySelector(`[data-for=${name}]`).hidden = isHidden;
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

// Whether the chosen measure says right (1) or wrong (0) and nothing between.
function isBinary() {
  const columns = task().values.map((ofRun) => ofRun[Number(state.measure)] ?? []);
  return columns.some((column) => column.length) && columns.flat().every((value) => value === null || value === 0 || value === 1);
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
  if (items.length === 0) at('sample').replaceChildren(make('p', { class: 'about' }, say('nothing_found')));
  list.setItems(items, task().ids.indexOf(Number(state.sample === '' ? -1 : state.sample)));
}

function isWanted(idx) {
  const a = valueOf(state.run_a, idx);
  if (state.filter === 'all') return true;
  if (state.filter === 'right') return a === 1;
  if (state.filter === 'wrong') return a === 0;
  if (state.filter === 'answer_changed') {
    const answers = task().answers[idx];
    return answers[Number(state.run_a)] !== answers[Number(state.run_b)];
  }
  const change = changeOf(idx);
  if (state.filter === 'value_changed') return change !== 0;
  const isLower = task().lower.includes(task().measures[Number(state.measure)]);
  return state.filter === 'gained' ? (isLower ? change < 0 : change > 0) : isLower ? change > 0 : change < 0;
}

// How far the second run lies above the first; NaN where one of them has no value.
function changeOf(idx) {
  const [a, b] = [valueOf(state.run_a, idx), valueOf(state.run_b, idx)];
  return a === null || b === null ? NaN : b - a;
}

// Samples without a value come last.
const orLast = (value, last) => (value === null || Number.isNaN(value) ? last : value);
const up = (a, b) => compare(orLast(valueOf(state.run_a, a), Infinity), orLast(valueOf(state.run_a, b), Infinity));
const down = (a, b) => compare(orLast(valueOf(state.run_a, b), -Infinity), orLast(valueOf(state.run_a, a), -Infinity));
const byChange = (a, b) => compare(orLast(Math.abs(changeOf(b)), -1), orLast(Math.abs(changeOf(a)), -1));
const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

function rowOf(idx) {
  const marks = make('span', { class: 'marks' }, ...chosenRuns().map((place) => valueMark(place, idx)));
  const label = make('span', { class: 'label', dir: 'auto' }, visible(task().labels[idx]));
  return make('div', { class: 'row' }, make('span', { class: 'id' }, `#${task().ids[idx]}`), marks, label);
}

function valueMark(place, idx) {
  const value = valueOf(place, idx);
  const letter = make('small', {}, hasPair() ? `${letterOf(place)} ` : '');
  if (!isBinaryNow() || value === null) return make('span', { class: 'mark' }, letter, shortNumber(value));
  const key = value === 1 ? 'right_mark' : 'wrong_mark';
  const sign = make('span', { class: key, role: 'img', 'aria-label': say(key) }, value === 1 ? '✓' : '✗');
  return make('span', { class: 'mark' }, letter, sign);
}

// Asked for every row, so kept for the measure it was found for.
let binary = { key: '', is: false };
function isBinaryNow() {
  const key = `${state.task} ${state.measure}`;
  if (binary.key !== key) binary = { key, is: isBinary() };
  return binary.is;
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
  const buttons = [['previous', '←', -1], ['next', '→', 1]].map(([name, sign, by]) => {
    const button = make('button', { type: 'button', 'aria-label': say(name), title: say(name) }, sign);
    button.addEventListener('click', () => list.step(by));
    return button;
  });
  const head = make('div', { class: 'sample-head' }, title, make('span', { class: 'turn' }, ...buttons));
  at('sample').replaceChildren(head, sampleView(Number(state.task), idx, chosenRuns(), task().measures));
  const isNarrow = at('sample').offsetTop > at('list').offsetTop + at('list').offsetHeight - 1;
  if (byPointer && isNarrow) at('sample').scrollIntoView();
}

function turnByArrow(event) {
  if (event.target.closest('input, select, .scroll') || event.altKey || event.ctrlKey || event.metaKey) return;
  if (event.key === 'ArrowRight') list.step(1);
  if (event.key === 'ArrowLeft') list.step(-1);
}

function drawLeftOut() {
  const { ids, numAll, folders } = task();
  at('left-out').hidden = ids.length === numAll;
  const values = { shown: ids.length, all: numAll, folder: folders.join(', ') };
  at('left-out').textContent = say('left_out', values);
}

start();
