// Tables that are sorted by a click on a heading. The address contains the order.
//
// A column: key, label, value(row) to sort by, cell(row) to show (default: the value), right for figures
// (sorted largest first), head if the cell names its row. A table: caption, columns, rows, sort (a key,
// '-key' for largest first), detail(row) for what opens below a row. Rows beyond the first LIMIT are shown
// on request.
import {h} from './dom.js';
import {note, read} from './route.js';

const LIMIT = 200;

const compare = (a, b) => typeof a === 'string' || typeof b === 'string'
  ? String(a).localeCompare(String(b), 'en', {numeric: true}) : a - b;

function sorted(rows, columns, sort) {
  const falling = sort.startsWith('-');
  const column = columns.find(({key}) => key === sort.replace('-', ''));
  if (!column) return rows;
  return [...rows].sort((a, b) => (falling ? -1 : 1) * compare(column.value(a), column.value(b)));
}

function opener(text, row, body, detail, span) {
  const button = h('button', {type: 'button', class: 'open', 'aria-expanded': 'false'}, text);
  let below;
  button.addEventListener('click', () => {
    if (below) below.remove();
    below = below ? null : h('tr', {class: 'detail'}, h('td', {colspan: span}, detail(row)));
    if (below) button.closest('tr').after(below);
    button.setAttribute('aria-expanded', String(Boolean(below)));
  });
  return button;
}

// A cell that opens the row's detail, its stack.
export const place = (text, small) => ({opens: text, small});

function cell(column, row, table) {
  let content = column.cell ? column.cell(row) : String(column.value(row));
  if (content && content.opens !== undefined)
    content = [opener(content.opens, row, null, table.detail, table.columns.length), content.small ? h('small', {}, content.small) : null];
  const attributes = {class: [column.right && 'right', column.class].filter(Boolean).join(' ') || null};
  return column.head ? h('th', {scope: 'row', ...attributes}, content) : h('td', attributes, content);
}

export function table(given) {
  const {caption, columns, rows} = given;
  let sort = read().params.sort || given.sort, limit = LIMIT;
  const body = h('tbody'), more = h('div', {class: 'more', hidden: true});
  const headings = columns.map(column => h('th', {scope: 'col', class: column.right ? 'right' : null}, column.value
    ? h('button', {type: 'button', onclick: () => order(column)}, column.label)
    : h('span', {class: 'plain'}, column.label)));

  function draw() {
    headings.forEach((heading, i) => {
      const mine = columns[i].value && sort.replace('-', '') === columns[i].key;
      if (!columns[i].value) return;
      heading.setAttribute('aria-sort', mine ? (sort.startsWith('-') ? 'descending' : 'ascending') : 'none');
    });
    const shown = sorted(rows, columns, sort).slice(0, limit);
    body.replaceChildren(...shown.map(row => h('tr', {}, columns.map(column => cell(column, row, given)))));
    more.hidden = shown.length === rows.length;
    more.replaceChildren(`${shown.length} of ${rows.length} are shown. `,
      h('button', {type: 'button', class: 'small', onclick: () => { limit = Infinity; draw(); }}, 'Show all'));
  }

  function order({key, right}) {
    const first = right ? `-${key}` : key, other = right ? key : `-${key}`;
    sort = sort === first ? other : first;
    note({sort});
    draw();
  }

  draw();
  return h('div', {class: 'tablebox', tabindex: '0', role: 'region', 'aria-label': caption},
    h('table', {}, h('caption', {}, caption), h('thead', {}, h('tr', {}, headings)), body), more);
}
