// Elements without markup: names of functions and files from the program are text, and stay text.
//
//   h('button', {class: 'small', type: 'button', onclick: press}, 'Copy')
//
// An attribute that is null, undefined or false is left out. One that is true has no value.
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat().filter(child => child !== null && child !== undefined && child !== false));
  return element;
}

// <dl> of [name, figure] pairs.
export const pairs = (list, attributes) =>
  h('dl', attributes, list.map(([name, figure]) => h('div', {}, h('dt', {}, name), h('dd', {}, figure))));

// The head of a view. Its title gets the focus when the view is opened.
export const head = (title, ...about) =>
  h('div', {class: 'head'}, h('h1', {tabindex: '-1'}, title), about.length ? h('p', {class: 'quiet'}, ...about) : null);

// A label around a control.
export const labelled = (text, control) => h('label', {}, text, control);

// choices: [value, text] pairs. The name is used to restore the focus after a redraw.
export const select = (name, choices, chosen, onchange) =>
  h('select', {name, onchange: event => onchange(event.target.value)},
    choices.map(([value, text]) => h('option', {value, selected: String(value) === String(chosen)}, text)));
