// A view of one current profile: its head, a button to take it again, and the command for a terminal.
import {h, head} from './dom.js';
import {json} from './api.js';
import {clock} from './format.js';
import {commands, curl, pprof} from './commands.js';

// fill(profile, controls) returns the content.
export async function items(main, signal, {title, about, profile}, fill) {
  const controls = h('div', {class: 'controls'}), box = h('div'), when = h('span', {class: 'quiet number'});
  const button = h('button', {type: 'button', onclick: () => take()}, 'Look again');

  async function take() {
    button.disabled = true;
    try {
      const answer = await json(`/debug/pprof/${profile}?format=json`, {signal});
      when.textContent = `as of ${clock(answer.time_ns / 1e6)}`;
      const extra = h('div', {class: 'controls'});
      box.replaceChildren(...fill(answer, extra));
      controls.replaceChildren(button, when, ...extra.childNodes);
    } finally {
      button.disabled = false;
    }
  }

  main.append(head(title, about), controls, box, commands(curl(`/debug/pprof/${profile}?debug=2`), pprof(`/debug/pprof/${profile}`)));
  await take();
}
