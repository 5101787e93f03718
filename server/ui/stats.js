// What the server holds now: read once per second while the page is visible, and after every action.
import {ask} from './api.js';

const EVERY_MS = 1000;
const listeners = new Set();
let timer, asking = null, again = false;

async function round() {
  clearTimeout(timer);
  try {
    const stats = await ask('/stats');
    listeners.forEach(listener => listener(stats, ''));
  } catch (failure) {
    listeners.forEach(listener => listener(null, failure.message));
  }
}

// One request at a time. If another one is wanted meanwhile, it follows.
export async function refresh() {
  again = true;
  if (asking) return asking;
  asking = (async () => {
    while (again) {
      again = false;
      await round();
    }
    asking = null;
    clearTimeout(timer);
    timer = setTimeout(() => { if (!document.hidden) refresh(); }, EVERY_MS);
  })();
  return asking;
}

document.addEventListener('visibilitychange', () => { if (!document.hidden) refresh(); });

// listener(stats, '') or listener(null, why).
export function watch(listener, signal) {
  listeners.add(listener);
  if (signal) signal.addEventListener('abort', () => listeners.delete(listener));
}
