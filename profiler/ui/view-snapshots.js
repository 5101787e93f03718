// The list of snapshots: take, name, delete, and choose two to compare.
import {h, head, labelled, select} from './dom.js';
import {bytes, clock, count, duration, error} from './format.js';
import {commands, curl, pprof} from './commands.js';
import {href, note} from './route.js';
import {say} from './say.js';
import {all, called, drop, period, rename, repeat, take, watch} from './snapshots.js';
import {table} from './table.js';
import {none} from './span.js';

function taker(ms) {
  const name = h('input', {type: 'text', maxlength: '63', autocomplete: 'off', placeholder: 'before the load'});
  return h('form', {class: 'controls', onsubmit: async event => {
    event.preventDefault();
    try {
      await take(name.value.trim());
    } catch (failure) {
      say(failure.message);
    }
  }}, labelled('Name of the next one', name), h('button', {type: 'submit'}, 'Take it'), repeater(ms));
}

const EVERY = [['0', 'never'], ['1s', 'every second'], ['10s', 'every 10 seconds'], ['1m', 'every minute'], ['10m', 'every 10 minutes']];

// Automatic snapshots. Shows the current setting, even if another client made it.
function repeater(ms) {
  const known = {0: '0', 1000: '1s', 10000: '10s', 60000: '1m', 600000: '10m'}[ms];
  const choices = known ? EVERY : [...EVERY, [`${ms}ms`, `every ${duration(ms * 1e6)}`]];
  return labelled('By themselves', select('every', choices, known || `${ms}ms`, every => repeat(every).catch(failure => say(failure.message))));
}

// A name that becomes a field when it is clicked.
function namer(snapshot) {
  const button = h('button', {type: 'button', class: 'name', 'aria-label': `${called(snapshot)}: rename`, onclick: () => {
    const field = h('input', {type: 'text', maxlength: '63', value: snapshot.name, 'aria-label': `Name of snapshot ${snapshot.id}`});
    const done = wanted => {
      field.onblur = null;
      field.replaceWith(button);
      if (wanted !== snapshot.name) rename(snapshot, wanted).catch(failure => say(failure.message));
      else button.focus();
    };
    field.onkeydown = event => {
      if (event.key === 'Enter') done(field.value.trim());
      if (event.key === 'Escape') done(snapshot.name);
    };
    field.onblur = () => done(field.value.trim());
    button.replaceWith(field);
    field.select();
  }}, snapshot.name || 'no name');
  return [`${snapshot.id} `, button, snapshot.periodic ? h('small', {}, ' by itself') : null];
}

// The first click asks for confirmation, the second one deletes. Moving the focus cancels.
function dropper(snapshot) {
  const button = h('button', {type: 'button', class: 'small danger', 'aria-label': `Delete snapshot ${called(snapshot)}`}, 'Delete');
  const calm = () => {
    button.classList.remove('sure');
    button.textContent = 'Delete';
  };
  button.addEventListener('blur', calm);
  button.addEventListener('click', async () => {
    if (!button.classList.contains('sure')) {
      button.classList.add('sure');
      button.textContent = 'Really delete?';
      say(`Press again to delete snapshot ${called(snapshot)}.`);
      return;
    }
    button.disabled = true;
    try {
      await drop(snapshot);
    } catch (failure) {
      say(failure.message);
      button.disabled = false;
      calm();
    }
  });
  return button;
}

const total = (snapshot, profile, type) => snapshot.profiles[profile].totals[type];

const columns = pick => [
  {key: 'from', label: 'From', cell: row => pick('from', row)},
  {key: 'to', label: 'To', cell: row => pick('to', row)},
  {key: 'id', label: 'Snapshot', value: row => row.id, cell: namer, head: true},
  {key: 'time', label: 'Taken', value: row => row.time_ns, cell: row => clock(row.time_ns / 1e6), right: true},
  {key: 'heap', label: 'Heap in use', value: row => total(row, 'heap', 'inuse_space'), right: true,
    cell: row => [bytes(total(row, 'heap', 'inuse_space')), h('small', {}, error(row.profiles.heap.errors.inuse_space, 'bytes'))]},
  {key: 'rss', label: 'Resident', value: row => row.figures.rss_bytes, cell: row => bytes(row.figures.rss_bytes), right: true},
  {key: 'threads', label: 'Threads', value: row => row.figures.threads, cell: row => count(row.figures.threads), right: true},
  {key: 'fds', label: 'Descriptors', value: row => row.figures.fds, cell: row => count(row.figures.fds), right: true},
  {key: 'mapped', label: 'Mapped', value: row => total(row, 'maps', 'mapped'), cell: row => bytes(total(row, 'maps', 'mapped')), right: true},
  {key: 'cost', label: 'Took', value: row => row.cost_ns, cell: row => duration(row.cost_ns), right: true},
  {key: 'drop', label: '', cell: dropper},
];

function draw(box, snapshots, params) {
  if (!snapshots.length) {
    box.replaceChildren(none());
    return;
  }
  const last = snapshots[snapshots.length - 1];
  const known = id => snapshots.some(snapshot => String(snapshot.id) === id);
  const picked = {
    from: known(params.from) ? params.from : String((snapshots[snapshots.length - 2] || last).id),
    to: known(params.to) ? params.to : snapshots.length > 1 ? String(last.id) : 'now',
  };
  const links = h('p', {class: 'controls'});
  const link = () => links.replaceChildren(
    h('a', {class: 'button', href: href('compare', picked)}, `Compare ${picked.from} with ${picked.to}`),
    h('a', {class: 'button', href: href('suspects', picked)}, 'What grew: suspects'));
  const pick = (which, row) => h('input', {type: 'radio', name: which, value: row.id, checked: picked[which] === String(row.id),
    'aria-label': `${which === 'from' ? 'From' : 'To'} snapshot ${called(row)}`,
    onchange: () => {
      picked[which] = String(row.id);
      if (picked.to !== 'now' && +picked.from > +picked.to) [picked.from, picked.to] = [picked.to, picked.from];
      box.querySelectorAll('input[type=radio]').forEach(radio => { radio.checked = radio.value === picked[radio.name]; });
      note(picked);
      Object.assign(params, picked);
      link();
    }});
  link();
  box.replaceChildren(links, table({caption: 'Snapshots', columns: columns(pick), rows: snapshots, sort: '-id'}));
}

export async function show(main, params, signal) {
  const box = h('div');
  const refresh = async event => {
    const snapshots = await all(signal);
    if (event || !box.contains(document.activeElement)) draw(box, snapshots, params); // not while the user works in it
  };
  await refresh();
  main.append(head('Snapshots', 'Everything the process holds at one moment, kept to compare.'), taker(period()), box,
    commands(curl('/debug/snapshots?name=before', '-X POST'), curl('/debug/snapshots'), pprof('/debug/snapshots/1/heap')));
  watch(refresh, signal);
}
