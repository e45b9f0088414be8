// Tokens coloured by how likely the model found them. A stronger shade comes with a thicker line below, so that colour
// is not all there is; value, probability and rank of a token are said where it is pointed at or reached by arrow keys.

// The least probability of each level but the last; level 0 is left plain.
const LEVELS = [0.9, 0.5, 0.1, 0.01, 0.001];

function heatMap(run) {
  const rank = surpriseRanks(run.logprobs);
  const about = make('p', { class: 'token-about', role: 'status' }, say('token_hint'));
  const tokens = run.tokens.map((token, idx) => {
    const logprob = run.logprobs[idx];
    const level = logprob === null ? 'none' : levelOf(logprob);
    const span = make('span', { class: `token heat-${level}`, tabindex: idx === 0 ? '0' : '-1' }, ...tokenText(token));
    span.setAttribute('aria-label', tokenAbout(token, logprob, rank[idx], run.tokens.length));
    return span;
  });
  const map = make('div', { class: 'heat', role: 'group', 'aria-label': say('heat_map'), dir: 'auto' }, ...tokens);
  map.classList.toggle('numbered', numbersAreShown);
  tokens.forEach((span, idx) => {
    if (run.logprobs[idx] !== null) span.dataset.logprob = run.logprobs[idx].toFixed(2).replace('-', '−');
  });
  const tell = (event) => {
    const span = event.target.closest('.token');
    if (span) about.textContent = span.getAttribute('aria-label');
  };
  map.addEventListener('pointerover', tell);
  map.addEventListener('focusin', tell);
  map.addEventListener('keydown', (event) => moveAmong(tokens, event));
  const left = run.tokens_left ? make('p', { class: 'warning' }, say('tokens_left', { count: run.tokens_left })) : null;
  return make('div', { class: 'heat-map' }, legend(map), about, map, left);
}

function levelOf(logprob) {
  const probability = Math.exp(logprob);
  const level = LEVELS.findIndex((least) => probability >= least);
  return level < 0 ? LEVELS.length : level;
}

// 1 for the token that surprised the model most; 0 where nothing is known.
function surpriseRanks(logprobs) {
  const ranks = new Array(logprobs.length).fill(0);
  const order = [...logprobs.keys()].filter((idx) => logprobs[idx] !== null);
  order.sort((a, b) => logprobs[a] - logprobs[b]);
  order.forEach((idx, place) => (ranks[idx] = place + 1));
  return ranks;
}

// A line break is shown and made; a token that is white space alone would else be nothing to see.
function tokenText(token) {
  if (token === '') return [make('span', { class: 'unseen' }, '∅')];
  return token
    .split(/(\n|\t)/)
    .flatMap((piece) => (piece === '\n' ? ['⏎\n'] : piece === '\t' ? ['⇥\t'] : unseenMarked(piece)));
}

function tokenAbout(token, logprob, rank, count) {
  const name = JSON.stringify(visible(token));
  if (logprob === null) return say('token_unknown', { token: name });
  const probability = Math.exp(logprob);
  const isTiny = probability < 0.0001;
  const percent = isTiny ? probability.toExponential(1) : `${Number((100 * probability).toPrecision(3))} %`;
  return say('token_about', { token: name, logprob: logprob.toFixed(3).replace('-', '−'), percent, rank, count });
}

let numbersAreShown = false;

function legend(map) {
  const steps = make('span', { class: 'legend', role: 'img', 'aria-label': say('legend_about') });
  const labels = LEVELS.map((least) => `≥ ${100 * least} %`);
  labels.push(`< ${100 * LEVELS.at(-1)} %`);
  labels.forEach((label, level) => steps.append(make('span', { class: `token heat-${level}` }, label)));
  const box = make('input', { type: 'checkbox' });
  box.checked = numbersAreShown;
  box.addEventListener('change', () => {
    numbersAreShown = box.checked;
    map.classList.toggle('numbered', numbersAreShown);
  });
  return make('div', { class: 'legend-line' }, steps, make('label', {}, box, ' ', say('show_numbers')));
}

// Arrow keys among tokens: one of them is in the tab order at a time.
function moveAmong(tokens, event) {
  const here = tokens.indexOf(document.activeElement);
  const goals = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: tokens.length - 1 };
  const goal = tokens[goals[event.key]];
  if (here < 0 || !goal) return;
  event.preventDefault();
  event.stopPropagation(); // they would else turn to the next sample
  tokens[here].tabIndex = -1;
  goal.tabIndex = 0;
  goal.focus();
}
