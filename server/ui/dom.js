// Elements without markup: whatever the server says is text, and stays text.
//
//   h('button', {type: 'button', onclick: press}, 'Leak')
//
// An attribute that is null, undefined or false is left out; one that is true stands without a value.
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

// What did not change is not written: a screen reader would read it again.
export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
