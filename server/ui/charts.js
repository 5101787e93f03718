// The profiler's live charts, in a frame from the profiler's own origin. Only pages of 127.0.0.1 and
// localhost may show it. Elsewhere, a text in its place shows what works.
import {h} from './dom.js';

const loopback = host => host === 'localhost' || host === '[::1]' || /^127\./.test(host);
const anywhere = host => host === '0.0.0.0' || host === '[::]';
const link = (url, text = url) => h('a', {href: url, target: '_blank', rel: 'noopener'}, text);
const code = text => h('code', {}, text);

// This page under the name that works, and its text.
function byName() {
  const url = `http://localhost:${location.port || 80}/`;
  return h('a', {href: url + location.hash, class: 'elsewhere', onclick: event => { event.currentTarget.hash = location.hash; }}, url);
}

// Returns {frame: URL}, or {say: what to do instead}, and the address of the profiler's own page.
function arrange({url, needs_token}) {
  const there = new URL(url), here = location.hostname, to = (host, path = '/') => `http://${host}:${there.port || 80}${path}`;
  const home = to(anywhere(there.hostname) ? here : there.hostname), charts = `${home}?view=live`;

  if (loopback(there.hostname) && !loopback(here))
    return {home: to('localhost'), say: ['The profiler listens on the server’s own machine only. From here it is reached through a tunnel: ',
      code(`ssh -L ${there.port}:${there.host} ${here}`), ', then open ', link(to('localhost', '/?view=live')), ' beside this page.']};
  if (needs_token || !loopback(here))
    return {home, say: ['The profiler asks for its token, and a page of another origin cannot hand it over. Open ',
      link(charts, 'the live charts'), ' in a window of their own, with any name and the token as the password, and put it beside this one.']};
  const usual = ['127.0.0.1', '[::1]'].includes(there.hostname); // the addresses of localhost
  if (usual && here === 'localhost' || here === '127.0.0.1' && here === there.hostname)
    return {home: to(here), frame: to(here, '/?view=live')};
  if (usual && ['127.0.0.1', '[::1]'].includes(here))
    return {home, say: ['The profiler’s charts can be shown beside pages that go by the name of localhost. Open ', byName(),
      ' instead, or ', link(charts, 'the live charts'), ' in a window of their own.']};
  return {home, say: ['Open ', link(charts, 'the live charts'), ' in a window of their own, beside this one.']};
}

export function charts(place, profiler) {
  const {home, frame, say} = arrange(profiler);
  place.replaceChildren(frame ? h('iframe', {src: frame, title: 'The profiler’s live charts'})
    : h('div', {class: 'card instead'}, h('h2', {}, 'The charts are elsewhere'), h('p', {}, ...say)));
  return home;
}
