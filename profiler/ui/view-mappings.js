// Mappings, largest first.
import {h} from './dom.js';
import {bytes, count, duration, file} from './format.js';
import {filter} from './filter.js';
import {items} from './items.js';
import {guilty, list} from './stack.js';
import {place, table} from './table.js';

const COLUMNS = [
  {key: 'mapped', label: 'Mapped', right: true, value: row => row.item.values[1], cell: row => bytes(row.item.values[1])},
  {key: 'resident', label: 'Resident', right: true, value: row => row.item.values[2], cell: row => bytes(row.item.values[2])},
  {key: 'kind', label: 'Kind', class: 'short', value: row => row.item.name},
  {key: 'what', label: 'Range, rights and file', class: 'what mono', value: row => row.item.state},
  {key: 'age', label: 'For', right: true, value: row => row.item.age_ns ?? -1, cell: row => row.item.age_ns === undefined ? '–' : duration(row.item.age_ns)},
  {key: 'place', label: 'Mapped at', class: 'wide place', value: row => row.where.function,
    cell: row => place(row.where.function, file(row.where.file, row.where.line))},
];

export const show = (main, params, signal) => items(main, signal, {
  title: 'Mappings', profile: 'maps', about: 'Memory outside malloc, and what malloc itself mapped. The profiler’s own is left out.',
}, (profile, controls) => {
  const box = h('div'), text = row => `${row.item.name} ${row.item.state} ${row.where.function} ${row.where.file}`;
  const rows = profile.items.map(item => ({item, where: guilty(item.stack)}));
  controls.append(filter(rows, params, text, found => box.replaceChildren(table({
    caption: `${count(found.length)} mappings, ${bytes(found.reduce((sum, row) => sum + row.item.values[1], 0))}`,
    columns: COLUMNS, rows: found, sort: '-mapped', detail: row => list(row.item.stack),
  }))));
  return [box];
});
