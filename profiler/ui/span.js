// The two lists to choose the snapshots to compare, and the choice if the address has none.
import {h, labelled, select} from './dom.js';
import {clock} from './format.js';
import {all, called, take} from './snapshots.js';

const text = snapshot => `${called(snapshot)}, ${clock(snapshot.time_ns / 1e6)}`;

// Returns {snapshots, from, to}: ids as text, `to` may be "now". null if there is no snapshot. By default
// they are the last two, with `whole` the first and the last.
export async function chosen(params, signal, whole) {
  const snapshots = await all(signal);
  if (!snapshots.length) return null;
  const last = snapshots[snapshots.length - 1], before = snapshots.length > 1 && snapshots[whole ? 0 : snapshots.length - 2];
  const from = params.from || String((before || last).id);
  const to = params.to || (before && !params.from ? String(last.id) : 'now');
  return {snapshots, from, to};
}

export function pickers({snapshots, from, to}, change) {
  const choices = snapshots.map(snapshot => [snapshot.id, text(snapshot)]);
  return [
    labelled('From', select('from', choices, from, value => change({from: value, to}))),
    labelled('To', select('to', [...choices, ['now', 'now']], to, value => change({from, to: value}))),
  ];
}

// Shown if there is nothing to compare yet.
export const none = () => h('section', {class: 'card empty'},
  h('h2', {}, 'No snapshot yet'),
  h('p', {class: 'quiet'}, 'A leak is a difference over time. Take a snapshot, put load on the program, and compare.'),
  h('button', {type: 'button', class: 'primary', onclick: () => take('before')}, 'Take the first one'));
