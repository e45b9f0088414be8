// What is chosen: a task, one or two runs of it, a measure, a filter, an order, a sample. It also stands in the
// address, so that a view can be kept or sent.

// run_b: a run, 'none', or '' while nobody chose.
const DEFAULTS = {
  task: '0',
  run_a: '0',
  run_b: '',
  measure: '0',
  filter: 'all',
  sort: 'by_number',
  search: '',
  sample: '',
};
const state = { ...DEFAULTS }; // and `lang`, once it was chosen

const task = () => report.tasks[Number(state.task)];
const hasPair = () => state.run_b !== 'none';
const chosenRuns = () => (hasPair() ? [Number(state.run_a), Number(state.run_b)] : [Number(state.run_a)]);

function readAddress() {
  for (const [name, value] of new URLSearchParams(location.hash.slice(1))) {
    if (Object.hasOwn(DEFAULTS, name) || name === 'lang') state[name] = value;
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

// The second run is compared from the beginning, where there is one.
function resetForTask() {
  if (state.run_b !== '') return;
  state.run_b = task().runs.length < 2 ? 'none' : state.run_a === '1' ? '0' : '1';
}
