// A list of any length: only the rows in view exist, each of one height, so that thousands scroll like ten.

const EXTRA_ROWS = 6; // above and below the view, for quick scrolling

function makeList(box, space, rowOf, onSelect) {
  let items = [];
  let selected = -1; // a place in items
  let rowHeight = 0;

  function draw() {
    rowHeight ||= measuredHeight();
    space.style.setProperty('height', `${items.length * rowHeight}px`);
    const first = Math.max(0, Math.floor(box.scrollTop / rowHeight) - EXTRA_ROWS);
    const last = Math.min(items.length, Math.ceil((box.scrollTop + box.clientHeight) / rowHeight) + EXTRA_ROWS);
    const rows = [];
    for (let place = first; place < last; place++) rows.push(drawn(place));
    space.replaceChildren(...rows);
    const active = document.getElementById(`row-${selected}`);
    if (active) box.setAttribute('aria-activedescendant', active.id);
    else box.removeAttribute('aria-activedescendant');
  }

  function drawn(place) {
    const row = rowOf(items[place]);
    row.id = `row-${place}`;
    row.setAttribute('role', 'option');
    row.setAttribute('aria-selected', String(place === selected));
    row.setAttribute('aria-posinset', String(place + 1));
    row.setAttribute('aria-setsize', String(items.length));
    row.style.setProperty('top', `${place * rowHeight}px`);
    return row;
  }

  // Once, since it depends on the reader's font size.
  function measuredHeight() {
    const probe = make('div', { class: 'row' }, '0');
    space.append(probe);
    const height = probe.getBoundingClientRect().height;
    probe.remove();
    return height || 48;
  }

  function show(place) {
    const top = place * rowHeight;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (top + rowHeight > box.scrollTop + box.clientHeight) box.scrollTop = top + rowHeight - box.clientHeight;
  }

  function select(place, byPointer = false) {
    if (place < 0 || place >= items.length) return;
    selected = place;
    show(place);
    draw();
    onSelect(items[place], place, byPointer);
  }

  box.addEventListener('scroll', () => requestAnimationFrame(draw));
  window.addEventListener('resize', () => {
    rowHeight = 0;
    draw();
  });
  space.addEventListener('click', (event) => {
    const row = event.target.closest('.row');
    if (row) select(Number(row.id.slice('row-'.length)), true);
  });
  box.addEventListener('keydown', (event) => {
    const page = Math.max(1, Math.floor(box.clientHeight / rowHeight) - 1);
    const last = items.length - 1;
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page };
    const goals = { Home: 0, End: last };
    const goal = goals[event.key] ?? (event.key in steps ? selected + steps[event.key] : null);
    if (goal === null) return;
    event.preventDefault();
    select(Math.min(Math.max(goal, 0), last));
  });

  return {
    // New items; the one selected stays so where it is still among them, else the first is.
    setItems(next, wanted) {
      items = next;
      selected = -1;
      box.scrollTop = 0;
      draw();
      select(Math.max(0, items.indexOf(wanted)));
    },
    step: (by) => select(selected + by),
    redraw: draw,
  };
}
