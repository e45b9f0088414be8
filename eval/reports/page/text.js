// Text on the page. What came out of an evaluation gets in by text nodes alone, never as HTML.

// Characters that hide or move what stands around them are spelled out, but not the joiners of Persian, Indic scripts
// and emoji, nor the number signs of Arabic.
const UNSEEN = /(?![\n\t\u200c\u200d\u0600-\u0605\u06dd])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
let language = 'en';

// A text of the page in the reader's language, its braces filled.
function say(key, values = {}) {
  const text = report.texts[key][language === 'zh' ? 1 : 0];
  return text.replace(/\{(\w+)(?::[^}]*)?\}/g, (_, name) => {
    const value = values[name];
    return typeof value === 'number' ? value.toLocaleString(language) : visible(String(value));
  });
}

function visible(text) {
  return text.replace(UNSEEN, spelled);
}

function spelled(character) {
  return `⟨U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}⟩`;
}

// An element with attributes of our own making and children; a string becomes text.
function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// A shown text: [whole], or [beginning, characters left out, end].
function textNodes(shown) {
  if (shown.length === 1) return unseenMarked(shown[0]);
  const cut = make('span', { class: 'cut' }, ` … ${say('characters_left', { count: shown[1] })} … `);
  return [...unseenMarked(shown[0]), cut, ...unseenMarked(shown[2])];
}

function unseenMarked(text) {
  const nodes = [];
  let from = 0;
  for (const match of text.matchAll(UNSEEN)) {
    nodes.push(text.slice(from, match.index), make('span', { class: 'unseen' }, spelled(match[0])));
    from = match.index + match[0].length;
  }
  nodes.push(text.slice(from));
  return nodes;
}

function block(shown, kind = 'text') {
  return make('div', { class: kind, dir: 'auto' }, ...textNodes(shown));
}

function shortNumber(value) {
  if (value === null || value === undefined) return '—';
  return String(Number(value.toPrecision(4))).replace('-', '−');
}

// Everything that Python wrote in English, in the language now chosen.
function translatePage() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll('[data-text]')) {
    element.textContent = say(element.dataset.text, JSON.parse(element.dataset.values ?? '{}'));
  }
  for (const element of document.querySelectorAll('[data-label]')) {
    element.setAttribute('aria-label', say(element.dataset.label));
  }
  for (const button of document.querySelectorAll('[data-language]')) {
    button.setAttribute('aria-pressed', String(button.dataset.language === language));
  }
}
