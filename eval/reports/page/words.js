// Which words two texts do not share, by their longest common subsequence.

// Words, or single characters of scripts that write none; what stands between them counts too.
const WORD = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]|[\p{L}\p{M}\p{N}_]+|\s+|[^]/gu;
const MAX_CELLS = 4_000_000; // of the table: two texts of 2,000 words, some 30 ms

// [[piece, differs], …] of both texts; null where they are too long to compare.
function differingWords(a, b) {
  const left = a.match(WORD) ?? [];
  const right = b.match(WORD) ?? [];
  let start = 0;
  while (start < left.length && start < right.length && left[start] === right[start]) start++;
  let end = 0;
  const most = Math.min(left.length, right.length) - start;
  while (end < most && left[left.length - 1 - end] === right[right.length - 1 - end]) end++;
  const middles = [left.slice(start, left.length - end), right.slice(start, right.length - end)];
  const shared = sharedWords(...middles);
  if (shared === null) return null;
  return [left, right].map((words, side) => joined(words, start, end, shared[side]));
}

// For both word lists, which of their words the common subsequence holds.
function sharedWords(left, right) {
  const width = right.length + 1;
  if ((left.length + 1) * width > MAX_CELLS) return null;
  // lengths[i * width + j]: of the longest common subsequence of what follows word i and word j.
  const lengths = new Uint16Array((left.length + 1) * width);
  for (let i = left.length - 1; i >= 0; i--) {
    for (let j = right.length - 1; j >= 0; j--) {
      const cell = i * width + j;
      const same = left[i] === right[j];
      lengths[cell] = same ? lengths[cell + width + 1] + 1 : Math.max(lengths[cell + width], lengths[cell + 1]);
    }
  }
  const shared = [new Array(left.length).fill(false), new Array(right.length).fill(false)];
  for (let i = 0, j = 0; i < left.length && j < right.length; ) {
    if (left[i] === right[j]) shared[0][i++] = shared[1][j++] = true;
    else if (lengths[(i + 1) * width + j] >= lengths[i * width + j + 1]) i++;
    else j++;
  }
  return shared;
}

// Neighbours of one kind become one piece.
function joined(words, start, end, shared) {
  const pieces = [];
  words.forEach((word, idx) => {
    const differs = idx >= start && idx < words.length - end && !shared[idx - start];
    const last = pieces.at(-1);
    if (last && last[1] === differs) last[0] += word;
    else pieces.push([word, differs]);
  });
  return pieces;
}
