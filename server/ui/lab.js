// The lab text as the server wrote it, with a button to copy each command.
import {h} from './dom.js';
import {page} from './api.js';

// A command may continue on the next line: within quotes, or after a backslash.
function commands(text) {
  const found = [];
  let open = '';
  for (const line of text.trimEnd().split('\n')) {
    open += (open && '\n') + line;
    if (open.split("'").length % 2 === 0 || open.endsWith('\\')) continue;
    found.push(open);
    open = '';
  }
  return open ? [...found, open] : found;
}

async function copy(button, code) {
  try {
    await navigator.clipboard.writeText(code.textContent);
  } catch { // not a secure context: copy the selection
    getSelection().selectAllChildren(code);
    document.execCommand('copy');
  }
  button.textContent = 'Copied';
  setTimeout(() => { button.textContent = 'Copy'; }, 2000);
}

function row(command) {
  const code = h('code', {}, command);
  return h('li', {}, code, h('button', {type: 'button', class: 'small', 'aria-label': `Copy: ${command}`, onclick: event => copy(event.target, code)}, 'Copy'));
}

export async function lab(scene, place, signal) {
  const waiting = h('p', {class: 'quiet'}, 'The lab text is coming …');
  place.append(waiting);
  try {
    const text = document.importNode((await page(`${scene.lab}?format=html`)).querySelector('article'), true);
    text.querySelector('h1')?.remove(); // the page has this title already
    text.setAttribute('aria-label', 'Lab');
    for (const block of text.querySelectorAll('code.language-sh'))
      block.parentElement.replaceWith(h('ul', {class: 'commands', 'aria-label': 'Commands'}, commands(block.textContent).map(row)));
    for (const block of text.querySelectorAll('pre')) block.tabIndex = 0; // so that the keyboard can scroll it
    if (!signal.aborted) waiting.replaceWith(text);
  } catch (failure) {
    waiting.replaceWith(h('p', {class: 'bad', role: 'alert'}, failure.message));
  }
}
