// What grew, ranked, each with a verdict and its reason.
import {h, head, pairs} from './dom.js';
import {json, query} from './api.js';
import {age, bytes, count, duration, error, file, percent, signed, value} from './format.js';
import {commands, curl, pprof} from './commands.js';
import {again, go, href, read} from './route.js';
import {onchange} from './snapshots.js';
import {chosen, none, pickers} from './span.js';
import {list} from './stack.js';

const sentence = text => `${text[0].toUpperCase()}${text.slice(1)}.`.replace('..', '.');

const known = (figure, shown) => figure === undefined || figure === null ? '–' : shown(figure);

// The survivors of a leak get older. Those of a cache that is renewed stay young.
const survivors = ({median_ns: median, median_before_ns: before, oldest_ns: oldest}) =>
  `median ${age(median)}${before === null || before === undefined ? '' : `, was ${age(before)}`}; oldest ${age(oldest)}`;

function facts(suspect) {
  const {unit} = suspect, books = suspect.resource === 'heap' || suspect.allocated !== undefined;
  return pairs([
    ['per request', known(suspect.growth_per_request, n => signed(n, unit))],
    ['grew in', known(suspect.grew_in, n => `${n} of ${known(suspect.intervals, String)} intervals`)],
    ['now', value(suspect.to_value, unit)],
    ['of its limit', percent(suspect.share_of_limit)],
    ...books ? [['allocated', known(suspect.allocated, bytes)], ['freed', known(suspect.freed, bytes)],
      ['survivors', known(suspect.survivors, survivors)]] : [],
    ...suspect.trend ? [['trend', `${signed(suspect.trend.per_second, unit)}/s (${signed(suspect.trend.low, unit)} to ${signed(suspect.trend.high, unit)})`]] : [],
    ...typeof suspect.trimmable === 'number' ? [['malloc_trim would give back', bytes(suspect.trimmable)]] : [],
  ], {class: 'facts'});
}

function card(suspect, span) {
  const {verdict, unit} = suspect, id = `suspect-${suspect.rank}`;
  return h('li', {class: `card suspect ${suspect.resource}`, 'aria-labelledby': id},
    h('div', {}, h('div', {class: 'tags'},
      h('span', {class: `tag ${(verdict || '').replaceAll(' ', '-')}`}, verdict || 'verdict –'),
      h('span', {class: 'tag'}, suspect.resource)),
    h('h2', {id}, h('span', {class: 'rank'}, `${suspect.rank} `), suspect.function), h('p', {class: 'where'}, file(suspect.file, suspect.line))),
    h('div', {}, h('div', {class: 'growth'}, signed(suspect.growth, unit), h('span', {class: 'error'}, error(suspect.growth_error, unit))),
      h('p', {class: 'pace'}, `${signed(suspect.growth_per_second, unit)}/s`)),
    h('p', {class: 'reason'}, [suspect.reason, suspect.pace].filter(Boolean).map(sentence).join(' ')),
    facts(suspect),
    h('details', {}, h('summary', {}, 'Stack'), list(suspect.stack.map(frame =>
      ({...frame, program: frame.program || frame.function === suspect.function && frame.line === suspect.line}))),
      suspect.profile && h('a', {href: href('compare', {from: span.from, to: span.to, profile: suspect.profile})}, 'Compare this profile')));
}

// Threads that wait for each other, each with the place where it waits.
function deadlocks({deadlocks: circles = [], behind_deadlocks: behind}) {
  if (!circles.length) return '';
  const member = thread => h('li', {}, `thread ${thread.id} ${thread.name} waits for thread ${thread.waits_for} in `,
    h('code', {}, thread.function), ` ${file(thread.file, thread.line)}`);
  const circle = threads => h('li', {}, threads.length === 1 ? 'A thread waits for a mutex that it holds itself.'
    : `${threads.length} threads wait for each other.`, h('ul', {}, threads.map(member)));
  return h('section', {class: 'section card deadlocks'}, h('h2', {}, 'Deadlock'), h('ul', {}, circles.map(circle)),
    behind ? h('p', {}, `${count(behind)} more ${behind === 1 ? 'waits' : 'wait'} behind.`) : null);
}

function churn(rows) {
  if (!rows.length) return null;
  return h('section', {class: 'section card'}, h('h2', {}, 'Busy, but keeps nothing'),
    h('ul', {}, rows.map(row => h('li', {}, h('code', {}, row.function), ` ${file(row.file, row.line)}: allocated ${bytes(row.allocated)}, freed ${bytes(row.freed)}`))));
}

function little({little: rows = [], little_more: more}) {
  if (!rows.length) return null;
  return h('section', {class: 'section card little'}, h('h2', {}, 'Grew, but too little or in too few steps to judge'),
    h('ul', {}, rows.map(row => h('li', {}, `${row.resource} ${signed(row.growth, row.unit)} `, h('code', {}, row.function), ` ${file(row.file, row.line)}`)),
      more ? h('li', {}, `and ${count(more)} more`) : null));
}

// The data that the verdicts are based on, and the totals.
function totals({series, requests, seconds, totals: resources, rss_growth: rss}) {
  const grown = Object.entries(resources).filter(([, total]) => total.growth).map(([name, total]) => `${name} ${signed(total.growth, total.unit)}`);
  return `${series.length} snapshots${requests ? `, ${count(requests)} requests` : ''}, ${duration(seconds * 1e9)}: ${[...grown, `resident ${signed(rss, 'bytes')}`].join(', ')}`;
}

function found(answer, span) {
  if (answer.suspects.length) return h('ol', {class: 'suspects'}, answer.suspects.map(suspect => card(suspect, span)));
  return h('section', {class: 'card empty'}, h('h2', {}, 'Nothing grew'),
    h('p', {class: 'quiet'}, `No place grew by more than chance or one-time allocations explain. ${sentence(answer.detection_limit)}`));
}

export async function show(main, params, signal) {
  const span = await chosen(params, signal, true);
  onchange(again, signal);
  main.append(head('Suspects', 'What grew over the snapshots from the one to the other, with a verdict. The more there are, the surer it is.'));
  if (!span) {
    main.append(none());
    return;
  }
  const asked = {from: span.from, to: span.to};
  main.append(h('div', {class: 'controls'}, pickers(span, changes => go('suspects', {...read().params, ...changes}))));
  const answer = await json(query('/debug/suspects', {...asked, format: 'json'}), {signal});
  main.append(deadlocks(answer));
  main.append(h('p', {}, totals(answer)), answer.note ? h('p', {}, sentence(answer.note)) : '',
    found(answer, span), little(answer) || '', churn(answer.churn) || '',
    commands(curl(query('/debug/suspects', {...asked, format: 'text'})), pprof(query('/debug/diff', {profile: 'heap', ...asked, sign: 'growth'}))));
}
