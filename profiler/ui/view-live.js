// The figures of the process, second by second.
import {h, head} from './dom.js';
import {bytes, duration, error, signed, value} from './format.js';
import {commands, curl, pprof} from './commands.js';
import {Drawing} from './drawing.js';
import {listen} from './live.js';
import {all, called, watch} from './snapshots.js';

// The rate between two consecutive points.
const FIGURES = [
  {id: 'heap', title: 'Heap in use', unit: 'bytes', of: point => point.heap_bytes, error: point => point.heap_error},
  {id: 'rss', title: 'Resident', unit: 'bytes', of: point => point.rss_bytes},
  {id: 'nonheap', title: 'Resident, not heap', unit: 'bytes', of: point => point.rss_bytes - point.heap_bytes,
    part: point => point.own_bytes, remark: point => `dotted: profiler, ${bytes(point.own_bytes)}`},
  {id: 'threads', title: 'Threads', unit: 'count', of: point => point.threads},
  {id: 'fds', title: 'Descriptors', unit: 'count', of: point => point.fds},
  {id: 'rate', title: 'Allocation rate', unit: 'bytes', perSecond: '/s',
    of: (point, before) => Math.max(point.alloc_bytes - before.alloc_bytes, 0) / (point.time_ms - before.time_ms) * 1000},
];

const rows = (figure, points) => points.slice(1).map((point, i) =>
  ({time: point.time_ms, n: figure.of(point, points[i]), error: figure.error ? figure.error(point) : 0, part: figure.part && figure.part(point)}));

function card(figure) {
  const now = h('p', {class: 'now'}, '–'), change = h('p', {class: 'change'}, 'waiting');
  const canvas = h('canvas', {role: 'img', 'aria-label': `${figure.title}, last ten minutes`});
  const element = h('section', {class: `card chart ${figure.id}`, 'aria-labelledby': `title-${figure.id}`},
    h('h2', {id: `title-${figure.id}`}, figure.title), now, change, h('div', {class: 'drawing'}, canvas));
  let drawing;

  return {
    element,
    dress: () => drawing && drawing.dress(),
    end: () => drawing && drawing.end(),
    show(points, snapshots) {
      const list = rows(figure, points), per = figure.perSecond || '';
      if (!list.length) return;
      drawing ||= new Drawing(canvas, figure.unit, per);
      const first = list[0], last = list[list.length - 1];
      now.replaceChildren(value(last.n, figure.unit) + per, h('small', {}, error(last.error, figure.unit)));
      const span = duration(Math.round((last.time - first.time) / 1000) * 1e9).replace('.0', '');
      const moved = last === first ? '' : per ? `peak ${value(Math.max(...list.map(row => row.n)), figure.unit)}${per}`
        : last.n === first.n ? `unchanged for ${span}` : `${signed(last.n - first.n, figure.unit)} in ${span}`;
      change.textContent = figure.remark ? figure.remark(points[points.length - 1]) : moved;
      canvas.setAttribute('aria-label', `${figure.title}: ${value(last.n, figure.unit)}${per}, ${moved}`);
      drawing.show(list, snapshots);
    },
  };
}

export async function show(main, params, signal) {
  const cards = FIGURES.map(card), state = h('span', {class: 'tag'}, 'waiting'), note = h('p', {class: 'quiet', role: 'status'});
  let latest, snapshots = [];
  const draw = () => latest && cards.forEach(one => one.show(latest.points, snapshots));
  const mark = async () => {
    snapshots = (await all(signal)).map(snapshot => ({time: snapshot.time_ns / 1e6, text: called(snapshot)}));
    draw();
  };

  main.append(head('Live', state, ' The last ten minutes, a point a second. Dashed lines are snapshots.'),
    note, h('div', {class: 'charts'}, cards.map(one => one.element)),
    commands(curl('/debug/live', '-N'), pprof('/debug/pprof/heap')));
  signal.addEventListener('abort', () => cards.forEach(one => one.end()));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => cards.forEach(one => one.dress()), {signal});
  listen(update => {
    latest = update;
    if (state.textContent !== update.state) state.textContent = update.state;
    state.classList.toggle('warm', update.state !== 'live');
    const text = update.note ? `${update.note[0].toUpperCase()}${update.note.slice(1)}.` : '';
    if (note.textContent !== text) note.textContent = text;
    draw();
  }, signal);
  watch(mark, signal);
  await mark();
}
