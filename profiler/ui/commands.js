// The commands that show the same figures in a terminal.
import {h} from './dom.js';
import {address} from './api.js';
import {say} from './say.js';

async function copy(text, code) {
  try {
    await navigator.clipboard.writeText(text);
  } catch { // not a secure context: copy the selection
    getSelection().selectAllChildren(code);
    document.execCommand('copy');
  }
  say('Copied.');
}

// Quotes a URL for a shell, if necessary.
const word = url => /[^\w:/.=-]/.test(url) ? `'${url}'` : url;

export const curl = (path, options = '') => `curl -s ${options ? `${options} ` : ''}${word(address(path))}`;
export const pprof = path => `go tool pprof ${word(address(path))}`;

export function commands(...lines) {
  const item = line => {
    const code = h('code', {}, line);
    return h('li', {}, code, h('button', {type: 'button', class: 'small', 'aria-label': `Copy: ${line}`, onclick: () => copy(line, code)}, 'Copy'));
  };
  return h('section', {class: 'commands', 'aria-label': 'The same in a terminal'}, h('h2', {}, 'The same in a terminal'), h('ul', {}, lines.map(item)));
}
