// Requests to the profiler that served this page. Every path gets its origin: if a page was opened with a
// password in its address, its requests must not contain it.
export const address = path => new URL(path, location.origin).href;

async function reason(answer) {
  const text = await answer.text();
  try {
    return JSON.parse(text).error;
  } catch {
    return text.trim() || `the profiler answered ${answer.status}`;
  }
}

export async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(address(path), options);
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Error('the profiler does not answer: has the program ended?');
  }
  if (!answer.ok) throw new Error(await reason(answer));
  return answer;
}

export const json = async (path, options) => (await ask(path, options)).json();

// 'path?a=1&b=2', with only the parameters that have a value.
export function query(path, parameters) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== '');
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}
