// The controls of a scene: leak or fixed, once or under load, and reset. A scene has one set of controls,
// which its card and its lab share, so that a load continues while people look at another view.
import {h} from './dom.js';
import {put} from './put.js';
import {post, Refused} from './api.js';
import {count, counted} from './format.js';
import {LIMITS, load} from './load.js';
import {href, note, read} from './route.js';
import {holding} from './scenes.js';
import {refresh, watch} from './stats.js';

const made = new Map();

class Controls {
  constructor(scene) {
    const {n, size} = scene.parameters;
    this.scene = scene;
    this.stop = null;
    this.fields = {
      n: this.field('n', 'times', n.min, n.max, n.default),
      size: size && this.field('size', 'bytes', size.min, size.max, size.default),
      rate: this.field('rate', 'a second', 1, LIMITS.rate, 10),
      seconds: this.field('seconds', '0: one request', 0, LIMITS.seconds, 0),
    };
    this.panel = h('div', {class: 'fields', id: `fields-${scene.id}`, hidden: true}, Object.values(this.fields).filter(Boolean).map(field => field.label));
    this.amplifier = h('button', {type: 'button', class: 'amplifier', 'aria-controls': this.panel.id, onclick: () => this.open(this.panel.hidden)});
    this.open(false);
    this.leak = h('button', {type: 'button', class: 'leak', onclick: () => this.press('leak')}, 'Leak');
    this.fixed = h('button', {type: 'button', class: 'fixed', onclick: () => this.press('fixed')}, 'Fixed');
    this.ending = h('button', {type: 'button', class: 'ending', hidden: true, onclick: () => this.stop && this.stop()}, 'Stop');
    this.reset = h('button', {type: 'button', class: 'reset', hidden: true, onclick: () => this.drain()}, 'Reset');
    for (const button of [this.leak, this.fixed, this.ending, this.reset])
      button.setAttribute('aria-label', `${button.textContent}: ${scene.title}`);
    this.held = h('p', {class: 'held'}, h('span', {}, 'holds nothing'));
    this.said = h('p', {class: 'said', role: 'status'});
    this.element = h('div', {class: 'controls'},
      h('div', {class: 'buttons'}, this.leak, this.fixed, this.ending, this.reset, this.amplifier), this.held, this.panel, this.said);
    this.summarize();
    watch(stats => stats && this.show(stats.scenes[scene.id]));
  }

  field(name, text, min, max, preset) {
    const input = h('input', {name, type: 'number', min, max, step: 1, value: preset, inputmode: 'numeric', required: true, oninput: () => this.changed()});
    return {input, preset: String(preset), label: h('label', {}, h('b', {}, name), input, h('small', {}, text))};
  }

  open(on) {
    this.panel.hidden = !on;
    this.amplifier.setAttribute('aria-expanded', String(on));
  }

  value(name) {
    return this.fields[name] ? this.fields[name].input.value : '';
  }

  // The values that differ from the defaults, for the address.
  state() {
    const differ = Object.entries(this.fields).filter(([, field]) => field && field.input.value !== field.preset);
    return {scene: this.scene.id, ...Object.fromEntries(differ.map(([name, field]) => [name, field.input.value]))};
  }

  // Sets the values from a shared address, or the defaults.
  take(state) {
    for (const [name, field] of Object.entries(this.fields))
      if (field) field.input.value = /^\d+$/.test(state[name] || '') ? state[name] : field.preset;
    if (Object.keys(this.state()).length > 1) this.open(true);
    this.summarize();
  }

  changed() {
    this.summarize();
    if (read().scene === this.scene.id) note(this.state());
  }

  summarize() {
    const seconds = Number(this.value('seconds')), n = Number(this.value('n')), size = this.value('size');
    const each = `${n === 1 ? 'once' : `${count(n)} times`}${size && size !== this.fields.size.preset ? ` ${count(Number(size))} bytes` : ''}`;
    put(this.amplifier, `Amplify: ${seconds > 0 ? `${n === 1 ? '' : `${each}, `}${this.value('rate')} a second for ${seconds} s` : each}`);
    for (const link of document.querySelectorAll(`a[data-scene="${this.scene.id}"]`)) link.hash = href(this.state());
  }

  say(text, bad = false) {
    put(this.said, text);
    this.said.classList.toggle('bad', bad);
  }

  fail(failure) {
    const way = failure instanceof Refused && failure.answer.reset ? ` (${failure.answer.reset} for this one)` : '';
    this.say(failure.message + way, true);
  }

  busy(on) {
    const focused = document.activeElement === this.leak || document.activeElement === this.fixed;
    this.ending.hidden = !on;
    if (on && focused) this.ending.focus();
    this.leak.disabled = this.fixed.disabled = on;
  }

  async press(variant) {
    const wrong = Object.values(this.fields).find(field => field && !field.input.checkValidity());
    if (wrong) {
      this.open(true);
      wrong.input.reportValidity();
      return;
    }
    const given = Object.entries({n: this.value('n'), size: this.value('size')}).filter(([, value]) => value);
    const path = `/${variant}/${this.scene.id}?${new URLSearchParams(given)}`, seconds = Number(this.value('seconds'));
    if (seconds > 0) this.run(variant, path, Number(this.value('rate')), seconds);
    else await this.once(variant, path);
  }

  async once(variant, path) {
    const button = this[variant];
    button.setAttribute('aria-busy', 'true');
    try {
      const answer = await post(path);
      this.say(`${variant === 'leak' ? 'Leaked' : 'Done, fixed'}${answer.n > 1 ? ` ${count(answer.n)} times` : ''}.`);
    } catch (failure) {
      this.fail(failure);
    }
    button.removeAttribute('aria-busy');
    await refresh();
  }

  run(variant, path, rate, seconds) {
    const what = variant === 'leak' ? 'Leak' : 'Fixed';
    this.say(`${what} under load: ${rate} a second for ${seconds} s.`);
    this.stop = load(rate, seconds, () => post(path), state => {
      this.element.style.setProperty('--share', state.running ? state.done / state.due : 0);
      if (state.running) return;
      this.stop = null;
      const focused = document.activeElement === this.ending;
      this.busy(false);
      if (focused) this[variant].focus();
      if (state.failure) this.fail(state.failure);
      else this.say(`${what}: ${counted(state.done, 'request')} done${state.done < state.due ? ` of ${count(state.due)}` : ''}.`);
      refresh();
    });
    this.busy(Boolean(this.stop));
  }

  async drain() {
    if (this.stop) this.stop();
    try {
      await post(`/reset/${this.scene.id}`);
      this.say('Given back.');
      if (document.activeElement === this.reset) this.leak.focus();
    } catch (failure) {
      this.fail(failure);
    }
    await refresh();
  }

  show(of) {
    const held = holding(of);
    put(this.held.firstChild, held ? `holds ${held}` : 'holds nothing');
    this.held.classList.toggle('some', Boolean(held));
    this.reset.hidden = !held;
    this.held.title = `leak ${counted(of.leak_hits, 'time')}, fixed ${counted(of.fixed_hits, 'time')} since the start`;
  }
}

export function controls(scene) {
  if (!made.has(scene.id)) made.set(scene.id, new Controls(scene));
  return made.get(scene.id);
}

export function stopAll() {
  for (const one of made.values()) if (one.stop) one.stop();
}
