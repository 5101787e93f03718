// The last ten minutes and new points: one stream for all listeners of this page. A hidden page reads
// nothing. When it is visible again, it gets what it missed.
import {address} from './api.js';

const MAX = 600, AGAIN_MS = 5000;
const listeners = new Set();
let points = [], source = null, timer, state = 'waiting', note = '';

const tell = () => listeners.forEach(listener => listener({points, state, note}));

function began(data) {
  const {fields, points: rows, heap_note: why} = JSON.parse(data);
  note = why || '';
  points = rows.map(row => Object.fromEntries(fields.map((field, i) => [field, row[i]])));
  state = 'live';
  tell();
}

function close() {
  clearTimeout(timer);
  if (source) source.close();
  source = null;
}

function open() {
  close();
  if (!listeners.size || document.hidden) return;
  source = new EventSource(address('/debug/live'));
  source.addEventListener('history', event => began(event.data));
  source.addEventListener('point', event => {
    points.push(JSON.parse(event.data));
    note = points[points.length - 1].heap_note || '';
    points = points.slice(-MAX);
    tell();
  });
  source.addEventListener('error', () => {
    const refused = source.readyState === EventSource.CLOSED; // otherwise the browser retries
    state = refused ? 'refused: others read already' : 'no answer';
    tell();
    if (!refused) return;
    close();
    timer = setTimeout(open, AGAIN_MS);
  });
}

document.addEventListener('visibilitychange', open);

export function listen(listener, signal) {
  listeners.add(listener);
  signal.addEventListener('abort', () => {
    listeners.delete(listener);
    if (!listeners.size) close();
  });
  if (source) listener({points, state, note});
  else open();
}
