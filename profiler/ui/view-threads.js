// Threads grouped by their stack and state.
import {h} from './dom.js';
import {count, duration, file} from './format.js';
import {filter} from './filter.js';
import {items} from './items.js';
import {guilty, list, same} from './stack.js';
import {place, table} from './table.js';

// "sleeping, in futex 0x7f... (condition)": without addresses and numbers, equal waits have equal texts.
const kindOfWait = state => state.replace(/ 0x[0-9a-f]+/g, '').replace(/ of fd \d+/, '');

const KNOTS = {member: ', deadlock', behind: ', behind a deadlock'};
const wait = thread => thread.state + (KNOTS[thread.deadlock] || '');

function groups(threads) {
  const found = new Map();
  for (const thread of threads) {
    const key = same(thread.stack) + kindOfWait(wait(thread));
    const group = found.get(key) || {stack: thread.stack, where: guilty(thread.stack), state: kindOfWait(wait(thread)), threads: []};
    group.threads.push(thread);
    found.set(key, group);
  }
  for (const group of found.values()) {
    group.longest = Math.max(...group.threads.map(thread => thread.state_ns ?? -1));
    group.names = [...new Set(group.threads.map(thread => thread.name))];
  }
  return [...found.values()];
}

const SHOWN = 50;

function detail(group) {
  const one = thread => h('li', {}, `${thread.id} ${thread.name}: ${wait(thread)}`,
    thread.state_ns === undefined ? '' : ` for ${duration(thread.state_ns)}`);
  const creator = group.threads[0].creator;
  return h('div', {}, list(group.stack, 'where they are'), creator ? list(creator, 'who created the first one') : null,
    h('p', {class: 'quiet'}, group.threads.length > SHOWN ? `the first ${SHOWN} of ${group.threads.length}` : 'each'),
    h('ul', {class: 'stack'}, group.threads.slice(0, SHOWN).map(one)));
}

const COLUMNS = [
  {key: 'threads', label: 'Threads', right: true, value: row => row.threads.length, cell: row => count(row.threads.length)},
  {key: 'place', label: 'Where they are', class: 'wide place', value: row => row.where.function,
    cell: row => place(row.where.function, file(row.where.file, row.where.line))},
  {key: 'state', label: 'State and wait', value: row => row.state},
  {key: 'longest', label: 'For, at most', right: true, value: row => row.longest, cell: row => row.longest < 0 ? '–' : duration(row.longest)},
  {key: 'names', label: 'Names', value: row => row.names.join(', '), cell: row => row.names.slice(0, 4).join(', ') + (row.names.length > 4 ? ', …' : '')},
];

export const show = (main, params, signal) => items(main, signal, {
  title: 'Threads', profile: 'threads', about: 'Grouped by where they are and what they wait for. The largest group is often the leak.',
}, (profile, controls) => {
  const box = h('div');
  const text = row => [row.state, ...row.names, ...row.stack.map(frame => `${frame.function} ${frame.file}`)].join(' ');
  controls.append(filter(groups(profile.items), params, text, rows => box.replaceChildren(table({
    caption: `${count(profile.items.length)} threads`, columns: COLUMNS, rows, sort: '-threads', detail,
  }))));
  return [box];
});
