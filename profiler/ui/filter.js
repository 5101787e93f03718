// A field that filters a table while the user types. The address contains the text.
import {h, labelled} from './dom.js';
import {note} from './route.js';

// draw(rows) shows them. text(row) is searched.
export function filter(rows, params, text, draw) {
  const found = rows.map(row => [row, text(row).toLowerCase()]);
  const apply = wanted => draw(found.filter(([, held]) => held.includes(wanted.toLowerCase())).map(([row]) => row));
  const field = h('input', {type: 'search', value: params.find || '', autocomplete: 'off', oninput: event => {
    note({find: event.target.value});
    apply(event.target.value);
  }});
  apply(params.find || '');
  return labelled('Find', field);
}
