// What the profiler itself uses, its losses, its sampling rates, and the processes that it serves.
import {h, head, labelled, pairs, select} from './dom.js';
import {ask, json} from './api.js';
import {bytes, count, duration} from './format.js';
import {commands, curl, pprof} from './commands.js';
import {say} from './say.js';

const words = name => name.replaceAll('_', ' ');

const box = (title, ...content) => h('section', {class: 'card'}, h('h2', {}, title), ...content);

function losses({losses_by_cause: causes}) {
  const all = Object.entries(causes), lost = all.filter(([, n]) => n), total = all.reduce((sum, [, n]) => sum + n, 0);
  return box('What it missed', h('p', {}, total ? `${count(total)} events could not be recorded:` : 'Nothing: every event was recorded.'),
    pairs(lost.map(([cause, n]) => [words(cause), count(n)])));
}

const RATES = [['auto', 'as many as its budget allows'], ['1', 'every block (exact)'], ['4096', 'one in 4 KiB'], ['65536', 'one in 64 KiB'], ['524288', 'one in 512 KiB'], ['0', 'off']];

function rate({rate, auto}) {
  const now = auto ? 'auto' : String(rate);
  const choices = RATES.some(([value]) => value === now) ? RATES : [...RATES, [now, `one in ${bytes(rate)}`]];
  return h('div', {class: 'controls'}, labelled('Blocks of the heap that are sampled', select('rate', choices, now, async picked => {
    try {
      await ask(`/debug/rate?bytes=${picked}`, {method: 'PUT'});
      say('The sampling rate has changed; what was sampled before keeps its weight.');
    } catch (failure) {
      say(failure.message);
    }
  })));
}

function address({url, reason}) {
  if (!url) return `not served: ${reason}`;
  return url.startsWith('http:') ? h('a', {href: url}, url) : url;
}

function processes({pid, processes: all}) {
  const about = ({pid: id, name}) => `${name} ${id}${id === pid ? ' (this one)' : ''}`;
  return box('Processes', pairs(all.map(process => [about(process), address(process)])));
}

export async function show(main, params, signal) {
  const [{profiler}, now, list] = await Promise.all([
    json('/debug/pprof/heap?format=json', {signal}), json('/debug/rate', {signal}), json('/debug/processes', {signal}),
  ]);
  main.append(head('The profiler itself', 'None of this is in the program’s figures.'), rate(now),
    h('div', {class: 'pairs'},
      box('Its memory', pairs([['tables', bytes(profiler.table_bytes)], ['of these the unwinder’s', bytes(profiler.unwinder_bytes)],
        ['of malloc’s', bytes(profiler.heap_bytes)]])),
      box('Its time', pairs([['in the program’s threads, about', duration(profiler.hook_ns_estimate)], ['measured at events', count(profiler.hook_events_timed)]])),
      box('What it keeps', pairs([['live samples', count(profiler.live_samples)], ['stacks', count(profiler.stacks)], ['places and sizes', count(profiler.sites)]])),
      losses(profiler),
      processes(list),
      box('Its tables', pairs(Object.entries(profiler.tables).filter(([, n]) => n).sort((a, b) => b[1] - a[1]).map(([name, n]) => [words(name), bytes(n)])))),
    commands(curl('/debug/pprof/heap?debug=1'), curl('/debug/rate?bytes=1', '-X PUT'), pprof('/debug/pprof/heap')));
}
