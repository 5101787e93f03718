// The snapshots that the profiler keeps; who shows them hears when there are others.
import {json, ask, query} from './api.js';
import {say} from './say.js';

const changed = new EventTarget();
export const onchange = (listener, signal) => changed.addEventListener('change', listener, {signal});

export const all = async signal => (await json('/debug/snapshots', {signal})).snapshots;

export const called = snapshot => snapshot.name ? `${snapshot.id} ${snapshot.name}` : String(snapshot.id);

export async function take(name) {
  const taken = await json(query('/debug/snapshots', {name}), {method: 'POST'});
  say(`Snapshot ${called(taken)} taken in ${(taken.cost_ns / 1e6).toFixed(1)} ms.`);
  changed.dispatchEvent(new Event('change'));
  return taken;
}

export async function drop(snapshot) {
  await ask(`/debug/snapshots/${snapshot.id}`, {method: 'DELETE'});
  say(`Snapshot ${called(snapshot)} deleted.`);
  changed.dispatchEvent(new Event('change'));
}
