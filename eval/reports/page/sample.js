// One sample in full: document, target, and what each chosen run was asked, answered, and was judged by.

function sampleView(taskIdx, idx, chosen, measureNames) {
  const sample = sampleOf(taskIdx, idx);
  const view = document.createDocumentFragment();
  if (measureNames.length) view.append(valuesTable(report.tasks[taskIdx], idx, chosen, measureNames));
  view.append(part('document', fieldList(sample, sample.doc)));
  if (sample.target !== null) view.append(part('target', block(sample.text(sample.target))));
  const columns = make('div', { class: `answers columns-${chosen.length}` });
  const differing = chosen.length === 2 ? markedAnswers(sample, chosen) : null;
  chosen.forEach((runPlace, side) => {
    columns.append(answeredView(sample, taskIdx, runPlace, differing?.[side]));
  });
  if (differing?.tooLong) view.append(make('p', { class: 'warning' }, say('too_long_to_mark')));
  view.append(columns);
  return view;
}

function part(key, ...content) {
  return make('section', { class: 'part' }, make('h4', {}, say(key)), ...content);
}

function fieldList(sample, fields) {
  const list = make('dl', { class: 'fields' });
  for (const [name, number] of fields) {
    if (name) list.append(make('dt', { dir: 'auto' }, visible(name)));
    list.append(make('dd', {}, block(sample.text(number))));
  }
  return list;
}

function valuesTable(task, idx, chosen, names) {
  const head = make('tr', {}, make('td'), ...names.map((name) => make('th', { scope: 'col' }, visible(name))));
  const rows = chosen.map((runPlace) => {
    const values = task.values[runPlace].map((column) => column[idx]);
    const cells = values.map((value) => make('td', { class: 'number' }, shortNumber(value)));
    return make('tr', {}, make('th', { scope: 'row' }, runLabel(task, runPlace)), ...cells);
  });
  if (task.measuresLeft) {
    const left = say('measures_left', { count: task.measuresLeft });
    rows.push(make('tr', {}, make('td', { class: 'warning', colspan: names.length + 1 }, left)));
  }
  const table = make('table', { class: 'values' }, make('thead', {}, head), make('tbody', {}, ...rows));
  return make('div', { class: 'scroll', tabindex: '0', role: 'group', 'aria-label': say('values') }, table);
}

function runLabel(task, runPlace) {
  const run = report.runs[task.runs[runPlace]];
  return make('bdi', {}, visible(`${run.letter} ${run.name}`));
}

function answeredView(sample, taskIdx, runPlace, marked) {
  const run = sample.runs[runPlace];
  const column = make('section', { class: 'answered' }, make('h3', {}, runLabel(report.tasks[taskIdx], runPlace)));
  if (!run) {
    column.append(make('p', { class: 'about' }, say('not_asked')));
    return column;
  }
  column.append(part('answer', ...answerBlocks(sample, run, marked)));
  if (String(run.judged) !== String(run.answers)) {
    column.append(part('judged', ...run.judged.map((number) => block(sample.text(number)))));
  }
  if (run.left) column.append(make('p', { class: 'warning' }, say('requests_left', { count: run.left })));
  if (run.tokens.length) column.append(part('heat_map', heatMap(run)));
  if (run.notes.length) column.append(part('notes', fieldList(sample, run.notes)));
  column.append(...promptViews(sample, run));
  return column;
}

// Answers; of continuations that were scored, each beside its score.
function answerBlocks(sample, run, marked) {
  if (run.answers.length === 1 && marked) return [make('div', { class: 'text', dir: 'auto' }, ...marked)];
  return run.answers.map((number, idx) => {
    if (run.likeliest === null) return block(sample.text(number));
    const continuation = block(sample.text(run.requests[idx][1]));
    if (run.likeliest === idx) continuation.append(make('strong', { class: 'likeliest' }, say('likeliest')));
    return make('div', { class: 'choice' }, continuation, block(sample.text(number), 'text score'));
  });
}

// Prompts that were sent, each once, folded up; settings of a generation beside its prompt.
function promptViews(sample, run) {
  const shown = new Set();
  return run.requests.flatMap((request) => {
    if (request.length === 0 || shown.has(request[0])) return [];
    shown.add(request[0]);
    const sameForAll = run.requests.every((other) => String(other.slice(1)) === String(request.slice(1)));
    const others = sameForAll ? request.slice(1).map((number) => block(sample.text(number), 'text settings')) : [];
    const summary = make('summary', {}, say('prompt'));
    return [make('details', { class: 'prompt' }, summary, block(sample.text(request[0])), ...others)];
  });
}

// The single answers of two runs, their differing words marked; undefined where there is nothing to mark.
function markedAnswers(sample, chosen) {
  const answers = chosen.map((runPlace) => sample.runs[runPlace]?.answers ?? []);
  if (answers.some((numbers) => numbers.length !== 1) || answers[0][0] === answers[1][0]) return undefined;
  const texts = answers.map((numbers) => sample.text(numbers[0]));
  if (texts.some((shown) => shown.length > 1)) return { tooLong: true };
  const pieces = differingWords(texts[0][0], texts[1][0]);
  if (pieces === null) return { tooLong: true };
  return pieces.map((side) =>
    side.flatMap(([text, differs]) => (differs ? [make('mark', {}, ...unseenMarked(text))] : unseenMarked(text))),
  );
}
