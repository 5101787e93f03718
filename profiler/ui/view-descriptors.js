// Open descriptors, one row each.
import {h} from './dom.js';
import {bytes, count, duration, file} from './format.js';
import {filter} from './filter.js';
import {items} from './items.js';
import {guilty, list} from './stack.js';
import {place, table} from './table.js';

const IDLE_UNKNOWN = /, idle not known/;

const age = ns => ns === undefined ? '–' : duration(ns);

// Splits "127.0.0.1:8080 -> 127.0.0.1:4711, ESTABLISHED, ..." into the peer and the rest.
function described(item) {
  const [what, ...rest] = item.state.replace(IDLE_UNKNOWN, '').split(', ');
  const state = rest.find(part => /^[A-Z][A-Z0-9_]+$/.test(part) && !part.startsWith('O_')) || '';
  return {item, where: guilty(item.stack), what, state, rest: rest.filter(part => part !== state).join(', '), queued: item.values[2]};
}

const COLUMNS = [
  {key: 'fd', label: 'Number', right: true, value: row => row.item.id},
  {key: 'kind', label: 'Kind', class: 'short', value: row => row.item.name},
  {key: 'what', label: 'What it is, and its peer', class: 'what mono', value: row => row.what},
  {key: 'state', label: 'State', value: row => row.state, cell: row => row.state || '–'},
  {key: 'idle', label: 'Idle', right: true, value: row => row.item.state_ns ?? -1, cell: row => age(row.item.state_ns)},
  {key: 'age', label: 'Open for', right: true, value: row => row.item.age_ns ?? -1, cell: row => age(row.item.age_ns)},
  {key: 'queued', label: 'Queued', right: true, value: row => row.queued, cell: row => bytes(row.queued)},
  {key: 'place', label: 'Opened at', class: 'wide place', value: row => row.where.function,
    cell: row => place(row.where.function, file(row.where.file, row.where.line))},
];

export const show = (main, params, signal) => items(main, signal, {
  title: 'Descriptors', profile: 'fds', about: 'Files, sockets, pipes and the rest: what each is, since when, and who opened it.',
}, (profile, controls) => {
  const box = h('div'), text = row => `${row.item.name} ${row.item.state} ${row.where.function} ${row.where.file}`;
  controls.append(filter(profile.items.map(described), params, text, rows => box.replaceChildren(table({
    caption: `${count(rows.length)} open descriptors`, columns: COLUMNS, rows, sort: '-idle', detail: row => h('div', {}, h('p', {class: 'quiet'}, row.rest), list(row.item.stack)),
  }))));
  return [box];
});
