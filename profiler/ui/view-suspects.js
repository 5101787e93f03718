// What grew, ranked, each with a verdict and the reason for it.
import {h, head, pairs} from './dom.js';
import {json, query} from './api.js';
import {bytes, duration, error, file, percent, signed, value} from './format.js';
import {commands, curl, pprof} from './commands.js';
import {again, go, href, read} from './route.js';
import {onchange} from './snapshots.js';
import {chosen, none, pickers} from './span.js';
import {list} from './stack.js';

const known = (figure, shown) => figure === undefined || figure === null ? '–' : shown(figure);

function facts(suspect) {
  const {unit} = suspect, books = suspect.resource === 'heap' || suspect.allocated !== undefined;
  return pairs([
    ['per request', known(suspect.growth_per_request, n => signed(n, unit))],
    ['grew in', known(suspect.grew_in, n => `${n} of ${known(suspect.intervals, String)} intervals`)],
    ['now', value(suspect.to_value, unit)],
    ['of its limit', percent(suspect.share_of_limit)],
    ...books ? [['allocated', known(suspect.allocated, bytes)], ['freed', known(suspect.freed, bytes)]] : [],
    ['survivors', known(suspect.survivors, ages => `median ${duration(ages.median_ns)}, oldest ${duration(ages.oldest_ns)}`)],
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
    h('p', {class: 'reason'}, suspect.reason),
    facts(suspect),
    h('details', {}, h('summary', {}, 'Stack'), list(suspect.stack.map(frame =>
      ({...frame, program: frame.program || frame.function === suspect.function && frame.line === suspect.line}))),
      h('a', {href: href('compare', {from: span.from, to: span.to, profile: suspect.profile})}, 'Compare this profile')));
}

function churn(rows) {
  if (!rows.length) return null;
  return h('section', {class: 'section card'}, h('h2', {}, 'Busy, but keeps nothing'),
    h('ul', {}, rows.map(row => h('li', {}, h('code', {}, row.function), ` ${file(row.file, row.line)}: allocated ${bytes(row.allocated)}, freed ${bytes(row.freed)}`))));
}

function found(answer, span) {
  if (answer.suspects.length) return h('ol', {class: 'suspects'}, answer.suspects.map(suspect => card(suspect, span)));
  return h('section', {class: 'card empty'}, h('h2', {}, 'Nothing grew'),
    h('p', {class: 'quiet'}, 'No place grew by more than chance and its floor. More load, or more time between the two snapshots, would show a smaller leak.'));
}

export async function show(main, params, signal) {
  const span = await chosen(params, signal);
  onchange(again, signal);
  main.append(head('Suspects', 'What grew between two snapshots, what would bring the program down first on top.'));
  if (!span) {
    main.append(none());
    return;
  }
  const asked = {from: span.from, to: span.to};
  const answer = await json(query('/debug/suspects', {...asked, format: 'json'}), {signal});
  main.append(
    h('div', {class: 'controls'}, pickers(span, changes => go('suspects', {...read().params, ...changes}))),
    h('p', {}, `In ${duration(answer.seconds * 1e9)}: `, Object.entries(answer.totals).filter(([, total]) => total.growth)
      .map(([name, total]) => `${name} ${signed(total.growth, total.unit)}`).concat(`resident ${signed(answer.rss_growth, 'bytes')}`).join(', ')),
    found(answer, span), churn(answer.churn) || '',
    commands(curl(query('/debug/suspects', {...asked, format: 'text'})), pprof(query('/debug/diff', {profile: 'heap', ...asked, sign: 'growth'}))));
}
