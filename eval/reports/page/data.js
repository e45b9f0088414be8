// The data that the page carries. The texts of samples are parsed part by part, when somebody wants to see them.

const report = JSON.parse(document.getElementById('report').textContent);
const KEPT_PARTS = 8;
const SLICE_MS = 25; // how long a search works before it lets the page breathe
const parsedParts = new Map(); // the last ones used, the latest at the end

function partOf(taskIdx, partIdx) {
  const id = `part-${taskIdx}-${partIdx}`;
  const part = parsedParts.get(id) ?? JSON.parse(document.getElementById(id).textContent);
  parsedParts.delete(id);
  parsedParts.set(id, part);
  if (parsedParts.size > KEPT_PARTS) parsedParts.delete(parsedParts.keys().next().value);
  return part;
}

// One sample with a function that gives the texts it refers to.
function sampleOf(taskIdx, idx) {
  const parts = report.tasks[taskIdx].parts;
  const part = partOf(taskIdx, parts[idx]);
  return { ...part.samples[idx - parts.indexOf(parts[idx])], text: (number) => part.texts[number] };
}

// The samples in which a text stands, whatever its case, as a set; null if `isStale` said so first.
async function samplesWith(taskIdx, query, isStale) {
  const { labels, parts } = report.tasks[taskIdx];
  const wanted = query.toLowerCase();
  const found = new Set();
  let until = performance.now() + SLICE_MS;
  for (let first = 0; first < parts.length; ) {
    const { texts, samples } = JSON.parse(document.getElementById(`part-${taskIdx}-${parts[first]}`).textContent);
    const hits = new Set();
    texts.forEach((shown, number) => {
      if (shown.some((piece) => typeof piece === 'string' && piece.toLowerCase().includes(wanted))) hits.add(number);
    });
    samples.forEach((sample, offset) => {
      if (textsIn(sample).some((number) => hits.has(number)) || labels[first + offset].toLowerCase().includes(wanted)) {
        found.add(first + offset);
      }
    });
    first += samples.length;
    if (performance.now() > until) {
      await new Promise((resume) => setTimeout(resume));
      if (isStale()) return null;
      until = performance.now() + SLICE_MS;
    }
  }
  return found;
}

// The numbers of all texts of a sample.
function textsIn(sample) {
  const numbers = [sample.target, ...sample.doc.map((field) => field[1])];
  for (const run of sample.runs) {
    if (run) numbers.push(...run.requests.flat(), ...run.answers, ...run.judged, ...run.notes.map((field) => field[1]));
  }
  return numbers;
}
