// Questions to the server. Its origin is put before every path: a page that was opened with a password in
// its address must not hand it on in others.
export const address = path => new URL(path, location.origin).href;

// Refused, by the server's own words in .message and all that it said in .answer.
export class Refused extends Error {
  constructor(status, answer) {
    super(answer.error || `the server answered ${status}`);
    Object.assign(this, {status, answer});
  }
}

const GONE = 'the server does not answer: has it ended?';

export async function ask(path, options) {
  let response;
  try {
    response = await fetch(address(path), options);
  } catch {
    throw new Error(GONE);
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(response.status, answer);
  return answer;
}

export const post = path => ask(path, {method: 'POST'});

// An HTML document. Nothing in it runs, and it is not text that becomes markup here: the browser hands out
// the tree that it read, which fetch() cannot.
export const page = path => new Promise((resolve, reject) => {
  const request = new XMLHttpRequest();
  request.open('GET', address(path));
  request.responseType = 'document';
  request.onload = () => request.status === 200 && request.response ? resolve(request.response)
    : reject(new Refused(request.status, {}));
  request.onerror = () => reject(new Error(GONE));
  request.send();
});
