// The snapshots that the profiler keeps. Listeners are called when the list changes.
import {json, ask, query} from './api.js';
import {say} from './say.js';

const LOOK_MS = 5000;
const changed = new EventTarget();
let every = 0; // interval of automatic snapshots in ms; 0: off

// Shows a listener's error, unless its view is gone.
async function call(listener, event) {
  try {
    await listener(event);
  } catch (failure) {
    if (failure.name !== 'AbortError') say(failure.message);
  }
}

export const onchange = (listener, signal) => changed.addEventListener('change', event => call(listener, event), {signal});

// Like onchange, and also polls while the profiler takes automatic snapshots.
export function watch(listener, signal) {
  onchange(listener, signal);
  const timer = setInterval(() => { if (every && !document.hidden) call(listener); }, LOOK_MS);
  signal.addEventListener('abort', () => clearInterval(timer));
}

export async function all(signal) {
  const {snapshots, periodic} = await json('/debug/snapshots', {signal});
  every = periodic.every_ms;
  return snapshots;
}

export const period = () => every;

export async function repeat(text) {
  await ask(query('/debug/snapshots', {every: text}), {method: 'PUT'});
  changed.dispatchEvent(new Event('change'));
  say(text === '0' ? 'No more snapshots are taken by themselves.' : `A snapshot is taken every ${text}; old ones are thinned.`);
}

export const called = snapshot => snapshot.name ? `${snapshot.id} ${snapshot.name}` : String(snapshot.id);

export async function take(name) {
  const taken = await json(query('/debug/snapshots', {name}), {method: 'POST'});
  say(`Snapshot ${called(taken)} taken in ${(taken.cost_ns / 1e6).toFixed(1)} ms.`);
  changed.dispatchEvent(new Event('change'));
  return taken;
}

export async function rename(snapshot, name) {
  await ask(query(`/debug/snapshots/${snapshot.id}`, {name}), {method: 'PUT'});
  say(`Snapshot ${snapshot.id} is called ${name || 'nothing'} now.`);
  changed.dispatchEvent(new Event('change'));
}

export async function drop(snapshot) {
  await ask(`/debug/snapshots/${snapshot.id}`, {method: 'DELETE'});
  say(`Snapshot ${called(snapshot)} deleted.`);
  changed.dispatchEvent(new Event('change'));
}
