// The difference of one profile between two snapshots: a flame graph and a table.
import {h, head, labelled, select} from './dom.js';
import {address, json, query} from './api.js';
import {error, file, signed, value} from './format.js';
import {commands, curl, pprof} from './commands.js';
import {again, go, note, read} from './route.js';
import {onchange} from './snapshots.js';
import {chosen, none, pickers} from './span.js';
import {guilty, list, same} from './stack.js';
import {place, table} from './table.js';

const PROFILES = [['heap', 'heap'], ['threads', 'threads'], ['threadcreate', 'threads by creator'], ['fds', 'descriptors'],
  ['maps', 'mappings'], ['procs', 'child processes'], ['block', 'waiting for locks'], ['mutex', 'making others wait']];

// By default, shows the column that grows if something leaks.
const STANDARD = {heap: 'inuse_space', maps: 'mapped', block: 'delay', mutex: 'delay'};

const WORDS = {inuse_space: 'bytes in use', inuse_objects: 'objects in use', alloc_space: 'bytes allocated', alloc_objects: 'objects allocated'};

// Rows of one stack differ in their label, such as a block's size. Here, a place is one row.
function places(profile, at) {
  const found = new Map();
  for (const sample of profile.samples) {
    const key = same(sample.stack);
    const row = found.get(key) || {stack: sample.stack, where: guilty(sample.stack), n: 0, variance: 0, allocated: 0, freed: 0};
    row.n += sample.values[at];
    row.variance += sample.errors[at] ** 2;
    if (sample.window) {
      row.allocated += sample.window.allocated_bytes;
      row.freed += sample.window.freed_bytes;
    }
    found.set(key, row);
  }
  return [...found.values()];
}

function columns(unit, books) {
  const list = [
    {key: 'growth', label: 'Growth', right: true, value: row => row.n,
      cell: row => [signed(row.n, unit), h('small', {}, error(Math.sqrt(row.variance), unit))]},
    {key: 'allocated', label: 'Allocated', right: true, value: row => row.allocated, cell: row => value(row.allocated, 'bytes')},
    {key: 'freed', label: 'Freed', right: true, value: row => row.freed, cell: row => value(row.freed, 'bytes')},
    {key: 'place', label: 'Function', class: 'wide place', value: row => row.where.function,
      cell: row => place(row.where.function, file(row.where.file, row.where.line))},
  ];
  return books ? list : list.filter(({key}) => key !== 'allocated' && key !== 'freed');
}

// Sets the height of the frame to the height of the picture. It has the same origin, so it can be read.
function fit(frame) {
  const root = frame.contentDocument && frame.contentDocument.documentElement;
  if (root) frame.style.height = `${Math.ceil(root.getBoundingClientRect().height) + 4}px`;
}

// The picture's address has its zoom and search behind the #. This page's address includes them.
function flame(path, state, title) {
  const frame = h('iframe', {class: 'flame', title, src: address(path) + (state ? `#${state}` : '')});
  frame.addEventListener('load', () => {
    fit(frame);
    frame.contentWindow.addEventListener('hashchange', () => note({flame: frame.contentWindow.location.hash.slice(1)}));
  });
  return frame;
}

export async function show(main, params, signal) {
  onchange(again, signal);
  const span = await chosen(params, signal);
  main.append(head('Compare', 'What came, less what went, between two snapshots.'));
  if (!span) {
    main.append(none());
    return;
  }
  const profile = params.profile || 'heap', change = changes => go('compare', {...read().params, from: span.from, to: span.to, profile, ...changes});
  const asked = {profile, from: span.from, to: span.to, sign: params.sign};
  const controls = h('div', {class: 'controls'}, pickers(span, change),
    labelled('Profile', select('profile', PROFILES, profile, picked => change({profile: picked, value: null, sort: null, flame: null}))));
  main.append(controls);
  const answer = await json(query('/debug/diff', {...asked, format: 'json'}), {signal});
  const types = answer.types.map(type => type.type), shown = types.includes(params.value) ? params.value : STANDARD[profile] || types[0];
  const at = types.indexOf(shown), {unit} = answer.types[at];
  const of = {...asked, value: shown};
  const grown = h('input', {type: 'checkbox', name: 'sign', checked: params.sign === 'growth', onchange: event => change({sign: event.target.checked ? 'growth' : null})});
  const total = answer.total[at];

  controls.append(
    labelled('Value', select('value', types.map(type => [type, WORDS[type] || type]), shown, picked => change({value: picked}))),
    h('label', {class: 'check'}, grown, 'growth only'));
  main.append(
    h('p', {class: 'total'}, h('strong', {}, signed(total.value, unit)), error(total.error, unit), ` in ${(answer.duration_ns / 1e9).toFixed(1)} s`),
    flame(query('/debug/diff', {...of, format: 'svg'}), params.flame, `Flame graph of the difference: ${profile}, ${shown}`),
    h('p', {}, h('a', {href: query('/debug/diff', {...of, format: 'svg'})}, 'The flame graph by itself')),
    h('section', {class: 'section'}, table({
      caption: `${WORDS[shown] || shown} by place, from ${span.from} to ${span.to}`,
      columns: columns(unit, profile === 'heap'),
      rows: places(answer, at).filter(row => row.n || row.allocated),
      sort: '-growth',
      detail: row => list(row.stack),
    })),
    commands(curl(query('/debug/diff', {...of, format: 'text'})), pprof(query('/debug/diff', asked))));
}
