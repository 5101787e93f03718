// Requests to the server. Every path gets its origin: if a page was opened with a password in its address,
// its requests must not contain it.
export const address = path => new URL(path, location.origin).href;

// The server refused the request: .message is its message, .answer the whole answer.
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

// Loads an HTML document. Its scripts do not run. XMLHttpRequest returns the parsed document, which fetch()
// cannot, so text never becomes markup here.
export const page = path => new Promise((resolve, reject) => {
  const request = new XMLHttpRequest();
  request.open('GET', address(path));
  request.responseType = 'document';
  request.onload = () => request.status === 200 && request.response ? resolve(request.response)
    : reject(new Refused(request.status, {}));
  request.onerror = () => reject(new Error(GONE));
  request.send();
});
