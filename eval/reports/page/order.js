// Which samples are listed, and in which order, by the chosen measure.

const valueOf = (run, idx) => task().values[Number(run)]?.[Number(state.measure)]?.[idx] ?? null;

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
  if (Number.isNaN(change)) return false;
  if (state.filter === 'value_changed') return change !== 0;
  const isLower = task().lower.includes(task().measures[Number(state.measure)]);
  const gain = isLower ? -change : change;
  return state.filter === 'gained' ? gain > 0 : gain < 0;
}

// How far the second run lies above the first; NaN where one of them has no value.
function changeOf(idx) {
  const [a, b] = [valueOf(state.run_a, idx), valueOf(state.run_b, idx)];
  return a === null || b === null ? NaN : b - a;
}

// Whether the chosen measure says right (1) or wrong (0) and nothing between; a grade of 1 is not right. Asked for
// every row, so it is kept.
let binary = { of: '', is: false };
function isBinary() {
  const of = `${state.task} ${state.measure}`;
  if (binary.of !== of) {
    const values = task().values.flatMap((ofRun) => ofRun[Number(state.measure)] ?? []);
    const isOwn = task().own.includes(task().measures[Number(state.measure)]);
    const areBinary = values.every((value) => value === null || value === 0 || value === 1);
    binary = { of, is: values.length > 0 && !isOwn && areBinary };
  }
  return binary.is;
}

// Samples without a value come last.
const orLast = (value, last) => (value === null || Number.isNaN(value) ? last : value);
const up = (a, b) => compare(orLast(valueOf(state.run_a, a), Infinity), orLast(valueOf(state.run_a, b), Infinity));
const down = (a, b) => compare(orLast(valueOf(state.run_a, b), -Infinity), orLast(valueOf(state.run_a, a), -Infinity));
const byChange = (a, b) => compare(orLast(Math.abs(changeOf(b)), -1), orLast(Math.abs(changeOf(a)), -1));
const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
